//! The engine: runs, their jobs, and what becomes of them. It knows nothing of the API's HTTP.
//!
//! All state is in one struct behind a lock that is never held while waiting. One task, the
//! scheduler, takes jobs that are due; each dispatch is a task of its own and puts its outcome back
//! under the lock.
//!
//! [`State`] and [`Engine`] are common to all files of this folder, which stand in an order
//! (`tests/layers.rs` holds it): what operations, requests and answers say; runs, waits and jobs;
//! what operations do to a run, each kind in a file of its own; and what comes from outside.

mod answer;
mod apply;
mod call;
mod checkpoint;
mod clients;
mod complete;
mod condition;
mod delay;
mod dispatch;
mod errand;
mod events;
mod flow;
mod gateway;
mod history;
mod invoke;
mod late;
mod log;
mod new_run;
mod number;
mod op;
mod record;
mod result;
mod run;
mod source;
mod standing;
mod steps;
mod streams;
mod wait;
mod waits;
mod work;

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inngest::signature::SigningKey;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use self::call::Tickets;
pub(crate) use self::checkpoint::{AsyncRefusal, StepsRefusal};
pub(crate) use self::delay::Backoff;
use self::errand::Errand;
use self::invoke::Endpoint;
pub(crate) use self::late::Mischief;
use self::log::Log;
pub(crate) use self::new_run::NewRunRefusal;
pub(crate) use self::run::{Ending, Reply, Run};
pub(crate) use self::streams::Taken;
use self::wait::Waits;
use self::work::{Next, Work};

use crate::clock::{Clock, Moment, Time};
use crate::fault::InjectedFault;
use crate::function::Function;
use crate::inspect::{RunStatus, RunView};
use crate::notice::Notice;
use crate::realtime::Realtime;
use crate::sync::lock;

/// What a server was started with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) clock: Clock,
    pub(crate) backoff: Backoff,
    pub(crate) signing_key: Option<SigningKey>,
    /// Ids of steps by which concurrent re-entries agree on a value; they may be saved more than
    /// once.
    pub(crate) registers: Vec<String>,
    pub(crate) kept: Option<usize>,
    /// The one key for events; `None` when any will do.
    pub(crate) event_key: Option<String>,
    /// Stand-in functions by their ids.
    pub(crate) functions: HashMap<String, Function>,
    /// How long tests wait for something.
    pub(crate) patience: Duration,
}

/// A running engine.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    state: Mutex<State>,
    /// Told of every change of state.
    changed: watch::Sender<()>,
    wake: Notify,
    /// Calls apps.
    http: reqwest::Client,
    /// Calls third parties.
    outside: reqwest::Client,
    /// The engine itself, for tasks.
    me: Weak<Self>,
    /// `None` once the engine has been stopped: tasks hold the engine, so none may begin after
    /// that.
    tasks: Mutex<Option<JoinSet<()>>>,
}

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) runs: HashMap<String, Run>,
    /// Run ids in the order of creation.
    pub(crate) order: Vec<String>,
    pub(crate) work: Work,
    pub(crate) log: Log,
    pub(crate) faults: Vec<InjectedFault>,
    /// Whether every call is refused.
    pub(crate) down: bool,
    /// Each function's latest method, which is what re-entries use.
    methods: HashMap<String, http::Method>,
    /// Endpoints by their slugs, as their latest requests showed them.
    endpoints: HashMap<String, Endpoint>,
    /// Stand-in functions by their ids.
    pub(crate) functions: HashMap<String, Function>,
    waits: Waits,
    /// Ids of steps whose waits do not time out.
    pub(crate) lasting: HashSet<String>,
    /// Ids of events that have come.
    event_ids: HashSet<String>,
    /// What is to be done as soon as the lock is free.
    outbox: Vec<Errand>,
    pub(crate) tickets: Tickets,
    /// Runs and steps for which third parties are being called.
    calling: Vec<(String, String)>,
    backoff: Backoff,
    registers: Vec<String>,
    pub(crate) mischief: Mischief,
    pub(crate) realtime: Realtime,
}

impl Engine {
    pub(crate) fn start(settings: Settings) -> std::io::Result<Arc<Self>> {
        let (http, outside) = (clients::apps()?, clients::outside()?);
        let time = Time::new(settings.clock);
        let state = State {
            runs: HashMap::new(),
            order: Vec::new(),
            log: Log::keeping(settings.kept, time.now()),
            work: Work::new(time),
            faults: Vec::new(),
            down: false,
            methods: HashMap::new(),
            endpoints: HashMap::new(),
            functions: settings.functions.clone(),
            waits: Waits::default(),
            lasting: HashSet::new(),
            event_ids: HashSet::new(),
            outbox: Vec::new(),
            tickets: Tickets::default(),
            calling: Vec::new(),
            backoff: settings.backoff,
            registers: settings.registers.clone(),
            mischief: Mischief::default(),
            realtime: Realtime::keeping(settings.kept),
        };
        let engine = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            settings,
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            wake: Notify::new(),
            http,
            outside,
            tasks: Mutex::new(Some(JoinSet::new())),
        });
        engine.spawn(schedule(Arc::clone(&engine)));
        Ok(engine)
    }

    /// Runs a task that ends with the engine.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = &mut *lock(&self.tasks) {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    /// Ends every task; answers them, so that their end can be waited for.
    pub(crate) fn stop(&self) -> Option<JoinSet<()>> {
        let mut tasks = lock(&self.tasks).take()?;
        tasks.abort_all();
        Some(tasks)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.log.now = state.now();
        let result = change(&mut state);
        state.tick_realtime();
        let errands = std::mem::take(&mut state.outbox);
        drop(state);
        self.changed.send_replace(());
        self.wake.notify_one();
        for errand in errands {
            let Some(engine) = self.me.upgrade() else { break };
            self.spawn(async move { engine.run_errand(errand).await });
        }
        result
    }

    /// Is told of every change of state.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Moves a manual clock on, and waits until all that is due by then has been answered, but no
    /// longer than patience lasts; the error says how things stand then.
    pub(crate) async fn advance(&self, duration: Duration) -> Result<(), String> {
        let target = self.change(|state| state.work.time.allow(duration));
        let quiet = |state: &State| state.work.quiet_until(target).then_some(());
        self.patiently(self.until(quiet)).await?;
        self.change(|state| state.work.time.reach(target));
        // What is due now that time has come exactly there.
        self.patiently(self.until(quiet)).await
    }

    /// Waits until a look at the state finds something.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = self.read(&mut look) {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changed.changed().await;
        }
    }

    /// Waits for something, but no longer than patience lasts; answers how things stand then.
    pub(crate) async fn patiently<T>(&self, awaited: impl Future<Output = T>) -> Result<T, String> {
        #[expect(
            clippy::disallowed_types,
            reason = "a runtime whose time is paused is no measure of patience"
        )]
        let began = std::time::Instant::now();
        let mut awaited = pin!(awaited);
        loop {
            let left = self.settings.patience.saturating_sub(began.elapsed());
            match tokio::time::timeout(left, &mut awaited).await {
                Ok(found) => return Ok(found),
                Err(_) if left.is_zero() => return Err(self.read(State::standing)),
                // The runtime's time was put forward.
                Err(_) => {}
            }
        }
    }
}

impl State {
    pub(crate) fn now(&self) -> SystemTime {
        self.work.time.now()
    }

    /// The moment at which something is noted of a run.
    pub(crate) fn touch(&mut self, run_id: &str) -> Moment {
        let moment = self.log.moment();
        if let Some(run) = self.runs.get_mut(run_id) {
            if run.touched == 0 {
                (run.began, run.heard) = (moment, moment);
            }
            run.touched = moment.order;
        }
        moment
    }

    /// Takes note of a new run. Of those that began long ago less is kept.
    fn add_run(&mut self, run: Run) {
        let run_id = run.id.clone();
        self.runs.insert(run_id.clone(), run);
        self.touch(&run_id);
        let old = self.log.kept().and_then(|kept| self.order.len().checked_sub(kept));
        if let Some(old) = old.and_then(|place| self.runs.get_mut(&self.order[place])) {
            old.forget_history();
        }
        self.order.push(run_id);
    }

    pub(crate) fn view(&self, run_id: &str) -> Option<RunView> {
        self.runs.get(run_id).map(|run| run.view(if run.stored { self.work.outstanding(run_id) } else { 0 }))
    }

    /// A run whose state is there: it has not ended.
    pub(crate) fn running(&self, run_id: &str) -> Option<&Run> {
        self.runs.get(run_id).filter(|run| run.stored)
    }

    /// Whether a run is over.
    pub(crate) fn is_over(&self, run_id: &str) -> bool {
        self.runs.get(run_id).is_some_and(|run| !run.stored)
    }

    /// Ends a run. What it still had to do is dropped, but for what is under way or due already.
    pub(crate) fn end(&mut self, run_id: &str, ending: Ending) {
        let Some(run) = self.runs.get_mut(run_id) else { return };
        if !run.stored {
            return self.end_again(run_id, ending);
        }
        let status = ending.status;
        let moment = self.log.moment();
        run.touched = moment.order;
        run.ended = Some(moment);
        run.stored = false;
        let first = run.ending.is_none();
        let invoked = run.invoker.clone().filter(|_| first).map(|invoker| (invoker, ending.clone()));
        run.ending = Some(ending);
        self.work.leave_run(run_id);
        self.waits.drop_run(run_id);
        if status == RunStatus::Completed {
            self.check_ended_steps(run_id);
        }
        self.come_late(run_id);
        self.log.notice(&Notice::RunEnded { run_id: run_id.to_owned(), status });
        if let Some((invoker, ending)) = invoked {
            self.report_to_invoker(&invoker, &ending);
        }
    }

    /// Cancels a run; nothing is told to the app.
    pub(crate) fn cancel(&mut self, run_id: &str) {
        let ending = Ending {
            status: RunStatus::Cancelled,
            at: self.now(),
            reply: Reply::Raw(bytes::Bytes::new()),
            response: None,
            at_checkpoint: false,
        };
        self.end(run_id, ending);
    }
}

/// The scheduler: dispatches what is due, for ever.
async fn schedule(engine: Arc<Engine>) {
    loop {
        match engine.release() {
            None => {}
            Some(Next::At(due)) => {
                let wait = due.duration_since(SystemTime::now()).unwrap_or_default();
                // Whichever comes first: the timer, or a change that may have made an earlier one.
                let _ = tokio::time::timeout(wait, engine.wake.notified()).await;
            }
            Some(Next::Wait | Next::Dispatch(_)) => engine.wake.notified().await,
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn millis(at: SystemTime) -> u64 {
    u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
