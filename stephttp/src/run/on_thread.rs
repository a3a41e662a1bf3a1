//! What this thread polls at the moment: whose handler, in which span, and whose step.
//!
//! A run is told by its address, which nobody else has as long as it is polled.

use std::cell::{Cell, RefCell};
use std::sync::TryLockError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tracing::Span;
use tracing::span::EnteredSpan;

use super::Run;
use crate::function::{FnOpts, Track};
use crate::sync::lock;
use crate::wire::StepHash;

thread_local! {
    /// The run whose handler this thread polls.
    static HANDLER: Cell<usize> = const { Cell::new(0) };
    /// The same run, for functions that are given no `Step`: none once its handler has begun.
    static UNENTERED: Cell<Option<Arc<Run>>> = const { Cell::new(None) };
    /// The same run in a re-entry, where it is asked for; none while a middleware is at work.
    static REPLAYED: Cell<Option<Arc<Run>>> = const { Cell::new(None) };
    /// The span of the execution whose handler this thread polls; it may begin within the poll.
    static SPAN: RefCell<Option<EnteredSpan>> = const { RefCell::new(None) };
    /// The run whose step this thread polls, and which step.
    static STEP: Cell<(usize, Option<StepHash>)> = const { Cell::new((0, None)) };
}

/// Functions that were called without a layer, which has been said. They have no provider then that
/// could remember it, so the process does.
static UNLAYERED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// Whether somebody asks which handlers do again what they have done before: of the process, as
/// subscribers are.
static WATCHED: AtomicBool = AtomicBool::new(false);

fn address(run: &Run) -> usize {
    std::ptr::from_ref(run).addr()
}

/// While a handler is polled.
pub(super) struct PollingHandler {
    outer: usize,
    /// `Some` where functions without a `Step` are recorded.
    outer_unentered: Option<Option<Arc<Run>>>,
    /// `Some` where the run has middlewares.
    outer_span: Option<Option<EnteredSpan>>,
    /// `Some` where replays are asked for.
    outer_replayed: Option<Option<Arc<Run>>>,
}

impl PollingHandler {
    pub(super) fn begin(run: &Arc<Run>) -> Self {
        let wants_unentered = run.app().is_some_and(|app| app.wants().head) && !run.is_entered();
        Self {
            outer: HANDLER.replace(address(run)),
            outer_unentered: wants_unentered.then(|| UNENTERED.replace(Some(run.clone()))),
            outer_span: run.has_hooks().then(|| SPAN.replace(run.execution_span().map(Span::entered))),
            outer_replayed: watches_replays()
                .then(|| REPLAYED.replace(run.is_reentry().then(|| run.clone()))),
        }
    }
}

impl Drop for PollingHandler {
    fn drop(&mut self) {
        HANDLER.set(self.outer);
        if let Some(outer) = self.outer_unentered.take() {
            drop(UNENTERED.replace(outer));
        }
        if let Some(outer) = self.outer_span.take() {
            drop(SPAN.replace(outer));
        }
        if let Some(outer) = self.outer_replayed.take() {
            drop(REPLAYED.replace(outer));
        }
    }
}

/// The execution's span begins while its handler is polled.
pub(super) fn enter_span_within_poll(span: Span) {
    SPAN.with_borrow_mut(|entered| *entered = Some(span.entered()));
}

/// From now on, replays are asked for.
#[cfg_attr(not(feature = "replay-filter"), allow(dead_code, reason = "the filter alone asks"))]
pub(crate) fn watch_replays() {
    WATCHED.store(true, Ordering::Relaxed);
}

/// Whether replays are asked for.
pub(super) fn watches_replays() -> bool {
    WATCHED.load(Ordering::Relaxed)
}

/// Whether this thread polls a handler that does what it has surely done in an earlier request.
#[cfg_attr(not(feature = "replay-filter"), allow(dead_code, reason = "the filter alone asks"))]
pub(crate) fn is_replaying() -> bool {
    let of_run = |replayed: &Cell<Option<Arc<Run>>>| {
        let run = replayed.take();
        let is_replaying = run.as_ref().is_some_and(|run| run.is_replaying());
        replayed.set(run);
        is_replaying
    };
    // Destructors of other threads' values may write lines when this one is gone.
    REPLAYED.try_with(of_run).unwrap_or(false)
}

/// While a middleware is at work within a handler's poll: what it does is not the handler's.
pub(super) struct InMiddleware(Option<Arc<Run>>);

impl InMiddleware {
    pub(super) fn begin() -> Self {
        Self(REPLAYED.take())
    }
}

impl Drop for InMiddleware {
    fn drop(&mut self) {
        REPLAYED.set(self.0.take());
    }
}

/// While a step's future is polled.
pub(crate) struct PollingStep {
    outer: (usize, Option<StepHash>),
}

impl PollingStep {
    pub(super) fn begin(run: &Run, step: StepHash) -> Self {
        Self { outer: STEP.replace((address(run), Some(step))) }
    }
}

impl Drop for PollingStep {
    fn drop(&mut self) {
        STEP.set(self.outer);
    }
}

/// The step that this thread polls, if it is one of this run.
pub(super) fn step_on_this_thread(run: &Run) -> Option<StepHash> {
    let (of, step) = STEP.get();
    step.filter(|_| of == address(run))
}

impl Run {
    /// Whether this thread polls this run's handler: a step in a task of its own does not.
    pub(super) fn is_being_polled(&self) -> bool {
        HANDLER.get() == address(self)
    }

    /// Whether the handler does what it has surely done in an earlier request. What comes before
    /// the extraction of its `Step` may not be the handler's.
    pub(super) fn is_replaying(&self) -> bool {
        // Lines are written under the lock, too, by the journal.
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.is_tracked() && state.journal.is_replaying()
    }

    /// Whether this thread polls one of the run's steps.
    pub(super) fn is_executing_here(&self) -> bool {
        STEP.get().0 == address(self)
    }
}

/// The body of a function without a `Step` has begun. One that is called without the layer, or in a
/// task of its own, is in no run.
pub(crate) fn enter_current(opts: &'static FnOpts) {
    let run = UNENTERED.take();
    match &run {
        Some(run) => run.enter_without_step(opts),
        None if opts.get_track() == Track::Always && HANDLER.get() == 0 => warn_of_missing_layer(opts.id()),
        None => {}
    }
    UNENTERED.set(run);
}

fn warn_of_missing_layer(function: &'static str) {
    let mut known = lock(&UNLAYERED);
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
