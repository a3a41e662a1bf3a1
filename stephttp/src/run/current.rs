//! The run whose handler this thread polls, for functions that are given none.

use std::cell::Cell;
use std::sync::Arc;

use super::Run;
use crate::function::FnOpts;

thread_local! {
    static CURRENT: Cell<Option<Arc<Run>>> = const { Cell::new(None) };
}

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
    if let Some(run) = &run {
        run.enter_without_step(opts);
    }
    CURRENT.set(run);
}
