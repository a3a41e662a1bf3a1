//! Delivering operations to Inngest, apart from the handler that they came from.
//!
//! - [`Ledger`] is a run's account with Inngest: what it was told, one call at a time;
//! - [`Backlog`] bounds what the whole process holds;
//! - [`Deliveries`] counts what is under way and remembers what was lost.

mod backlog;
mod deliveries;
mod error;
mod in_flight;
mod kept_responses;
mod payload;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tokio::task::JoinHandle;

pub(crate) use backlog::Backlog;
pub(crate) use deliveries::Deliveries;
pub use deliveries::Undelivered;
pub(crate) use error::DeliveryError;
pub(crate) use kept_responses::KeptResponse;

use crate::client::{NoState, Patience};
use crate::function::RunOutput;
use crate::middleware::CheckpointCall;
use crate::run::{HookedCheckpoint, Outstanding, Run, Stopped};
use crate::wire::duration::millis;
use crate::wire::{ApiResult, CheckpointRun, OpCode};

/// How long a handler waits for room in the backlog before what its own run has gathered is sent to make room, rather than with the run's end.
const WAIT_BEFORE_SENDING: Duration = Duration::from_millis(100);

/// How long operations gather, at least, before they are sent again.
const WAIT_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// What a finished run takes besides its steps' operations while it waits to be reported, about.
const FINISHED_RUN_BYTES: usize = 4 * 1024;

/// A run's account with Inngest.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// What the run's creation was answered with. Locked during calls: one is in flight at a time.
    created: tokio::sync::Mutex<Option<CheckpointRun>>,
    /// A task is sending what gathers.
    sending: AtomicBool,
    /// The last call that nobody waited for has failed.
    failing: AtomicBool,
    /// Bytes that the backlog holds for this run.
    charged: AtomicUsize,
    /// The run's operations were dropped.
    dropped: AtomicBool,
    /// Creating the run has failed, and may have succeeded for all that.
    may_exist: AtomicBool,
    /// When the run may have been handed over by a call whose answer did not come. In milliseconds since the epoch; 0: it
    /// was not.
    handed_over_at: AtomicU64,
}

impl Ledger {
    pub(crate) fn charge(&self, backlog: &Backlog, bytes: usize) {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
        backlog.add(bytes);
    }

    /// Gives back up to a number of bytes: not all that is sent was charged.
    pub(crate) fn release(&self, backlog: &Backlog, most: usize) {
        let left = |charged: usize| Some(charged.saturating_sub(most));
        let charged =
            self.charged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).unwrap_or_default();
        match charged.min(most) {
            0 => {}
            bytes => backlog.remove(bytes),
        }
    }

    fn may_exist(&self) -> bool {
        self.may_exist.load(Ordering::Relaxed)
    }

    fn handed_over_at(&self) -> Option<u64> {
        Some(self.handed_over_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Which operations a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    /// Those that do not end this request's part of the run.
    Finished,
    /// All, the last included.
    All,
}

impl Run {
    /// Runs after the time in which operations gather.
    pub(crate) fn linger(&self) -> tokio::time::Sleep {
        let linger = self.shared().map_or(Duration::ZERO, |shared| shared.settings().linger);
        let failing = self.ledger.failing.load(Ordering::Relaxed);
        tokio::time::sleep(if failing { linger.max(WAIT_AFTER_FAILURE) } else { linger })
    }

    /// Runs a future in a task that [`Provider::wait`](crate::Provider::wait) waits for.
    pub(crate) fn in_background<T: Send + 'static>(
        self: Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        let shared = self.shared()?.clone();
        shared.deliveries().spawn(self.id(), work)
    }

    /// Begins to send what has gathered, if nobody does.
    pub(crate) fn checkpoint_in_background(self: &Arc<Self>) {
        if self.ledger.sending.swap(true, Ordering::AcqRel) {
            return;
        }
        let run = self.clone();
        self.clone().in_background(async move {
            let mut outcome = Ok(());
            while outcome.is_ok() && run.has_unsent_finished() {
                outcome = run.send(Batch::Finished, Patience::Once).await;
            }
            run.ledger.sending.store(false, Ordering::Release);
            run.ledger.failing.store(outcome.is_err(), Ordering::Relaxed);
            match outcome {
                // Something may have gathered just before the flag was lowered.
                Ok(()) if run.has_unsent_finished() => run.checkpoint_in_background(),
                Ok(()) => {}
                // Tried again after a while, and at the latest when the handler ends.
                Err(error) => {
                    // A step may have ended meanwhile that found this task at work still.
                    run.saved(true);
                    run.notice_failed_checkpoint();
                    tracing::debug!(run_id = %run.id(), error = error.report(), "a checkpoint failed");
                }
            }
        });
    }

    /// Sends everything that has not been sent.
    pub(crate) async fn checkpoint(&self, patience: Patience) -> Result<(), DeliveryError> {
        self.send(Batch::All, patience).await
    }

    /// Waits until the process holds less that Inngest has not taken. When that takes too long, this run's operations
    /// are dropped, so that its client is answered; the loss is reported.
    pub(crate) async fn make_room(self: Arc<Self>) {
        let Some(shared) = self.shared() else { return };
        let most = shared.settings().backlog_wait;
        let room = |patience| tokio::time::timeout(patience, shared.backlog().has_room());
        // When others have waited in vain for as long, so would this run.
        if shared.backlog().is_stuck(most) {
            return self.drop_operations();
        }
        if room(WAIT_BEFORE_SENDING.min(most)).await.is_ok() {
            return;
        }
        // What holds the room may be the operations of runs that wait for it themselves.
        self.checkpoint_in_background();
        if room(most).await.is_err() {
            self.drop_operations();
        }
    }

    fn drop_operations(&self) {
        self.ledger.dropped.store(true, Ordering::Relaxed);
        drop(self.take_unsent());
        self.release_backlog();
    }

    /// The backlog holds nothing for this run any more.
    pub(crate) fn release_backlog(&self) {
        if let Some(shared) = self.shared() {
            self.ledger.release(shared.backlog(), usize::MAX);
        }
    }

    /// Reports the run's end, when its client has had its answer. `held` is how many bytes `result` holds.
    pub(crate) fn report_finished(
        self: Arc<Self>,
        held: usize,
        result: impl FnOnce() -> ApiResult<'static> + Send + 'static,
    ) {
        let Some(shared) = self.shared().cloned() else { return };
        // Steps wait for room before they begin. What has run none must not wait, since its client does, nor pile up.
        if self.ledger.is_dropped() || (shared.backlog().is_full() && !self.has_executed()) {
            self.ledger.dropped.store(true, Ordering::Relaxed);
            shared.deliveries().lost(self.id(), &DeliveryError::Dropped);
        } else {
            self.ledger.charge(shared.backlog(), FINISHED_RUN_BYTES + held + self.body.kept_length());
            shared.deliveries().report(self.clone(), Box::new(result));
        }
        // After it is under way as a delivery: whoever waits for both must not see neither.
        self.land();
    }

    /// Delivers the run's end and all that has not been sent.
    async fn report(&self, result: ApiResult<'static>) {
        let outcome = match payload::complete(self, self.stored_result(result).await) {
            Ok(complete) => {
                self.record(complete);
                self.checkpoint(Patience::Background).await
            }
            Err(error) => Err(DeliveryError::Unfit(error)),
        };
        self.release_backlog();
        if let (Err(error), Some(shared)) = (outcome, self.shared()) {
            shared.deliveries().lost(self.id(), &error);
        }
    }

    /// Tells Inngest of everything, what is outstanding included. Returns where the run's output will be.
    pub(crate) async fn hand_over_to_inngest(
        self: Arc<Self>,
        outstanding: Vec<Outstanding>,
    ) -> Result<RunOutput, DeliveryError> {
        let remembered = self.stored_remembered().await.map_err(DeliveryError::Middleware)?;
        let handover = self.hand_over(outstanding, remembered);
        if let Some(reason) = self.over_limit(&handover) {
            return Err(DeliveryError::OverLimit(reason));
        }
        let waits = handover.ops.len();
        self.put_back(handover.context);
        handover.ops.into_iter().for_each(|op| self.record(op));
        let sent = self.checkpoint(Patience::Waited).await;
        let Some(shared) = self.shared() else { return Err(DeliveryError::NoToken) };
        if let Err(error) = sent {
            // The waits must not be told later: the client will have been told to try again.
            self.forget_last(waits);
            return Err(error);
        }
        self.release_backlog();
        let created = self.ledger.created.lock().await;
        let token =
            created.as_ref().and_then(|created| created.token.as_deref()).filter(|token| !token.is_empty());
        let token = token.ok_or(DeliveryError::NoToken)?;
        let url = shared.client().output_url(self.id(), token);
        let own_url = shared.own_output_url(self.id(), token);
        Ok(RunOutput::new(self.id(), token.to_owned(), url, own_url))
    }

    /// Sends a batch: in the first request by creating the run or adding to it, in a re-entry by saving steps.
    async fn send(&self, batch: Batch, patience: Patience) -> Result<(), DeliveryError> {
        let Some(shared) = self.shared() else { return Ok(()) };
        let mut created = self.ledger.created.lock().await;
        if self.ledger.dropped.load(Ordering::Relaxed) {
            return Err(DeliveryError::Dropped);
        }
        let mut ops = self.take_unsent();
        // Inngest calls back at once for a step that failed for good, unless it comes with the run's end.
        let held_back = match batch {
            Batch::Finished => ops.extract_if(.., |op| op.op() != OpCode::StepRun).collect(),
            Batch::All => Vec::new(),
        };
        // What has an effect goes last: in a call of its own it might have it before the rest is stored.
        ops.sort_by_key(|op| op.op() != OpCode::StepRun);
        let mut unsent = payload::Unsent::new(ops);
        let has_calls = !unsent.is_empty();
        let mut outcome = Ok(());
        while outcome.is_ok() && !unsent.is_empty() {
            let was_repeated = self.ledger.handed_over_at().is_some();
            outcome = self.send_next(&mut created, batch, patience, &unsent).await.map(|count| {
                self.ledger.release(shared.backlog(), unsent.sent(count));
            });
            // It may have been handed over: from here on it is told what does no harm to be told twice.
            if !was_repeated && self.ledger.handed_over_at().is_some() {
                outcome = Ok(());
            }
        }
        self.put_back(unsent.into_rest());
        self.put_back(held_back);
        if let (Err(error), true) = (&outcome, self.dispatch().is_some()) {
            if error.is(StatusCode::CONFLICT) {
                self.stop(Stopped::Superseded);
            } else if error.is(StatusCode::BAD_REQUEST) && self.is_gone().await {
                self.stop(Stopped::Over);
            }
        } else if outcome.is_ok() && has_calls {
            self.prove();
        }
        self.saved(outcome.is_err());
        outcome
    }

    /// Whether Inngest has no state of the run any more: it has ended, or was cancelled.
    async fn is_gone(&self) -> bool {
        let Some(shared) = self.shared() else { return false };
        matches!(shared.client().state_of(self.id(), self.known_steps()).await, Err(NoState::Gone))
    }

    /// One call. Returns how many operations it took.
    async fn send_next(
        &self,
        created: &mut Option<CheckpointRun>,
        batch: Batch,
        patience: Patience,
        unsent: &payload::Unsent,
    ) -> Result<usize, DeliveryError> {
        let Some(shared) = self.shared() else { return Ok(0) };
        let client = shared.client();
        if let Some(dispatch) = self.dispatch() {
            let (body, count) = payload::save(self.id(), dispatch, unsent)?;
            let hooked = self.hooked_checkpoint(CheckpointCall::Async, count).await;
            let extras = hooked.as_deref().map(HookedCheckpoint::extras);
            let generation = dispatch.generation();
            let call = client.send_async(self.id(), body, patience, extras);
            return match HookedCheckpoint::observe(hooked.as_deref(), call).await {
                // A later dispatch has come for the same job: what is saved is saved in its name.
                Err(error) if error.is(StatusCode::CONFLICT) && dispatch.generation() > generation => Ok(0),
                outcome => outcome.map(|()| count).map_err(DeliveryError::from),
            };
        }
        if let Some(known) = created {
            let (body, count) = payload::add(self.id(), known, unsent)?;
            let hooked = self.hooked_checkpoint(CheckpointCall::Steps, count).await;
            let extras = hooked.as_deref().map(HookedCheckpoint::extras);
            let call = client.send_steps(self.id(), body, patience, extras);
            HookedCheckpoint::observe(hooked.as_deref(), call).await?;
            return Ok(count);
        }
        let Some((body, count)) = payload::create(self, shared, batch == Batch::All, unsent).await? else {
            return Err(DeliveryError::TooEarly);
        };
        let hooked = self.hooked_checkpoint(CheckpointCall::NewRun, count).await;
        let extras = hooked.as_deref().map(HookedCheckpoint::extras);
        // A wait or a failure is carried out each time that it comes with the run's creation.
        let hands_over = unsent.hands_over(count);
        let repeatable = !hands_over;
        let call = async {
            if unsent.ends_with_run(count) {
                // Nothing will follow that would need the answer.
                client.send_ended_run(body, repeatable, patience, extras).await
            } else {
                let sent = client.send_new_run(body, repeatable, patience, extras);
                sent.await.map(|answer| *created = Some(answer))
            }
        };
        let outcome = HookedCheckpoint::observe(hooked.as_deref(), call).await;
        let outcome = outcome.map_err(DeliveryError::from);
        let unclear = outcome.as_ref().is_err_and(DeliveryError::leaves_unclear);
        self.ledger.may_exist.fetch_or(unclear, Ordering::Relaxed);
        if unclear && hands_over {
            self.ledger.handed_over_at.store(millis(SystemTime::now()), Ordering::Relaxed);
        }
        outcome?;
        Ok(count)
    }
}
