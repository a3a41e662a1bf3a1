//! Sending one run's operations to Inngest: which of them when, and in which call.

mod payload;
mod taken;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

pub(crate) use taken::Taken;
use taken::Waiting;

use crate::client::{NoState, Patience};
use crate::delivery::{DeliveryError, Owner, Report};
use crate::function::RunOutput;
use crate::journal::{Outstanding, Stale};
use crate::middleware::CheckpointCall;
use crate::run::{HookedCheckpoint, Run};
use crate::wire::{ApiResult, CheckpointRun, OpCode, RunId};

/// How long a handler waits for room in the backlog before what its own run has gathered is sent to
/// make room, rather than with the run's end.
const WAIT_BEFORE_SENDING: Duration = Duration::from_millis(100);

/// What a finished run takes besides its steps' operations while it waits to be reported, about.
const FINISHED_RUN_BYTES: usize = 4 * 1024;

/// Which operations a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    /// Those that do not end this request's part of the run.
    Finished,
    /// All, the last included.
    All,
}

/// Begins to send what has gathered, if nobody does.
pub(crate) fn checkpoint_in_background(run: &Arc<Run>) {
    if !run.ledger.begin_to_send() {
        return;
    }
    let work = run.clone();
    run.clone().in_background(async move {
        let run = work;
        let mut outcome = Ok(());
        while outcome.is_ok() && run.has_unsent_finished() {
            outcome = send(&run, Batch::Finished, Patience::Once, &mut Waiting::default()).await;
        }
        run.ledger.end_sending(outcome.is_err());
        match outcome {
            // Something may have gathered just before the flag was lowered.
            Ok(()) if run.has_unsent_finished() => checkpoint_in_background(&run),
            Ok(()) => {}
            // Tried again after a while, and at the latest when the handler ends.
            Err(error) => {
                // A step may have ended meanwhile that found this task at work still.
                run.saved(true);
                run.notice_failed_checkpoint();
                tracing::debug!(run_id = %run.id(), function = run.log_name(), error = error.report(), "a checkpoint failed");
            }
        }
    });
}

/// Sends everything that has not been sent.
pub(crate) async fn checkpoint(run: &Run, patience: Patience) -> Result<(), DeliveryError> {
    send(run, Batch::All, patience, &mut Waiting::default()).await
}

/// Waits until the process holds less that Inngest has not taken. When that takes too long, this
/// run's operations are dropped, so that its client is answered; the loss is reported.
pub(crate) async fn make_room(run: Arc<Run>) {
    let Some(app) = run.app() else { return };
    let most = app.settings().backlog_wait;
    let room = |patience| tokio::time::timeout(patience, app.backlog().has_room());
    // When others have waited in vain for as long, so would this run.
    if app.backlog().is_stuck(most) {
        return drop_operations(&run);
    }
    if room(WAIT_BEFORE_SENDING.min(most)).await.is_ok() {
        return;
    }
    // What holds the room may be the operations of runs that wait for it themselves.
    checkpoint_in_background(&run);
    if room(most).await.is_err() {
        drop_operations(&run);
    }
}

fn drop_operations(run: &Run) {
    run.ledger.drop_operations();
    drop(run.take_unsent());
    run.release_backlog();
}

/// Reports the run's end. `bytes` is how many `result` holds.
///
/// Its client has had the answer; or else the answer waits for what is returned.
pub(crate) fn report_finished(
    run: &Arc<Run>,
    bytes: usize,
    result: impl FnOnce() -> ApiResult<'static> + Send + 'static,
) -> Option<Taken> {
    let app = run.app()?.clone();
    let (waiting, taken) = run.delivers_first().then(|| Taken::of(run.clone())).unzip();
    // Steps wait for room before they begin. What has run none must not wait, since its client
    // does, nor pile up.
    if run.ledger.is_dropped() || (app.backlog().is_full() && !run.has_executed()) {
        run.ledger.drop_operations();
        app.deliveries().lost(&run.whose(), &DeliveryError::Dropped);
    } else {
        run.ledger.charge(app.backlog(), FINISHED_RUN_BYTES + bytes + run.body.kept_length());
        app.backlog().changed();
        let report = Box::new(RunReport { run: run.clone(), result, waiting: waiting.unwrap_or_default() });
        match taken {
            Some(_) => app.deliveries().report_at_once(report),
            None => app.deliveries().report(report),
        }
    }
    // After it is under way as a delivery: whoever waits for both must not see neither.
    run.request_over();
    taken
}

/// Delivers the run's end and all that has not been sent.
///
/// Its client waits at most until Inngest has the run, and not for what middlewares do then.
async fn report(run: &Run, result: ApiResult<'static>, mut waiting: Waiting) {
    let delivering = run.begin_delivery();
    let outcome = match payload::complete(run, run.transform_result(result).await) {
        Ok(complete) => {
            run.record(complete);
            send(run, Batch::All, Patience::Background, &mut waiting).await
        }
        Err(error) => Err(DeliveryError::Unfit(error)),
    };
    drop(waiting);
    run.release_backlog();
    if let Some(delivering) = delivering {
        delivering.end(outcome.as_ref().copied()).await;
    }
    if let (Err(error), Some(app)) = (outcome, run.app()) {
        app.deliveries().lost(&run.whose(), &error);
    }
}

/// Tells Inngest of everything, what is outstanding included. Returns where the run's output will
/// be.
pub(crate) async fn hand_over(
    run: &Arc<Run>,
    outstanding: Vec<Outstanding>,
) -> Result<RunOutput, DeliveryError> {
    let remembered = run.transform_remembered().await.map_err(DeliveryError::Middleware)?;
    let handover = run.hand_over(outstanding, remembered);
    if let Some(reason) = run.over_limit(&handover) {
        return Err(DeliveryError::OverLimit(reason));
    }
    let waits = handover.ops.len();
    run.put_back(handover.context);
    handover.ops.into_iter().for_each(|op| run.record(op));
    let sent = checkpoint(run, Patience::Waited).await;
    let Some(app) = run.app() else { return Err(DeliveryError::NoToken) };
    if let Err(error) = sent {
        // The waits must not be told later: the client will have been told to try again.
        run.forget_last(waits);
        return Err(error);
    }
    run.release_backlog();
    let created = run.ledger.created().await;
    let token =
        created.as_ref().and_then(|created| created.token.as_deref()).filter(|token| !token.is_empty());
    let token = token.ok_or(DeliveryError::NoToken)?;
    let url = app.client().output_url(run.id(), token);
    let own_url = app.own_output_url(run.id(), token);
    Ok(RunOutput::new(run.id(), token.to_owned(), url, own_url))
}

/// Creates the run at Inngest, with what has ended, before it is handed over. The token allows
/// reading the run's stream; `None`: that has failed, and is tried again with the hand-over.
pub(crate) async fn create(run: &Run) -> Option<String> {
    send(run, Batch::Finished, Patience::Waited, &mut Waiting::default()).await.ok()?;
    run.ledger.created().await.as_ref()?.realtime_token.clone()
}

/// Sends a batch: in the first request by creating the run or adding to it, in a re-entry by saving
/// steps.
async fn send(
    run: &Run,
    batch: Batch,
    patience: Patience,
    waiting: &mut Waiting,
) -> Result<(), DeliveryError> {
    let Some(app) = run.app() else { return Ok(()) };
    let mut created = run.ledger.created().await;
    if run.ledger.is_dropped() {
        return Err(DeliveryError::Dropped);
    }
    let mut ops = run.take_unsent();
    // Inngest calls back at once for a step that failed for good, unless it comes with the run's
    // end.
    let held_back = match batch {
        Batch::Finished => ops.extract_if(.., |op| op.op() != OpCode::StepRun).collect(),
        Batch::All => Vec::new(),
    };
    // What has an effect goes last: in a call of its own it might have it before the rest is
    // stored.
    ops.sort_by_key(|op| op.op() != OpCode::StepRun);
    let mut unsent = payload::Unsent::new(ops);
    let has_calls = !unsent.is_empty();
    let mut outcome = Ok(());
    while outcome.is_ok() && !unsent.is_empty() {
        let was_repeated = run.ledger.handed_over_at().is_some();
        outcome = send_next(run, &mut created, batch, patience, &unsent, waiting).await.map(|count| {
            run.ledger.release(app.backlog(), unsent.sent(count));
        });
        // It may have been handed over: from here on it is told what does no harm to be told twice.
        if !was_repeated && run.ledger.handed_over_at().is_some() {
            outcome = Ok(());
        }
    }
    run.put_back(unsent.into_rest());
    run.put_back(held_back);
    if let (Err(error), true) = (&outcome, run.dispatch().is_some()) {
        if error.is(StatusCode::CONFLICT) {
            run.stop(Stale::Superseded);
        } else if error.is(StatusCode::BAD_REQUEST) && is_gone(run).await {
            run.stop(Stale::Over);
        }
    } else if outcome.is_ok() && has_calls {
        run.prove();
    }
    run.saved(outcome.is_err());
    outcome
}

/// Whether Inngest has no state of the run any more: it has ended, or was cancelled.
async fn is_gone(run: &Run) -> bool {
    let Some(app) = run.app() else { return false };
    matches!(app.client().state_of(run.id(), run.known_steps()).await, Err(NoState::Gone))
}

/// One call. Returns how many operations it took.
async fn send_next(
    run: &Run,
    created: &mut Option<CheckpointRun>,
    batch: Batch,
    patience: Patience,
    unsent: &payload::Unsent,
    waiting: &mut Waiting,
) -> Result<usize, DeliveryError> {
    let Some(app) = run.app() else { return Ok(0) };
    let client = app.client();
    if let Some(dispatch) = run.dispatch() {
        let (body, count) = payload::save(run.id(), dispatch, unsent)?;
        let hooked = run.hooked_checkpoint(CheckpointCall::Async, count).await;
        let extras = hooked.as_deref().map(HookedCheckpoint::extras);
        let generation = dispatch.generation();
        let call = client.send_async(run.id(), body, patience, extras);
        return match HookedCheckpoint::observe(hooked.as_deref(), call).await {
            // A later dispatch has come for the same job: what is saved is saved in its name.
            Err(error) if error.is(StatusCode::CONFLICT) && dispatch.generation() > generation => Ok(0),
            outcome => outcome.map(|()| count).map_err(DeliveryError::from),
        };
    }
    if let Some(known) = created {
        let (body, count) = payload::add(run.id(), known, unsent)?;
        let hooked = run.hooked_checkpoint(CheckpointCall::Steps, count).await;
        let extras = hooked.as_deref().map(HookedCheckpoint::extras);
        let call = async {
            client.send_steps(run.id(), body, patience, extras).await?;
            if unsent.ends_with_run(count) {
                waiting.end();
            }
            Ok(())
        };
        HookedCheckpoint::observe(hooked.as_deref(), call).await?;
        return Ok(count);
    }
    let Some((body, count)) = payload::create(run, app, batch == Batch::All, unsent).await? else {
        return Err(DeliveryError::TooEarly);
    };
    let hooked = run.hooked_checkpoint(CheckpointCall::NewRun, count).await;
    let extras = hooked.as_deref().map(HookedCheckpoint::extras);
    // A wait or a failure is carried out each time that it comes with the run's creation.
    let hands_over = unsent.hands_over(count);
    let repeatable = !hands_over;
    let call = async {
        if unsent.ends_with_run(count) {
            // Nothing will follow that would need the answer.
            client.send_ended_run(body, repeatable, patience, extras).await?;
            waiting.end();
            Ok(())
        } else {
            let sent = client.send_new_run(body, repeatable, patience, extras);
            sent.await.map(|answer| *created = Some(answer))
        }
    };
    let outcome = HookedCheckpoint::observe(hooked.as_deref(), call).await;
    let outcome = outcome.map_err(DeliveryError::from);
    let unclear = outcome.as_ref().is_err_and(DeliveryError::leaves_unclear);
    if unclear {
        run.ledger.note_unclear_creation(hands_over);
    }
    outcome?;
    Ok(count)
}

/// A finished run that is to be reported.
struct RunReport<F> {
    run: Arc<Run>,
    result: F,
    waiting: Waiting,
}

impl<F: FnOnce() -> ApiResult<'static> + Send + 'static> Report for RunReport<F> {
    fn run_id(&self) -> RunId {
        self.run.id()
    }

    fn owner(&self) -> Arc<dyn Owner> {
        self.run.clone()
    }

    fn deliver(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Self { run, result, waiting } = *self;
            report(&run, result(), waiting).await;
        })
    }
}
