//! How a re-entry ends when its handler has come as far as it comes: what has ended is saved, it is
//! asked how the run stands, and [`Ending::of`] decides what is answered.

use std::sync::Arc;

use axum::response::Response;

use super::result_of::{Unfit, fits, result_of};
use super::standing;
use crate::checkpoint;
use crate::client::Patience;
use crate::journal::{
    Decision, Done, Ending, Facts, Outcome, Outstanding, Recorded, Saved, Stale, Standing, Unfinished, Why,
    failure,
};
use crate::run::Run;

/// How often it is tried to store a decision that other requests of the run store others before.
const DECISIONS: usize = 16;

/// Ends a re-entry with what it has come to.
pub(super) async fn conclude(run: &Arc<Run>, outcome: Outcome) -> Ending {
    let saved = save(run).await;
    end(run, outcome, saved).await
}

async fn end(run: &Arc<Run>, outcome: Outcome, mut saved: Saved) -> Ending {
    let may_retry = run.may_retry();
    let mut standing = Standing::GoesOn;
    if saved == Saved::All && outcome.ends(may_retry) {
        // Of several re-entries that come to the end at once, each answers with the same result:
        // the first that was stored.
        let proposal = match &outcome {
            Outcome::Ends(result) => run.propose_end(result),
            Outcome::Fails(message) => run.propose_end(&failure(message)),
            Outcome::Waits(..) => None,
        };
        standing = match proposal {
            None => standing::still_goes_on(run).await,
            Some(proposal) => {
                // As a step's output it is stored too, and the next re-entry ends the run with it.
                run.put_back(vec![proposal]);
                saved = save(run).await;
                if saved == Saved::All { standing::agreed_end(run).await } else { Standing::GoesOn }
            }
        };
    }
    if saved == Saved::Refused(Stale::Over) {
        standing = standing::look(run).await;
    }
    Ending::of(outcome, Facts { saved, standing, may_retry }, |ops| run.unsaved_with(ops))
}

/// The handler answered: its response is the run's result, and the client's answer.
pub(super) async fn finish(run: &Arc<Run>, response: Response) -> Ending {
    run.report_unclaimed();
    let saved = save(run).await;
    if saved != Saved::All {
        return end(run, Outcome::Waits(Vec::new(), None), saved).await;
    }
    let outcome = match result_of(run, response).await {
        Ok(result) if fits(&result) => Outcome::Ends(result),
        Ok(_) => fails_for_good(
            run,
            "the response is over 8 MiB, the most that Inngest keeps for the run's client",
        ),
        Err(Unfit::ForGood(message)) => fails_for_good(run, &message),
        Err(Unfit::ForNow(message)) => Outcome::Fails(message.to_owned()),
    };
    // A stream may have run steps.
    conclude(run, outcome).await
}

/// The handler goes no further.
pub(super) async fn of(run: &Arc<Run>, done: Done) -> Ending {
    match done {
        Done::Suspended(outstanding) => suspend(run, outstanding).await,
        Done::Misused(fault) => {
            run.finish();
            conclude(run, fails_for_good(run, &fault)).await
        }
        Done::Broken(fault) => {
            tracing::error!(run_id = %run.id(), "{fault}");
            let message = if run.is_dev() {
                format!("a middleware failed: {fault}")
            } else {
                "a middleware failed".to_owned()
            };
            without_response(run, message).await
        }
        Done::Stale(stale, outstanding) => {
            end(run, Outcome::Waits(Outstanding::answers(outstanding), None), Saved::Refused(stale)).await
        }
    }
}

/// The handler waits for Inngest: says for what.
async fn suspend(run: &Arc<Run>, outstanding: Vec<Outstanding>) -> Ending {
    match run.without_its_step() {
        Some(Unfinished::Dropped(dropped)) => return give_up(run, dropped).await,
        Some(Unfinished::Missed(missed)) => return miss(run, missed).await,
        None => {}
    }
    run.report_unclaimed();
    let handover = run.hand_over(outstanding, None);
    if let Some(message) = run.over_limit(&handover) {
        return conclude(run, fails_for_good(run, &message)).await;
    }
    // Saved before the waits have an effect: the re-entries they bring must find it all.
    run.put_back(handover.context);
    conclude(run, Outcome::Waits(handover.ops, handover.retry_after)).await
}

/// The handler dropped the step that this request was made for: later requests must not run it
/// either.
async fn give_up(run: &Arc<Run>, dropped: Decision) -> Ending {
    for _ in 0..DECISIONS {
        if run.is_full() {
            let message = "the run has as many steps as it can, and the order of its steps needs one more";
            return conclude(run, fails_for_good(run, message)).await;
        }
        let Some(proposal) = run.propose_drop(dropped) else { break };
        if let Err(ending) = decide(run, proposal).await {
            return ending;
        }
    }
    conclude(run, Outcome::Waits(vec![run.discovery()], None)).await
}

/// The handler has not come to the step that this request was made for. Inngest does not name it
/// again, so should the handler come to it later, the run must not wait for it.
async fn miss(run: &Arc<Run>, missed: Recorded) -> Ending {
    let message = "the handler does not come to the step that it had planned";
    tracing::error!(
        run_id = %run.id(),
        "{message}: its code has changed while the run was in flight, or does not do the same in each request"
    );
    if run.may_retry() {
        return Ending::TryAgain(Why::App, message.to_owned());
    }
    run.put_back(vec![missed]);
    conclude(run, Outcome::Waits(vec![run.discovery()], None)).await
}

/// Has all requests of the run agree on which step's result comes first: the server keeps the first
/// order that is saved, and everybody reads back which it was. The error is how the request ends
/// instead.
pub(super) async fn decide(run: &Arc<Run>, proposal: Recorded) -> Result<(), Ending> {
    let known = run.stored_orders();
    run.put_back(vec![proposal]);
    // As a step's output it is stored too, and Inngest calls back.
    let saved = save(run).await;
    let (Some(app), Some(dispatch), Saved::All) = (run.app(), run.dispatch(), saved) else {
        return Err(end(run, Outcome::Waits(Vec::new(), None), saved).await);
    };
    // What was just saved is among it.
    let steps = run.known_steps() + 1;
    let memo = standing::obtain(app, dispatch, run.sure_retries(), steps).await;
    run.learn(memo.map_err(|standing| Ending::without_state(&standing, run.may_retry()))?);
    run.prove();
    if run.stored_orders() == known {
        // This would go on without end.
        tracing::warn!(run_id = %run.id(), "Inngest does not show the order of steps that it has taken");
        let message = "Inngest gives an older state of the run".to_owned();
        return Err(conclude(run, Outcome::Fails(message)).await);
    }
    Ok(())
}

/// The handler came to no answer: Inngest is asked to try again while that is sure to be possible.
pub(super) async fn without_response(run: &Arc<Run>, message: String) -> Ending {
    run.finish();
    tracing::error!(run_id = %run.id(), "{message} in a re-entry");
    conclude(run, Outcome::Fails(message)).await
}

/// The run fails, for a reason that its client and its page may show.
fn fails_for_good(run: &Run, message: &str) -> Outcome {
    tracing::error!(run_id = %run.id(), "{message}");
    Outcome::Ends(failure(message))
}

/// Saves what has not been saved yet.
async fn save(run: &Arc<Run>) -> Saved {
    match (checkpoint::checkpoint(run, Patience::Waited).await, run.stale()) {
        (_, Some(stale)) => Saved::Refused(stale),
        (Ok(()), None) => Saved::All,
        (Err(error), None) => {
            tracing::warn!(run_id = %run.id(), error = error.report(), "finished steps go back in the answer instead");
            Saved::Not
        }
    }
}
