//! What is being delivered, and what was lost.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::DeliveryError;
use super::in_flight::InFlight;
use crate::function::Whose;
use crate::middleware::{Chain, LostRun};
use crate::sync::lock;
use crate::wire::RunId;

/// How many finished runs are reported at once. More would only open more connections to the API.
const AT_ONCE: usize = 16;

/// How many lost runs are remembered by name.
const REMEMBERED: usize = 1_000;

/// The work that goes on beside the requests.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    account: Mutex<Account>,
    in_flight: InFlight,
    /// What some task waits for may have come about.
    settled: Notify,
    middleware: Chain,
}

#[derive(Debug, Default)]
struct Account {
    /// Runs with tasks of their own, and how many.
    tasks: HashMap<RunId, usize>,
    /// Finished runs that wait to be reported. A queue rather than a task for each: what waits
    /// stays small.
    finished: VecDeque<Box<dyn Report>>,
    /// Runs that are being reported.
    reporting: Vec<RunId>,
    /// Tasks that take from the queue: there is one at least as long as it is not empty. Those that
    /// report out of turn are not among them.
    reporters: usize,
    lost: Vec<(RunId, String)>,
    lost_count: usize,
}

impl Account {
    fn is_settled(&self) -> bool {
        self.tasks.is_empty() && self.finished.is_empty() && self.reporting.is_empty()
    }

    fn pending(&self) -> Vec<RunId> {
        let finished = self.finished.iter().map(|finished| finished.run_id());
        let pending: HashSet<RunId> =
            self.tasks.keys().copied().chain(finished).chain(self.reporting.clone()).collect();
        pending.into_iter().collect()
    }
}

/// A run that something is to be delivered of.
pub(crate) trait Owner: Send + Sync {
    fn run_id(&self) -> RunId;

    /// For the log.
    fn whose(&self) -> Whose;
}

/// A run whose end is to be reported.
pub(crate) trait Report: Send {
    fn run_id(&self) -> RunId;

    fn owner(&self) -> Arc<dyn Owner>;

    /// Delivers it. What is lost has been [noted](Deliveries::lost) by then.
    fn deliver(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl Deliveries {
    pub(crate) fn new(middleware: Chain) -> Self {
        Self { middleware, ..Self::default() }
    }

    /// One more request is under way.
    pub(crate) fn request_began(&self) {
        self.in_flight.request_began();
    }

    /// A request is over; whatever of it is still to be done has been added here.
    pub(crate) fn request_over(&self) {
        if self.in_flight.request_over() {
            self.settled.notify_waiters();
        }
    }

    /// Requests that are under way, and runs that are still to be reported.
    pub(crate) fn in_flight(&self) -> usize {
        let requests = self.in_flight.requests();
        let account = self.lock();
        requests + account.finished.len() + account.reporting.len()
    }

    /// Runs a future in a task that [`wait`](Self::wait) waits for. `None` when the runtime is
    /// gone.
    pub(crate) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        owner: Arc<dyn Owner>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        let Ok(runtime) = Handle::try_current() else {
            self.lost(&owner.whose(), &DeliveryError::Stopped);
            return None;
        };
        *self.lock().tasks.entry(owner.run_id()).or_default() += 1;
        let task = Task { deliveries: self.clone(), owner, finished: false };
        let work = Box::pin(work);
        Some(runtime.spawn(async move {
            let mut task = task;
            let output = work.await;
            task.finished = true;
            output
        }))
    }

    /// Reports a run's end, in its turn.
    pub(crate) fn report(self: &Arc<Self>, report: Box<dyn Report>) {
        let Ok(runtime) = Handle::try_current() else {
            return self.lost(&report.owner().whose(), &DeliveryError::Stopped);
        };
        let mut account = self.lock();
        account.finished.push_back(report);
        if account.reporters < AT_ONCE {
            account.reporters += 1;
            drop(account);
            let reporter = Reporter { deliveries: self.clone(), current: None, of_queue: true, ended: false };
            // Boxed: it is kilobytes large, and tokio copies a task's future when it begins and
            // when it ends.
            runtime.spawn(Box::pin(reporter.work(None)));
        }
    }

    /// Reports a run's end out of turn: its client waits for that.
    pub(crate) fn report_at_once(self: &Arc<Self>, report: Box<dyn Report>) {
        let run_id = report.run_id();
        let Ok(runtime) = Handle::try_current() else {
            return self.lost(&report.owner().whose(), &DeliveryError::Stopped);
        };
        self.lock().reporting.push(run_id);
        let current = Some(report.owner());
        let reporter = Reporter { deliveries: self.clone(), current, of_queue: false, ended: false };
        runtime.spawn(Box::pin(reporter.work(Some(report))));
    }

    /// Operations of a run will not reach Inngest.
    pub(crate) fn lost(&self, lost: &Whose, error: &DeliveryError) {
        let Whose { run_id, function } = lost;
        let reason = error.report();
        tracing::error!(%run_id, function, error = reason, "a run's checkpoints could not be delivered to Inngest and are lost");
        let told = LostRun::new(*run_id, function.as_deref(), &reason);
        self.middleware.lost(&told);
        let mut account = self.lock();
        account.lost_count += 1;
        if account.lost.len() < REMEMBERED {
            account.lost.push((*run_id, reason));
        }
    }

    /// Waits until nothing is under way.
    pub(crate) async fn wait(&self, timeout: Duration) -> Result<(), Undelivered> {
        let _watching = self.in_flight.watch();
        let settled = async {
            loop {
                let mut settled = std::pin::pin!(self.settled.notified());
                settled.as_mut().enable();
                // In this order: a request that is over may have left something to deliver.
                if self.in_flight.requests() == 0 && self.lock().is_settled() {
                    return;
                }
                settled.await;
            }
        };
        let in_time = tokio::time::timeout(timeout, settled).await.is_ok();
        let account = self.lock();
        if in_time && account.lost_count == 0 {
            return Ok(());
        }
        Err(Undelivered {
            requests: self.in_flight.requests(),
            pending: account.pending(),
            lost: account.lost.clone(),
            lost_count: account.lost_count,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        lock(&self.account)
    }
}

/// A task that reports finished runs: those of the queue until there are none, or one out of turn.
struct Reporter {
    deliveries: Arc<Deliveries>,
    current: Option<Arc<dyn Owner>>,
    of_queue: bool,
    ended: bool,
}

impl Reporter {
    fn current(&self) -> Option<RunId> {
        self.current.as_ref().map(|current| current.run_id())
    }

    /// Begins with a report, if one is given, or with the next of the queue.
    async fn work(mut self, first: Option<Box<dyn Report>>) {
        let mut next = first.or_else(|| self.next());
        while let Some(report) = next {
            report.deliver().await;
            next = self.next();
        }
    }

    /// Ends the current report and begins the next.
    fn next(&mut self) -> Option<Box<dyn Report>> {
        let mut account = self.deliveries.lock();
        account.reporting.retain(|reporting| Some(*reporting) != self.current());
        let next = if self.of_queue { account.finished.pop_front() } else { None };
        self.current = next.as_ref().map(|next| next.owner());
        account.reporting.extend(self.current());
        if next.is_none() {
            // Under the lock that saw the empty queue: who adds to it next begins a new task.
            account.reporters -= usize::from(self.of_queue);
            self.ended = true;
        }
        if account.is_settled() {
            self.deliveries.settled.notify_waiters();
        }
        next
    }
}

/// The runtime shuts down, or a report panicked.
impl Drop for Reporter {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut account = self.deliveries.lock();
        account.reporters -= usize::from(self.of_queue);
        account.reporting.retain(|reporting| Some(*reporting) != self.current());
        let stranded =
            if account.reporters == 0 { std::mem::take(&mut account.finished) } else { VecDeque::new() };
        if account.is_settled() {
            self.deliveries.settled.notify_waiters();
        }
        drop(account);
        for owner in stranded.iter().map(|finished| finished.owner()).chain(self.current.take()) {
            self.deliveries.lost(&owner.whose(), &DeliveryError::Stopped);
        }
    }
}

/// A task of one run.
struct Task {
    deliveries: Arc<Deliveries>,
    owner: Arc<dyn Owner>,
    finished: bool,
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.finished {
            // The runtime shuts down, or the task panicked.
            self.deliveries.lost(&self.owner.whose(), &DeliveryError::Stopped);
        }
        let mut account = self.deliveries.lock();
        if let Some(tasks) = account.tasks.get_mut(&self.owner.run_id()) {
            *tasks -= 1;
            if *tasks == 0 {
                account.tasks.remove(&self.owner.run_id());
            }
        }
        if account.is_settled() {
            self.deliveries.settled.notify_waiters();
        }
    }
}

impl fmt::Debug for dyn Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("run_id", &self.run_id()).finish_non_exhaustive()
    }
}

/// What [`Provider::wait`](crate::Provider::wait) could not see delivered.
#[derive(Clone, PartialEq, Eq)]
pub struct Undelivered {
    requests: usize,
    pending: Vec<RunId>,
    lost: Vec<(RunId, String)>,
    lost_count: usize,
}

impl Undelivered {
    /// Requests that were still under way when the time was up: their handlers had not answered, or
    /// their clients had not had the whole of a response that is recorded, or of an output.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Runs that were still to be delivered when the time was up. They are lost if the process ends
    /// now.
    #[must_use]
    pub fn pending(&self) -> &[RunId] {
        &self.pending
    }

    /// Runs whose checkpoints could not be delivered since the provider was set up, with the
    /// reason: the first 1,000.
    pub fn lost(&self) -> impl Iterator<Item = (RunId, &str)> {
        self.lost.iter().map(|(run_id, reason)| (*run_id, reason.as_str()))
    }

    /// How many runs were lost since the provider was set up.
    #[must_use]
    pub fn lost_count(&self) -> usize {
        self.lost_count
    }
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, runs) = (self.requests, self.pending.len());
        write!(
            f,
            "{requests} requests still under way, {runs} runs not delivered, {} lost",
            self.lost_count
        )?;
        if let Some((run_id, reason)) = self.lost.first() {
            write!(f, " (the first, {run_id}: {reason})")?;
        }
        Ok(())
    }
}

/// As `Display`: a `main` that returns the error prints it so.
impl fmt::Debug for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Undelivered {}
