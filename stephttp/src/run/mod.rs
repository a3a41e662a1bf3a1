//! A run, as far as this process knows it: one request's share of it.
//!
//! # The rooms
//!
//! | Asks | Modules |
//! |---|---|
//! | what do a request's layer, extractors and steps share? | this one: [`Run`] |
//! | is the handler polled again, and who is woken? | `drive`, `wakeup`, `executing`, `current` |
//! | which use of which id is a step, and what does it do when it is polled? | `claims`, `ids`, `steps` |
//! | what is stored, and what did this request add? | `memo`, `record`, `state` |
//! | may a step run here? | `mode` |
//! | whose result comes first? | `order`, `decision`, `stored_order` |
//! | what waits to be sent, and what is Inngest told when the handler waits? | `unsent`, `handover`, `delayed` |
//! | which function is it, and what do its options say? | `function` |
//! | what do middlewares make of it? | `hooks` |
//! | how does time pass without Inngest? what does a handler not come to any more? | `virtual_time`, `unclaimed` |
//!
//! # The life of a request
//!
//! 1. The layer makes a run: `first`, or `reentry` with what is stored and the mode that follows.
//!    `detached` is a unit test's. The request's driver polls the handler by `poll_handler`.
//! 2. A step's call claims its id. At its first poll it gets a slot in the order. In a first
//!    request it executes at once; in a re-entry it is pending until its turn comes, or the gate
//!    opens.
//! 3. The handler returns pending, and `after_poll` decides. A fault, or a stop, ends the request.
//!    A handler that has woken itself is polled again, some times.
//! 4. One result is given: the next of the stored order, or else the next that came. The step is
//!    woken, and the handler polled.
//! 5. When there is none, the gate opens: the steps that wait at it execute.
//! 6. A step that has ended is recorded as unsent, and resolved; one that failed, or that answers
//!    the request, is outstanding. The driver has `checkpoint` send what is unsent.
//! 7. A choice that others may make too is `Undecided`: the driver stores the proposal, and has the
//!    run learn what was stored.
//! 8. Nothing is left but what is outstanding: `Suspended`. The driver drops the handler.
//! 9. `hand_over` says what Inngest is told: hidden steps first, then what has it call back.
//! 10. `finish` ends the use of steps, `land` the request.
//!
//! # What always holds
//!
//! - The state's lock is never held while a handler, a step or a middleware is polled, nor over an
//!   await, and steps are woken after it is released. The locks of `hooks` and `wakeup` are taken
//!   under it, never the other way round.
//! - In a re-entry no step gives its result, and none begins, within the poll that first reaches
//!   it: what is stored comes first, so that whoever lost a race then does not begin now.
//! - Between two polls of the handler one result is given at most.
//! - While a middleware is at work, nothing is concluded from a poll.
//! - A run is suspended only with something outstanding, by a handler that has not woken itself,
//!   and with no step executing that the handler polls, or that is in a task of its own.
//! - No later request finds a step without the choices that led to it, but at the limit of steps.
//! - Of several requests at once one decides: whose proposal Inngest has stored first.
//! - One call of a request is in flight at a time. What has Inngest call back comes last, when the
//!   rest is stored or in the same call.
//! - Once closed, a run takes no more steps: their use panics, and who waits is woken to find out.
//!
//! # Words
//!
//! - **claim**: take one more use of an id. **slot**: a step's place in the order.
//! - **resolve**: a result is there. **turn**: it is the next. **give**: the handler may have it.
//! - **decision**: a turn, or a step that the handler dropped by itself, as it is stored.
//!   **choice**: a turn while others waited.
//! - **gate**: where new steps wait in a re-entry until all stored results have been given.
//! - **outstanding**: what only Inngest can bring about. **suspended**: nothing else is left.
//! - **hand over**: tell Inngest of it. **discovery**: to be called back at once, with no step
//!   named.
//! - **hidden step**: one that the SDK adds for itself, `stephttp:…`. It counts as a step.
//! - **plan**: report a step instead of running it, where several re-entries may be under way.
//!   **target**: the step that a re-entry was made for. **missed**: the handler did not come to it.
//! - **held**: the order waits for the handler to do by itself what it did before.
//! - **learn**: take what is stored by now. **proof**: Inngest has shown that the run goes on.
//! - **tracked**: a `Step` was extracted, so the request may be a run. **entered**: the handler's
//!   body has begun.
//! - **take off**, **land**: begin and cease to count among the requests in flight.

mod claims;
mod current;
mod decision;
mod delayed;
mod drive;
mod executing;
mod function;
mod handover;
mod hooks;
mod ids;
mod memo;
mod mode;
mod order;
mod record;
mod run_id;
mod state;
mod steps;
mod stored_order;
mod unclaimed;
mod unsent;
mod virtual_time;
mod wakeup;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, SystemTime};

use axum::extract::MatchedPath;
use http::HeaderMap;
use http::request::Parts;

pub(crate) use current::enter_current;
pub(crate) use decision::Decision;
pub(crate) use drive::Driven;
pub(crate) use executing::Executing;
use function::Function;
pub(crate) use handover::Unfinished;
use hooks::Hooks;
pub(crate) use hooks::{HookedCheckpoint, HookedStep};
pub(crate) use memo::{Memo, Memoized};
use mode::{END, Mode, START};
pub(crate) use record::{Recorded, StepKey};
pub use run_id::{InvalidRunId, RunId};
pub(crate) use state::{Held, Outstanding, Stopped};
pub(crate) use steps::{Begin, Ended, Place};
use tokio::time::Instant;

use crate::checkpoint::Ledger;
use crate::layer::{Dispatch, KeptParts, RecordedMethod, RequestBody, RequestHead};
use crate::provider::Shared;
use crate::remember::Remembered;
use crate::untrusted::Complaint;
use crate::wire::limits::RUN_STEPS;
use crate::wire::{ApiResult, StepHash};
use state::State;
use virtual_time::VirtualTime;
use wakeup::Wakeup;

/// What one request's layer, extractors and steps share.
///
/// The layer makes one for every request; most of it stays empty until a [`Step`](crate::Step) is extracted.
pub(crate) struct Run {
    origin: Origin,
    /// When the request came, by both clocks. The second is tokio's, which tests can put forward.
    began: (SystemTime, Instant),
    id: OnceLock<RunId>,
    function: OnceLock<Function>,
    /// Set once a `Step` was extracted: from then on the request is tracked.
    head: OnceLock<RequestHead>,
    /// The head as the layer saw it, where requests are recorded whose handlers have no `Step`.
    early_head: Option<Box<RequestHead>>,
    pub(crate) body: RequestBody,
    pub(crate) parts: KeptParts,
    pub(crate) remembered: Remembered,
    pub(crate) ledger: Ledger,
    state: Mutex<State>,
    wakeup: Wakeup,
    /// Nothing without middlewares.
    hooks: Option<Box<Hooks>>,
    /// The attribute's code at the top of the handler's body has run, or the handler has said its options.
    entered: AtomicBool,
    /// What the handler has said of its response's body since; see [`function`].
    response_body: AtomicU8,
    /// Not among the requests in flight any more.
    landed: AtomicBool,
    /// When Inngest has last shown that the run goes on: milliseconds after the request came.
    proven: AtomicU64,
    /// The route that Inngest has called back by GET.
    route: OnceLock<MatchedPath>,
}

/// For how long it is taken for granted that a run goes on which Inngest has shown to.
const PROOF: Duration = Duration::from_secs(1);

/// How a run came into this process.
enum Origin {
    /// A client's request.
    First(Arc<Shared>),
    /// Inngest's call back.
    Reentry(Box<Reentry>),
    /// No layer: steps run inline.
    Detached(VirtualTime),
}

/// What is known of a run when Inngest calls back.
struct Reentry {
    shared: Arc<Shared>,
    dispatch: Dispatch,
    /// Retries that the function has for sure, as long as its handler has not said how many.
    sure_retries: u8,
    mode: Mode,
}

impl Run {
    pub(crate) fn first(shared: Arc<Shared>, parts: &Parts) -> Self {
        let early_method = if shared.wants().head { RecordedMethod::of(&parts.method) } else { None };
        let early_head = early_method.map(|method| Box::new(RequestHead::new(parts, method)));
        shared.deliveries().take_off();
        let mut run = Self::new(Origin::First(shared));
        run.early_head = early_head;
        run.hooks = run.hooks_for(None, &parts.headers);
        run
    }

    pub(crate) fn reentry(
        shared: Arc<Shared>,
        dispatch: Dispatch,
        sure_retries: u8,
        memo: Memo,
        headers: &HeaderMap,
    ) -> Self {
        let mode = Mode::of(&dispatch, &memo);
        let (run_id, generation) = (dispatch.run_id, dispatch.generation());
        shared.deliveries().take_off();
        let mut run = Self::new(Origin::Reentry(Box::new(Reentry { shared, dispatch, sure_retries, mode })));
        run.id.get_or_init(|| run_id);
        run.hooks = run.hooks_for(Some(generation), headers);
        run.learn(memo);
        run
    }

    pub(crate) fn detached() -> Self {
        Self::new(Origin::Detached(VirtualTime::default()))
    }

    fn new(origin: Origin) -> Self {
        let decides = match &origin {
            Origin::First(_) => true,
            Origin::Reentry(reentry) => matches!(reentry.mode, Mode::RunsOn | Mode::Retries),
            Origin::Detached(_) => false,
        };
        Self {
            origin,
            began: (SystemTime::now(), Instant::now()),
            id: OnceLock::new(),
            function: OnceLock::new(),
            head: OnceLock::new(),
            early_head: None,
            body: RequestBody::default(),
            parts: KeptParts::default(),
            remembered: Remembered::default(),
            ledger: Ledger::default(),
            state: Mutex::new(State { decides, ..State::default() }),
            wakeup: Wakeup::default(),
            hooks: None,
            entered: AtomicBool::new(false),
            response_body: AtomicU8::new(0),
            landed: AtomicBool::new(false),
            proven: AtomicU64::new(0),
            route: OnceLock::new(),
        }
    }

    /// The run's id; made from the request's start when it is first asked for.
    pub(crate) fn id(&self) -> RunId {
        *self.id.get_or_init(|| RunId::new(self.began.0))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.1.elapsed()
    }

    /// The provider's parts; `None` without a layer.
    pub(crate) fn shared(&self) -> Option<&Arc<Shared>> {
        match &self.origin {
            Origin::First(shared) => Some(shared),
            Origin::Reentry(reentry) => Some(&reentry.shared),
            Origin::Detached(_) => None,
        }
    }

    /// Whether a log line that strangers can cause may be written; with how many of its kind were left out before it.
    pub(crate) fn admits_line(&self, complaint: Complaint) -> Option<u64> {
        self.shared().map_or(Some(0), |shared| shared.admits_line(complaint))
    }

    /// Whether whoever reads what a run comes to is a developer.
    pub(crate) fn is_dev(&self) -> bool {
        self.shared().is_none_or(|shared| shared.settings().is_dev())
    }

    fn reentered(&self) -> Option<&Reentry> {
        match &self.origin {
            Origin::Reentry(reentry) => Some(reentry),
            Origin::First(_) | Origin::Detached(_) => None,
        }
    }

    pub(crate) fn dispatch(&self) -> Option<&Dispatch> {
        self.reentered().map(|reentry| &reentry.dispatch)
    }

    /// Retries that a re-entry's function has for sure.
    pub(crate) fn sure_retries(&self) -> u8 {
        match self.reentered() {
            Some(reentry) if !self.is_entered() => reentry.sure_retries,
            _ => self.opts().retries(),
        }
    }

    /// Whether a re-entry's answer may ask for another attempt: one is left for sure.
    pub(crate) fn may_retry(&self) -> bool {
        self.dispatch().is_some_and(|dispatch| dispatch.may_ask_for_retry(self.sure_retries()))
    }

    /// What is stored under a hash; nothing in a first request.
    pub(crate) fn memoized(&self, hash: StepHash) -> Option<Memoized> {
        self.lock().stored(hash)
    }

    /// Takes what is stored by now.
    pub(crate) fn learn(&self, memo: Memo) {
        let mut state = self.lock();
        for (slot, key) in state.learn(memo) {
            self.resolve_stored(&mut state, slot, &key);
        }
    }

    /// How the run ends, if one of its re-entries has come to an end.
    pub(crate) fn end_of(memo: &Memo) -> Option<ApiResult<'static>> {
        memo.get(StepKey::hidden(END).hash)?.outcome().ok()?.ok()
    }

    /// When the run may have been handed over by a call whose answer was lost: milliseconds since the epoch.
    pub(crate) fn handed_over_at(memo: &Memo) -> Option<u64> {
        memo.get(StepKey::hidden(START).hash)?.outcome::<Option<u64>>().ok()?.ok()?
    }

    fn mode(&self) -> Option<Mode> {
        self.reentered().map(|reentry| reentry.mode)
    }

    /// From the moment that a `Step` is extracted, the request's body is kept and its handler's steps are counted. `false`:
    /// the request's method is none that a run can have.
    pub(crate) fn track(&self, parts: &Parts) -> bool {
        let Some(method) = RecordedMethod::of(&parts.method) else { return false };
        self.head.get_or_init(|| RequestHead::new(parts, method));
        if self.wants_parts() {
            self.parts.keep(parts);
        }
        true
    }

    fn wants_parts(&self) -> bool {
        matches!(&self.origin, Origin::First(shared) if shared.wants().parts)
    }

    pub(crate) fn is_tracked(&self) -> bool {
        self.head.get().is_some()
    }

    pub(crate) fn head(&self) -> Option<&RequestHead> {
        self.head.get()
    }

    /// Whether no further step can be stored.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().steps() >= RUN_STEPS
    }

    /// How many steps are known to be stored.
    pub(crate) fn known_steps(&self) -> usize {
        self.lock().memo.len()
    }

    /// How many hidden steps hold the order of the run's steps.
    pub(crate) fn stored_orders(&self) -> usize {
        self.lock().orders
    }

    /// What the handler must do by itself before it is given more results.
    pub(crate) fn held(&self) -> Option<Held> {
        self.lock().held
    }

    /// The handler does not come to where it came in an earlier request.
    pub(crate) fn pass_over(&self) {
        let mut state = self.lock();
        let before = state.order.progress();
        state.order.pass_over();
        let went_on = state.order.progress() > before;
        state.gave_up |= self.misses_its_step(&state) && !(went_on && state.order.withholds());
        drop(state);
        self.wakeup.notice();
    }

    /// Whether the request may turn out to be recorded.
    pub(crate) fn may_be_recorded(&self) -> bool {
        self.is_tracked() || self.early_head.is_some()
    }

    /// Whether the handler's body seems not to have begun: without the attribute only its steps tell.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.is_entered() && self.lock().is_unused()
    }

    pub(crate) fn is_entered(&self) -> bool {
        self.entered.load(Ordering::Relaxed)
    }

    /// Whether a step has begun or ended, so that the run must not be lost with its client.
    pub(crate) fn has_begun(&self) -> bool {
        let state = self.lock();
        state.added_steps > 0 || state.executing > 0
    }

    /// Whether a step's code has begun to run in this request: the backlog had room then.
    pub(crate) fn has_executed(&self) -> bool {
        self.lock().has_executed
    }

    /// The request is no longer in flight: its client has its answer, and what Inngest must know is on its way.
    pub(crate) fn land(&self) {
        if let Some(shared) = self.shared()
            && !self.landed.swap(true, Ordering::AcqRel)
        {
            shared.deliveries().land();
        }
    }

    /// Whether any step has been recorded in this request.
    pub(crate) fn has_steps(&self) -> bool {
        self.lock().added_steps > 0
    }

    /// Inngest does not want this request to go on: no further step begins.
    pub(crate) fn stop(&self, stopped: Stopped) {
        self.lock().stopped.get_or_insert(stopped);
        self.wakeup.wake();
    }

    /// Why the request must not go on, if so.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.lock().stopped
    }

    /// Inngest has just shown that the run goes on.
    pub(crate) fn prove(&self) {
        let elapsed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.proven.store(elapsed, Ordering::Relaxed);
    }

    /// Whether the run may have ended since Inngest has shown that it goes on: by another re-entry, or because somebody has
    /// cancelled it.
    pub(crate) fn may_be_over(&self) -> bool {
        let proven = Duration::from_millis(self.proven.load(Ordering::Relaxed));
        self.plans() || self.elapsed().saturating_sub(proven) >= PROOF
    }

    /// Ends the use of steps: the handler has answered.
    pub(crate) fn finish(&self) {
        let outstanding = self.close(self.lock());
        drop(outstanding);
        if self.wants_parts() {
            // What a middleware left in them may hold a `Step`, and so this run.
            drop(self.parts.take());
        }
    }

    fn close(&self, mut state: MutexGuard<'_, State>) -> Vec<Outstanding> {
        let (outstanding, strays) = state.close();
        drop(state);
        // Their polls panic with a message that says why; without this they would wait for ever.
        strays.into_iter().for_each(Waker::wake);
        outstanding
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; a poisoned one is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.release_backlog();
        self.land();
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("id", &self.id.get())
            .field("function", &self.function.get())
            .finish_non_exhaustive()
    }
}
