//! The server: stopping, looking, steering.

mod builder;

use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use inngest::EventData;
use serde::Serialize;
use serde_json::Value;

pub use self::builder::DevServerBuilder;

use crate::clock::Clock;
use crate::engine::{Engine, State};
use crate::fault::{Call, InjectedFault};
use crate::function::Function;
use crate::inspect::{ApiCall, Dispatch, EventView, RunStatus, RunView};
use crate::notice::Notices;
use crate::violation::Violation;

/// A server that an app can use in place of Inngest, in the same process.
///
/// It listens on a real socket and stops when it is dropped.
#[derive(Debug)]
#[must_use = "the server stops when it is dropped"]
pub struct DevServer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
}

impl Drop for DevServer {
    fn drop(&mut self) {
        drop(self.engine.stop());
    }
}

// ===== Running =====

impl DevServer {
    /// Stops the server and waits until all of it has stopped.
    pub async fn shutdown(self) {
        if let Some(mut tasks) = self.engine.stop() {
            while tasks.join_next().await.is_some() {}
        }
    }

    /// The API's base, such as `http://127.0.0.1:8288`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What time it is on the server's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.engine.read(State::now)
    }

    /// Moves a manual clock on by `duration`, releasing everything that becomes due in its order.
    /// Returns when all of it has been answered, and whatever became due by the answers too.
    ///
    /// # Panics
    /// When the clock is not [`Clock::Manual`], or it takes longer than
    /// [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn advance(&self, duration: Duration) -> impl Future<Output = ()> + Send + '_ {
        let clock = self.engine.read(|state| state.work.time.kind());
        assert!(
            clock == Clock::Manual,
            "only Clock::Manual can be advanced; this server has Clock::{clock:?}"
        );
        let caller = Location::caller();
        async move {
            let what = format!("the time to be moved on by {duration:?} and all that is due by then");
            let target = self.engine.change(|state| state.work.time.allow(duration));
            let quiet = |state: &State| state.work.quiet_until(target).then_some(());
            self.awaited(caller, what.clone(), quiet).await;
            self.engine.change(|state| state.work.time.reach(target));
            // What is due now that time has come exactly there.
            self.awaited(caller, what, quiet).await;
        }
    }

    /// Stops a skipping clock: time stands still, but whatever is due now, or comes to be by an
    /// event or an answer, is still done. A test that sends the event which a run waits for does so
    /// while time is held. Other clocks are not affected.
    pub fn hold_time(&self) {
        self.engine.change(|state| state.work.time.hold(true));
    }

    /// Ends [`hold_time`](Self::hold_time).
    pub fn release_time(&self) {
        self.engine.change(|state| state.work.time.hold(false));
    }

    /// Stands in for a function from now on, as [`DevServerBuilder::function`] does.
    pub fn function<F, R, E>(&self, id: impl Into<String>, handler: F)
    where
        F: Fn(Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let (id, function) = (id.into(), Function::new(handler));
        self.engine.change(|state| state.functions.insert(id, function));
    }

    /// Sends an event, as `POST /e/{key}` does; answers its id. Runs that wait for it have it when
    /// this returns.
    ///
    /// # Panics
    /// When `data` is not an object in JSON, or the server refuses the name.
    #[track_caller]
    pub fn send_event(&self, name: &str, data: impl Serialize) -> String {
        self.sends(name, None, data)
    }

    /// Sends an event of a type that says which it is, with its name and version, as
    /// [`send_event`](Self::send_event) does.
    ///
    /// ```
    /// use inngest::EventData;
    /// use serde::Serialize;
    /// use stephttp_dev::DevServer;
    ///
    /// #[derive(Serialize, EventData)]
    /// #[event(name = "bank/settled")]
    /// struct Settled {
    ///     cents: u32,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = DevServer::start().await?;
    /// engine.send(Settled { cents: 990 });
    /// assert_eq!(engine.events()[0].name, "bank/settled");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// As [`send_event`](Self::send_event).
    #[track_caller]
    pub fn send<T: EventData + Serialize>(&self, data: T) -> String {
        self.sends(T::NAME, T::VERSION, data)
    }

    #[track_caller]
    fn sends(&self, name: &str, version: Option<&str>, data: impl Serialize) -> String {
        let data = match serde_json::to_value(data) {
            Ok(Value::Object(data)) => data,
            other => panic!("an event's data is an object, not {other:?}"),
        };
        match self.engine.change(|state| state.send_event(name, version, data)) {
            Ok(id) => id,
            Err(why) => panic!("the event `{name}` is refused: {why}"),
        }
    }

    /// Sends a signal, as `POST /v1/signals` does; answers the run that waited for it.
    ///
    /// # Panics
    /// When `data` cannot be written as JSON.
    #[track_caller]
    pub fn send_signal(&self, name: &str, data: impl Serialize) -> Option<String> {
        match serde_json::to_string(&data) {
            Ok(data) => self.engine.change(|state| state.signal(name, &data)),
            Err(error) => panic!("a signal's data is JSON: {error}"),
        }
    }

    /// Cancels a run, as `DELETE /v1/runs/{id}` does. The app is not told.
    pub fn cancel(&self, run_id: &str) {
        self.engine.change(|state| state.cancel(run_id));
    }
}

// ===== Faults =====

impl DevServer {
    /// Lets something go wrong. Of several faults for one call the one injected first strikes.
    pub fn inject(&self, fault: InjectedFault) {
        self.engine.change(|state| state.faults.push(fault));
    }

    /// Takes back every fault.
    pub fn clear_faults(&self) {
        self.engine.change(|state| state.faults.clear());
    }

    /// From now on every API call's connection is closed without an answer. Re-entries go on.
    pub fn go_down(&self) {
        self.engine.change(|state| state.down = true);
    }

    /// Ends [`go_down`](Self::go_down).
    pub fn come_up(&self) {
        self.engine.change(|state| state.down = false);
    }

    /// Keeps back every re-entry from now on; time stands still as well.
    pub fn hold_dispatches(&self) {
        self.engine.change(|state| state.work.held = true);
    }

    /// Ends [`hold_dispatches`](Self::hold_dispatches).
    pub fn release_dispatches(&self) {
        self.engine.change(|state| state.work.held = false);
    }

    /// Sends the re-entry of a run that is under way once more, with the next generation, as if the
    /// first had been lost. What the first still saves is refused with 409, and its answer is
    /// ignored. Answers `false` when no re-entry is under way.
    pub fn redispatch(&self, run_id: &str) -> bool {
        self.engine.redispatch(run_id)
    }

    /// Sends the re-entry of a run that is under way once more, with the same job and the next
    /// generation, and both count: both may save steps, and both answers are taken. So does the
    /// real server with a retried step that runs for longer than about 15 s, as far as it does not
    /// validate dispatches. Answers `false` when no re-entry is under way.
    pub fn dispatch_beside(&self, run_id: &str) -> bool {
        self.engine.dispatch_beside(run_id)
    }

    /// Sends the n-th re-entry, counted from the first ever, once more after its answer has been
    /// taken: with the same job and the next generation, whatever has become of the run by then.
    pub fn duplicate_dispatch(&self, nth: usize) {
        self.engine.change(|state| state.mischief.duplicates.insert(nth.saturating_sub(1)));
    }

    /// From now on every run that ends after a re-entry is re-entered so many times more, as the
    /// real server does with discoveries that are under way by then.
    pub fn reenter_after_end(&self, times: usize) {
        self.engine.change(|state| state.mischief.after_end = times);
    }

    /// The next `clients` that wait for a run's output get 200 with an empty body when the run
    /// ends, as from the real server when it looks before the output has been stored.
    pub fn empty_outputs(&self, clients: usize) {
        self.engine.change(|state| state.mischief.empty_outputs = clients);
    }

    /// Sends the next re-entry twice at once: the second supersedes the first, as
    /// [`redispatch`](Self::redispatch) does.
    pub fn deliver_twice(&self) {
        self.engine.change(|state| state.work.twice += 1);
    }
}

// ===== Looking =====

impl DevServer {
    /// All API calls so far, in the order of their arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<ApiCall> {
        self.engine.read(|state| state.log.calls.clone())
    }

    /// The API calls of one kind so far, in the order of their arrival.
    #[must_use]
    pub fn calls_of(&self, kind: Call) -> Vec<ApiCall> {
        self.engine.read(|state| state.log.calls_of(kind).cloned().collect())
    }

    /// Waits until the n-th call of a kind has arrived; 1 is the first that ever came.
    ///
    /// # Panics
    /// When it does not come while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_call(&self, kind: Call, n: usize) -> impl Future<Output = ApiCall> {
        let (what, nth) = (format!("call {n} of the kind {kind:?}"), n.saturating_sub(1));
        let look = move |state: &State| state.log.calls_of(kind).nth(nth).cloned();
        self.awaited(Location::caller(), what, look)
    }

    /// All re-entries so far, in the order in which they were sent.
    #[must_use]
    pub fn dispatches(&self) -> Vec<Dispatch> {
        self.engine.read(|state| state.log.dispatches.clone())
    }

    /// Waits until the n-th re-entry has been sent; 1 is the first that ever was.
    ///
    /// # Panics
    /// When it does not come while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_dispatch(&self, n: usize) -> impl Future<Output = Dispatch> {
        let (what, nth) = (format!("re-entry {n}"), n.saturating_sub(1));
        let look = move |state: &State| state.log.dispatches.get(nth).cloned();
        self.awaited(Location::caller(), what, look)
    }

    /// Waits until the n-th re-entry has been answered, or has failed to be; 1 is the first that
    /// ever was sent.
    ///
    /// # Panics
    /// When it does not come while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_answer(&self, n: usize) -> impl Future<Output = Dispatch> {
        let (what, nth) = (format!("the answer to re-entry {n}"), n.saturating_sub(1));
        let answered = |dispatch: &&Dispatch| dispatch.status.is_some() || dispatch.error.is_some();
        let look = move |state: &State| state.log.dispatches.get(nth).filter(answered).cloned();
        self.awaited(Location::caller(), what, look)
    }

    /// All events so far, in the order of their arrival.
    #[must_use]
    pub fn events(&self) -> Vec<EventView> {
        self.engine.read(|state| state.log.events.clone())
    }

    /// Waits until the n-th event has arrived; 1 is the first that ever came.
    ///
    /// # Panics
    /// When it does not come while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_event(&self, n: usize) -> impl Future<Output = EventView> {
        let (what, nth) = (format!("event {n}"), n.saturating_sub(1));
        let look = move |state: &State| state.log.events.get(nth).cloned();
        self.awaited(Location::caller(), what, look)
    }

    /// Waits until a step waits for an event, a signal or a function. Its run may not have been
    /// created yet. With [`Clock::Skip`] time has to be [held](Self::hold_time), or the wait may be
    /// over before anybody sees it. A step is named as in [`RunView::step`].
    ///
    /// # Panics
    /// At once when the step or its run is over. When the step does not wait while
    /// [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_waiting(&self, run_id: &str, step_id: &str) -> impl Future<Output = RunView> {
        let (caller, what) = (Location::caller(), format!("run {run_id} to wait in `{step_id}`"));
        let look = move |state: &State| state.waits_in(run_id, step_id);
        let waits = self.awaited(caller, what, look);
        async move {
            match waits.await {
                Ok(run) => run,
                Err(why) => panic!("{why} (Awaited at {caller}.)"),
            }
        }
    }

    /// All runs, in the order of their creation.
    #[must_use]
    pub fn runs(&self) -> Vec<RunView> {
        self.engine.read(|state| state.order.iter().filter_map(|id| state.view(id)).collect())
    }

    /// A run.
    #[must_use]
    pub fn run(&self, run_id: &str) -> Option<RunView> {
        self.engine.read(|state| state.view(run_id))
    }

    /// Waits for the first run.
    ///
    /// # Panics
    /// When it does not come while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_run(&self) -> impl Future<Output = RunView> {
        self.wait_for_runs(1)
    }

    /// Waits until there are `n` runs; answers the n-th.
    ///
    /// # Panics
    /// When it does not come while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_runs(&self, n: usize) -> impl Future<Output = RunView> {
        let (what, nth) = (format!("run {n}"), n.saturating_sub(1));
        self.awaited(Location::caller(), what, move |state| state.view(state.order.get(nth)?))
    }

    /// Waits until a run has ended. It may not have been created yet.
    ///
    /// # Panics
    /// When it does not end while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_end(&self, run_id: &str) -> impl Future<Output = RunView> {
        let what = format!("run {run_id} to end");
        let look = move |state: &State| state.view(run_id).filter(|run| run.status != RunStatus::Running);
        self.awaited(Location::caller(), what, look)
    }

    /// Waits until a run is as `condition` wants it. It may not have been created yet.
    ///
    /// # Panics
    /// When it does not become so while [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_until(
        &self,
        run_id: &str,
        condition: impl Fn(&RunView) -> bool,
    ) -> impl Future<Output = RunView> {
        let what = format!("run {run_id} to be as the condition wants it");
        self.awaited(Location::caller(), what, move |state| state.view(run_id).filter(&condition))
    }

    /// Waits until no re-entry, call or function is under way and nothing is planned: whatever has
    /// not ended by then hangs for ever. While time is [held](Self::hold_time), only what is due
    /// now is waited for.
    ///
    /// # Panics
    /// When something is still under way or planned once [patience](DevServerBuilder::patience) is
    /// over.
    #[track_caller]
    pub fn idle(&self) -> impl Future<Output = ()> {
        let what = "nothing to be under way or planned".to_owned();
        self.awaited(Location::caller(), what, |state| state.work.idle().then_some(()))
    }

    /// What a look at the state finds, in the end. `caller` and `what` are for people whose
    /// patience is over.
    async fn awaited<T>(
        &self,
        caller: &Location<'_>,
        what: String,
        look: impl FnMut(&State) -> Option<T>,
    ) -> T {
        match self.engine.while_patient(look).await {
            Ok(found) => found,
            Err(standing) => {
                let patience = self.engine.settings.patience;
                panic!("waited {patience:?} for {what}, in vain (awaited at {caller}). {standing}")
            }
        }
    }

    /// The notices from now on.
    #[must_use]
    pub fn subscribe(&self) -> Notices {
        self.engine.change(|state| state.log.subscribe())
    }

    /// What the SDK did wrong so far.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.engine.read(|state| state.log.violations.clone())
    }

    /// Passes if the SDK did nothing wrong so far.
    ///
    /// # Panics
    /// When it did; the message lists everything.
    #[track_caller]
    pub fn assert_no_violations(&self) {
        let violations = self.violations();
        let list: Vec<String> = violations.iter().map(|violation| format!("\n  - {violation}")).collect();
        assert!(violations.is_empty(), "the SDK made {} mistake(s):{}", violations.len(), list.concat());
    }
}
