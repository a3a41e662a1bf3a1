//! The run whose handler this thread polls, for functions that are given none.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use super::Run;
use super::drive::is_polling;
use crate::function::{FnOpts, Track};

thread_local! {
    static CURRENT: Cell<Option<Arc<Run>>> = const { Cell::new(None) };
}

/// Functions that were called without a layer, which has been said.
static UNLAYERED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// While a handler is polled that may be such a function's.
pub(super) struct Current {
    outer: Option<Arc<Run>>,
}

impl Current {
    /// Nothing, in a program without a function that wants it, and once a handler has begun.
    pub(super) fn begin(run: &Arc<Run>) -> Option<Self> {
        let wanted = run.shared().is_some_and(|shared| shared.wants().head) && !run.is_entered();
        wanted.then(|| Self { outer: CURRENT.replace(Some(run.clone())) })
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        drop(CURRENT.replace(self.outer.take()));
    }
}

/// The body of a function without a `Step` has begun. One that is called without the layer, or in a task of its own, is in
/// no run.
pub(crate) fn enter_current(opts: &'static FnOpts) {
    let run = CURRENT.take();
    match &run {
        Some(run) => run.enter_without_step(opts),
        None if opts.track() == Track::Always && !is_polling() => warn_of_missing_layer(opts.id()),
        None => {}
    }
    CURRENT.set(run);
}

fn warn_of_missing_layer(function: &'static str) {
    let mut known = UNLAYERED.lock().unwrap_or_else(PoisonError::into_inner);
    if known.contains(&function) {
        return;
    }
    known.push(function);
    drop(known);
    tracing::warn!(
        function,
        "it has `track = always`, but is not recorded: its route has no stephttp layer, or its handler runs in a task of \
         its own. Add `.layer(provider.layer())` to the router, after its routes"
    );
}
