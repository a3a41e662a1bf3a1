//! A run, as far as this process knows it: one request's share of it.
//!
//! # The rooms
//!
//! | Asks | Modules |
//! |---|---|
//! | what do a request's layer, extractors and steps share? | this one: [`Run`] |
//! | what are the rules? | [`journal`](crate::journal), which a run asks under its lock: `journaled` |
//! | is the handler polled again, and who is woken? | `drive`, `wakeup`, `wakers`, `executing`, `on_thread` |
//! | which use of which id is a step, and what does it do when it is polled? | `claims`, `steps` |
//! | which function is it, and what do its options say? | `function`, `refused_opts` |
//! | what do middlewares make of it? | `hooks` |
//! | what does it remember of its client's request? | `remembered` |
//! | what does it tell its client before the response? | `streaming` |
//! | in which version of the program did it begin? | `version` |
//! | how does time pass without Inngest? what does a handler not come to any more? | `virtual_time`, `unclaimed` |
//! | what is a replay test told? | `observed` |
//!
//! # The life of a request
//!
//! 1. The layer makes a run: `first`, or `reentry` with what is stored and the mode that follows.
//!    `detached` is a unit test's. The request's driver polls the handler by `poll_handler`.
//! 2. A step's call claims its id. At its first poll it gets a slot in the order, and is pending
//!    until its turn comes, or the gate opens.
//! 3. The handler returns pending, and the journal's `after_poll` decides. A fault, or a stop, ends
//!    the request. A handler that has woken itself is polled again, some times.
//! 4. One result is given: the next of the stored order, or else the next that came. The step is
//!    woken, and the handler polled.
//! 5. When there is none, the gate opens: the steps that wait at it execute, in a shared run those
//!    that are claimed. It stays shut while Inngest has not been told of a wait that could miss
//!    what a step brings about.
//! 6. A step that has ended is recorded as unsent, and resolved; one that failed, or that answers
//!    the request, is outstanding. The driver has `checkpoint` send what is unsent.
//! 7. What others may decide too, all have to agree on: the driver stores the proposal, and has the
//!    run learn what was stored. Steps that execute go on meanwhile.
//! 8. Nothing is left but what is outstanding: `Suspended`. The driver drops the handler.
//! 9. `hand_over` says what Inngest is told: hidden steps first, then what has it call back.
//! 10. `finish` ends the use of steps, `request_over` says that the request is.
//!
//! # What always holds
//!
//! - The state's lock is never held while a handler, a step or a middleware is polled, nor over an
//!   await, and steps are woken after it is released. The locks of `hooks` and `wakeup` are taken
//!   under it, never the other way round.
//! - No step gives its result, and none begins, within the poll that first reaches it: what is
//!   stored comes first, so that whoever lost a race then does not begin now, and so do waits that
//!   Inngest has to know of.
//! - Between two polls of the handler one result is given at most.
//! - While a middleware is at work, nothing is concluded from a poll.
//! - A run is suspended only with something outstanding, by a handler that has not woken itself,
//!   and with no step executing that the handler polls, or that is in a task of its own.
//! - No later request finds a step without the choices that led to it, but at the limit of steps.
//! - Of several requests at once one decides: whose proposal Inngest has stored first. None runs
//!   what another job has claimed, and no job ends while others wait for what it has claimed.
//! - One call of a request is in flight at a time. What has Inngest call back comes last, when the
//!   rest is stored or in the same call.
//! - Once closed, a run takes no more steps: their use panics, and who waits is woken to find out.
//!
//! # Words
//!
//! - **claim** (of an id): take one more use of it. **slot**: a step's place in the order.
//! - **resolve**: a result is there. **turn**: it is the next. **give**: the handler may have it.
//! - **decision**: a turn, or a step that the handler dropped by itself, as it is stored.
//!   **choice**: a turn while others waited.
//! - **gate**: where new steps wait in a re-entry until all stored results have been given.
//! - **outstanding**: what only Inngest can bring about. **suspended**: nothing else is left.
//! - **hand over**: tell Inngest of it. **discovery**: to be called back at once, with no step
//!   named.
//! - **hidden step**: one that the SDK adds for itself, `stephttp:…`. It counts as a step.
//! - **alone**, **shared**: whether other re-entries of the run may be under way. **log**: what has
//!   happened next in a run, as hidden steps hold it: decisions, claims, failed attempts.
//!   **agree**: propose what comes next in the log, and read what was taken.
//! - **claim** (of a job): that it runs a step, and nobody else does. **release**: leave it to
//!   others. **postpone**: have another job ask for a step's retry. **told**: Inngest surely knows
//!   of a wait.
//! - **awaited**: what the handler has to do by itself, as it did before, until the order goes on.
//! - **learn**: take what is stored by now. **proof**: Inngest has shown that the run goes on.
//! - **tracked**: a `Step` was extracted, so the request may be a run. **entered**: the handler's
//!   body has begun. **cut off**: a body that has begun, and does not come to its end.
//! - **in flight**: from `request_began` to `request_over`, which may come after the client has its
//!   answer. An execution **starts** once, and a step **begins**.

mod claims;
mod drive;
mod executing;
mod function;
mod hooks;
mod journaled;
mod observed;
mod on_thread;
mod refused_opts;
mod remembered;
mod steps;
mod streaming;
mod unclaimed;
mod version;
mod virtual_time;
mod wakers;
mod wakeup;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

use axum::extract::MatchedPath;
use http::HeaderMap;
use http::request::Parts;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use drive::Driven;
pub(crate) use executing::Executing;
use function::Function;
use hooks::Hooks;
pub(crate) use hooks::{HookedCheckpoint, HookedStep};
pub(crate) use on_thread::enter_current;
use on_thread::watches_replays;
#[cfg(feature = "replay-filter")]
pub(crate) use on_thread::{is_replaying, watch_replays};
pub(crate) use refused_opts::RefusedOpts;
pub(crate) use steps::{Begin, Ended, Place};

use crate::app::App;
use crate::delivery::{Ledger, Owner};
use crate::exchange::{Dispatch, Keeps, KeptParts, RecordedMethod, RequestBody, RequestHead};
use crate::function::Whose;
use crate::journal::{Job, Journal, Memo, Mode, Piped, is_streamed};
use crate::streaming::RunStream;
use crate::sync::lock;
use crate::untrusted::Complaint;
use crate::wire::RunId;
use remembered::Remembered;
use version::KeptVersion;
use virtual_time::VirtualTime;
use wakers::Wakers;
use wakeup::Wakeup;

/// What one request's layer, extractors and steps share.
///
/// The layer makes one for every request; most of it stays empty until a [`Step`](crate::Step) is
/// extracted.
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
    /// Apart, so that each of the two is small enough for what allocators keep at hand.
    state: Box<Mutex<State>>,
    wakeup: Wakeup,
    /// Nothing without middlewares.
    hooks: Option<Box<Hooks>>,
    /// How far the handler's body has come; see [`function`].
    progress: AtomicU8,
    /// What the handler has said of its response's body since; see [`function`].
    response_body: AtomicU8,
    /// The handler was given an error of a step, which it will be given each time.
    has_step_error: AtomicBool,
    /// Not among the requests in flight any more.
    over: AtomicBool,
    /// When Inngest has last shown that the run goes on: milliseconds after the request came.
    proven: AtomicU64,
    /// The route that Inngest has called back by GET.
    route: OnceLock<MatchedPath>,
    /// What the client reads before its response, if it has asked for that.
    stream: OnceLock<Arc<RunStream>>,
    /// What a first request has to note of its steps if the run is handed over.
    piped: Mutex<Vec<Piped>>,
}

/// How long operations gather, at least, before they are sent again.
const WAIT_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// For how long it is taken for granted that a run goes on which Inngest has shown to.
pub(crate) const PROOF: Duration = Duration::from_secs(1);

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
    version: KeptVersion,
}

impl Run {
    pub(crate) fn first(app: Arc<App>, parts: &Parts) -> Self {
        let early_method = if app.wants().head { RecordedMethod::of(&parts.method) } else { None };
        let early_head = early_method.map(|method| Box::new(RequestHead::new(parts, method)));
        app.deliveries().request_began();
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
        let mode = Mode::of(&memo);
        let (run_id, generation) = (dispatch.run_id, dispatch.generation());
        app.deliveries().request_began();
        let mut run = Self::new(Origin::Reentry(Box::new(Reentry {
            app,
            dispatch,
            sure_retries,
            mode,
            version: KeptVersion::default(),
        })));
        run.id.get_or_init(|| run_id);
        run.hooks = run.hooks_for(Some(generation), headers);
        let is_streamed = is_streamed(&memo);
        if is_streamed {
            run.resume_stream(generation > 1 || run.mode() == Mode::Shared);
        }
        if (is_streamed || watches_replays()) && !run.had_unclaimed_steps() {
            run.lock().journal.watch_replay();
        }
        run.learn(memo);
        run
    }

    pub(crate) fn detached() -> Self {
        Self::new(Origin::Detached(VirtualTime::default()))
    }

    fn new(origin: Origin) -> Self {
        let (mode, job) = match &origin {
            Origin::Reentry(reentry) => {
                let (id, generation) = (reentry.dispatch.job_id.clone(), reentry.dispatch.generation());
                (reentry.mode, Job { id, generation })
            }
            Origin::First(_) | Origin::Detached(_) => (Mode::First, Job::default()),
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
            state: Box::new(Mutex::new(State {
                journal: Journal::new(mode, job),
                wakers: Wakers::default(),
            })),
            wakeup: Wakeup::default(),
            hooks: None,
            progress: AtomicU8::new(0),
            response_body: AtomicU8::new(0),
            has_step_error: AtomicBool::new(false),
            over: AtomicBool::new(false),
            proven: AtomicU64::new(0),
            route: OnceLock::new(),
            stream: OnceLock::new(),
            piped: Mutex::default(),
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

    /// Whether a log line that strangers can cause may be written; with how many of its kind were
    /// left out before it.
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
            _ => self.opts().get_retries(),
        }
    }

    /// Whether a re-entry's answer may ask for another attempt: one is left for sure.
    pub(crate) fn may_retry(&self) -> bool {
        self.dispatch().is_some_and(|dispatch| dispatch.may_ask_for_retry(self.sure_retries()))
    }

    fn mode(&self) -> Mode {
        self.reentered().map_or(Mode::First, |reentry| reentry.mode)
    }

    /// From the moment that a `Step` is extracted, the request's body is kept and its handler's
    /// steps are counted. `false`: the request's method is none that a run can have.
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

    /// Whether the handler's body seems not to have begun: without the attribute only its steps
    /// tell.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.is_entered() && self.lock().journal.is_unused()
    }

    /// The request is no longer in flight: its client has its answer, and what Inngest must know is
    /// on its way.
    pub(crate) fn request_over(&self) {
        if let Some(app) = self.app()
            && !self.over.swap(true, Ordering::AcqRel)
        {
            app.deliveries().request_over();
        }
    }

    /// Inngest has just shown that the run goes on.
    pub(crate) fn prove(&self) {
        let elapsed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.proven.store(elapsed, Ordering::Relaxed);
    }

    /// Whether the run may have ended since Inngest has shown that it goes on: by another re-entry,
    /// or because somebody has cancelled it.
    pub(crate) fn may_be_over(&self) -> bool {
        let proven = Duration::from_millis(self.proven.load(Ordering::Relaxed));
        self.mode() == Mode::Shared || self.elapsed().saturating_sub(proven) >= PROOF
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
        app.deliveries().spawn(self, work)
    }

    /// The backlog holds nothing for this run any more.
    pub(crate) fn release_backlog(&self) {
        if let Some(app) = self.app() {
            self.ledger.release(app.backlog(), usize::MAX);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// What a run's lock guards. It is never held while a handler, a step or a middleware is polled, or
/// a waker is woken.
#[derive(Debug)]
struct State {
    journal: Journal,
    wakers: Wakers,
}

impl Owner for Run {
    fn run_id(&self) -> RunId {
        self.id()
    }

    fn whose(&self) -> Whose {
        self.whose()
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
        self.request_over();
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
