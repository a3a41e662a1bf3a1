//! A run, as far as this process knows it: one request's share of it.

mod claims;
mod drive;
mod executing;
mod function;
mod handover;
mod hooks;
mod on_thread;
mod remembered;
mod steps;
mod unclaimed;
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

pub(crate) use drive::Driven;
pub(crate) use executing::Executing;
use function::Function;
pub(crate) use handover::Unfinished;
use hooks::Hooks;
pub(crate) use hooks::{HookedCheckpoint, HookedStep};
pub(crate) use on_thread::enter_current;
pub(crate) use steps::{Begin, Ended, Place};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::app::App;
use crate::delivery::Ledger;
use crate::exchange::{Dispatch, Keeps, KeptParts, RecordedMethod, RequestBody, RequestHead};
use crate::journal::{
    END, Held, Memo, Memoized, Mode, Outstanding, Recorded, START, State, StepKey, Stopped,
};
use crate::untrusted::Complaint;
use crate::wire::RunId;
use crate::wire::limits::RUN_STEPS;
use crate::wire::{ApiResult, OpCode, StepHash};
use remembered::Remembered;
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

/// How long operations gather, at least, before they are sent again.
const WAIT_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// For how long it is taken for granted that a run goes on which Inngest has shown to.
const PROOF: Duration = Duration::from_secs(1);

/// What the layer leaves in a request's extensions for the extractors.
#[derive(Clone)]
pub(crate) struct CurrentRun(pub(crate) Arc<Run>);

/// How a run came into this process.
enum Origin {
    /// A client's request.
    First(Arc<App>),
    /// Inngest's call back.
    Reentry(Box<Reentry>),
    /// No layer: steps run inline.
    Detached(VirtualTime),
}

/// What is known of a run when Inngest calls back.
struct Reentry {
    app: Arc<App>,
    dispatch: Dispatch,
    /// Retries that the function has for sure, as long as its handler has not said how many.
    sure_retries: u8,
    mode: Mode,
}

impl Run {
    pub(crate) fn first(app: Arc<App>, parts: &Parts) -> Self {
        let early_method = if app.wants().head { RecordedMethod::of(&parts.method) } else { None };
        let early_head = early_method.map(|method| Box::new(RequestHead::new(parts, method)));
        app.deliveries().take_off();
        let mut run = Self::new(Origin::First(app));
        run.early_head = early_head;
        run.hooks = run.hooks_for(None, &parts.headers);
        run
    }

    pub(crate) fn reentry(
        app: Arc<App>,
        dispatch: Dispatch,
        sure_retries: u8,
        memo: Memo,
        headers: &HeaderMap,
    ) -> Self {
        let mode = Mode::of(dispatch.step, dispatch.generation(), &memo);
        let (run_id, generation) = (dispatch.run_id, dispatch.generation());
        app.deliveries().take_off();
        let mut run = Self::new(Origin::Reentry(Box::new(Reentry { app, dispatch, sure_retries, mode })));
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
    pub(crate) fn app(&self) -> Option<&Arc<App>> {
        match &self.origin {
            Origin::First(app) => Some(app),
            Origin::Reentry(reentry) => Some(&reentry.app),
            Origin::Detached(_) => None,
        }
    }

    /// Whether a log line that strangers can cause may be written; with how many of its kind were left out before it.
    pub(crate) fn admits_line(&self, complaint: Complaint) -> Option<u64> {
        self.app().map_or(Some(0), |app| app.admits_line(complaint))
    }

    /// Whether whoever reads what a run comes to is a developer.
    pub(crate) fn is_dev(&self) -> bool {
        self.app().is_none_or(|app| app.settings().is_dev())
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
            self.keep_parts(parts.clone());
        }
        true
    }

    /// Keeps the request's parts, in place of earlier ones.
    fn keep_parts(&self, mut parts: Parts) {
        // The extension holds the run, which holds these parts.
        parts.extensions.remove::<CurrentRun>();
        self.parts.keep(parts);
    }

    fn wants_parts(&self) -> bool {
        matches!(&self.origin, Origin::First(app) if app.wants().parts)
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

    /// Notes where the function is, for re-entries that cannot get to their handler.
    pub(crate) fn learn_route(&self) {
        if let (true, Some(app), Some(head)) = (self.is_entered(), self.app(), self.head()) {
            app.routes().learn(head, self.opts());
        }
    }

    /// Whether the handler's body seems not to have begun: without the attribute only its steps tell.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.is_entered() && self.lock().is_unused()
    }

    pub(crate) fn is_entered(&self) -> bool {
        self.entered.load(Ordering::Relaxed)
    }

    /// Whether there is anything to tell Inngest.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.lock().unsent.is_empty()
    }

    /// Whether there is anything to tell Inngest before this request's part of the run ends.
    pub(crate) fn has_unsent_finished(&self) -> bool {
        self.lock().unsent.iter().any(|op| op.op() == OpCode::StepRun)
    }

    /// Gives up the last of what could not be sent.
    pub(crate) fn forget_last(&self, count: usize) {
        let mut ops = self.take_unsent();
        ops.truncate(ops.len().saturating_sub(count));
        self.put_back(ops);
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
        if let Some(app) = self.app()
            && !self.landed.swap(true, Ordering::AcqRel)
        {
            app.deliveries().land();
        }
    }

    /// Whether any step has been recorded in this request.
    pub(crate) fn has_steps(&self) -> bool {
        self.lock().added_steps > 0
    }

    pub(crate) fn record(&self, op: Recorded) {
        self.lock().record(op);
    }

    pub(crate) fn take_unsent(&self) -> Vec<Recorded> {
        self.lock().take_unsent()
    }

    /// What has not been sent, as far as it fits into one message. The rest is given up: its steps run again.
    pub(crate) fn take_unsent_within(&self, mut bytes: usize) -> Vec<Recorded> {
        let mut ops = self.take_unsent();
        let fits = ops.iter().take_while(|op| {
            let fits = op.size() <= bytes;
            bytes = bytes.saturating_sub(op.size());
            fits
        });
        ops.truncate(fits.count());
        ops
    }

    pub(crate) fn put_back(&self, ops: Vec<Recorded>) {
        self.lock().put_back(ops);
    }

    /// A first request's operations could not be sent: its driver has to see to it, also when its handler does nothing.
    pub(crate) fn notice_failed_checkpoint(&self) {
        if self.is_first() {
            self.wakeup.notice();
        }
    }

    /// Inngest does not want this request to go on: no further step begins.
    pub(crate) fn stop(&self, stopped: Stopped) {
        self.lock().stopped.get_or_insert(stopped);
        self.wakeup.wake();
    }

    /// What had ended is saved, or cannot be for now.
    pub(crate) fn saved(&self, in_vain: bool) {
        let mut state = self.lock();
        if state.saves_first && (in_vain || state.unsent.is_empty()) {
            state.saves_first = false;
            drop(state);
            self.wakeup.notice();
        }
    }

    /// Notes which route Inngest has called back by GET.
    pub(crate) fn note_route(&self, path: MatchedPath) {
        self.route.get_or_init(|| path);
    }

    /// The route that Inngest has called back by GET.
    pub(crate) fn route(&self) -> Option<&MatchedPath> {
        self.route.get()
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

    /// Runs after the time in which operations gather.
    pub(crate) fn linger(&self) -> tokio::time::Sleep {
        let linger = self.app().map_or(Duration::ZERO, |app| app.settings().linger);
        let failing = self.ledger.is_failing();
        tokio::time::sleep(if failing { linger.max(WAIT_AFTER_FAILURE) } else { linger })
    }

    /// Runs a future in a task that [`Provider::wait`](crate::Provider::wait) waits for.
    pub(crate) fn in_background<T: Send + 'static>(
        self: Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        let app = self.app()?.clone();
        app.deliveries().spawn(self.id(), work)
    }

    /// The backlog holds nothing for this run any more.
    pub(crate) fn release_backlog(&self) {
        if let Some(app) = self.app() {
            self.ledger.release(app.backlog(), usize::MAX);
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

impl Keeps for Run {
    fn body(&self) -> &RequestBody {
        &self.body
    }

    fn may_be_recorded(&self) -> bool {
        self.is_tracked() || self.early_head.is_some()
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
