//! Looking at what has happened, and waiting for it.

use std::panic::Location;

use super::DevServer;
use crate::engine::State;
use crate::fault::Call;
use crate::inspect::{ApiCall, Dispatch, EventView, RunStatus, RunView};
use crate::notice::Notices;
use crate::recording::{RecordError, Recording};
use crate::timeline::Timeline;
use crate::violation::Violation;

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
    /// When it does not come while [patience](super::DevServerBuilder::patience) lasts.
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
    /// When it does not come while [patience](super::DevServerBuilder::patience) lasts.
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
    /// When it does not come while [patience](super::DevServerBuilder::patience) lasts.
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
    /// When it does not come while [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_event(&self, n: usize) -> impl Future<Output = EventView> {
        let (what, nth) = (format!("event {n}"), n.saturating_sub(1));
        let look = move |state: &State| state.log.events.get(nth).cloned();
        self.awaited(Location::caller(), what, look)
    }

    /// Waits until a step waits for an event, a signal or a function. Its run may not have been
    /// created yet. With [`Clock::Skip`](crate::Clock::Skip) time has to be
    /// [held](Self::hold_time), or the wait may be over before anybody sees it. A step is named as
    /// in [`RunView::step`].
    ///
    /// # Panics
    /// At once when the step or its run is over. When the step does not wait while
    /// [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_waiting(&self, run_id: &str, step_id: &str) -> impl Future<Output = RunView> {
        let (caller, what) = (Location::caller(), format!("run {run_id} to wait in `{step_id}`"));
        let look = move |state: &State| state.waits_in(run_id, step_id);
        let waits = self.awaited_of(run_id, caller, what, look);
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

    /// What has happened in a run so far, with its times: for a report, or for the message of an
    /// assertion.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = stephttp_dev::DevServer::start().await?;
    /// for run in server.runs() {
    ///     println!("{}", server.timeline(&run.id).expect("the run is known"));
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn timeline(&self, run_id: &str) -> Option<Timeline> {
        self.engine.read(|state| state.timeline(run_id))
    }

    /// Records a run for replay tests: what is stored of it, in the order in which it was stored,
    /// what it waits for, and how it has ended, if it has.
    ///
    /// # Errors
    /// When there is no such run, and when what is stored of it holds a secret of Inngest's.
    pub fn record(&self, run_id: &str) -> Result<Recording, RecordError> {
        self.engine.read(|state| state.record(run_id))
    }

    /// Waits for the first run.
    ///
    /// # Panics
    /// When it does not come while [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_run(&self) -> impl Future<Output = RunView> {
        self.wait_for_runs(1)
    }

    /// Waits until there are `n` runs; answers the n-th.
    ///
    /// # Panics
    /// When it does not come while [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_runs(&self, n: usize) -> impl Future<Output = RunView> {
        let (what, nth) = (format!("run {n}"), n.saturating_sub(1));
        self.awaited(Location::caller(), what, move |state| state.view(state.order.get(nth)?))
    }

    /// Waits until a run has ended. It may not have been created yet.
    ///
    /// # Panics
    /// When it does not end while [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_end(&self, run_id: &str) -> impl Future<Output = RunView> {
        let what = format!("run {run_id} to end");
        let look = move |state: &State| state.view(run_id).filter(|run| run.status != RunStatus::Running);
        self.awaited_of(run_id, Location::caller(), what, look)
    }

    /// Waits until a run is as `condition` wants it. It may not have been created yet.
    ///
    /// # Panics
    /// When it does not become so while [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_until(
        &self,
        run_id: &str,
        condition: impl Fn(&RunView) -> bool,
    ) -> impl Future<Output = RunView> {
        let what = format!("run {run_id} to be as the condition wants it");
        let look = move |state: &State| state.view(run_id).filter(&condition);
        self.awaited_of(run_id, Location::caller(), what, look)
    }

    /// Waits until no re-entry, call or function is under way and nothing is planned: whatever has
    /// not ended by then hangs for ever. While time is [held](Self::hold_time), only what is due
    /// now is waited for.
    ///
    /// # Panics
    /// When something is still under way or planned once
    /// [patience](super::DevServerBuilder::patience) is over.
    #[track_caller]
    pub fn idle(&self) -> impl Future<Output = ()> {
        let what = "nothing to be under way or planned".to_owned();
        self.awaited(Location::caller(), what, |state| state.work.idle().then_some(()))
    }

    /// What a look at the state finds, in the end. `caller` and `what` are for people whose
    /// patience is over.
    pub(crate) async fn awaited<T>(
        &self,
        caller: &Location<'_>,
        what: String,
        look: impl FnMut(&State) -> Option<T>,
    ) -> T {
        self.patiently(caller, what, self.engine.until(look)).await
    }

    /// The same of something that is not in the state.
    pub(crate) async fn patiently<T>(
        &self,
        caller: &Location<'_>,
        what: String,
        awaited: impl Future<Output = T>,
    ) -> T {
        match self.engine.patiently(awaited).await {
            Ok(found) => found,
            Err(standing) => self.give_up(caller, &what, &standing),
        }
    }

    /// Says what was waited for.
    pub(super) fn give_up(&self, caller: &Location<'_>, what: &str, standing: &str) -> ! {
        let patience = self.engine.settings.patience;
        panic!("waited {patience:?} for {what}, in vain (awaited at {caller}). {standing}")
    }

    /// The same of something that a run is to do: what it has done is told, too.
    pub(crate) async fn awaited_of<T>(
        &self,
        run_id: &str,
        caller: &Location<'_>,
        what: String,
        look: impl FnMut(&State) -> Option<T>,
    ) -> T {
        match self.engine.patiently(self.engine.until(look)).await {
            Ok(found) => found,
            Err(standing) => {
                let timeline = self.timeline(run_id).map(|timeline| format!("\nWhat happened in {timeline}"));
                self.give_up(caller, &what, &format!("{standing}{}", timeline.unwrap_or_default()))
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
