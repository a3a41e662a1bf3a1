//! How a re-entry ends when its handler has come as far as it comes: what has ended is saved, it is
//! asked how the run stands, and [`Ending::of`] decides what is answered.

use std::sync::Arc;

use axum::response::Response;
use http::header::RETRY_AFTER;

use super::answer::LONGEST_RETRY_DELAY;
use super::result_of::{Unfit, fits, result_of};
use super::standing;
use crate::checkpoint;
use crate::client::{Patience, read_retry_after};
use crate::error::is_final;
use crate::journal::{
    Done, Ending, Erring, Facts, Outcome, Outstanding, Recorded, Saved, Stale, Standing, end_of, failure,
};
use crate::run::Run;

/// Ends a re-entry with what it has come to.
pub(super) async fn conclude(run: &Arc<Run>, outcome: Outcome) -> Ending {
    let saved = save(run).await;
    end(run, outcome, saved).await
}

async fn end(run: &Arc<Run>, mut outcome: Outcome, mut saved: Saved) -> Ending {
    let may_retry = run.may_retry();
    let mut standing = Standing::GoesOn;
    if saved == Saved::All && outcome.ends(may_retry) {
        (saved, standing) = agree_on_end(run, &outcome).await;
    }
    if saved == Saved::Not && !may_retry && run.is_stranded(outcome.operations()) {
        // Others may be coming to the end of the run that is given up here.
        outcome = outcome.given_up();
        (saved, standing) = agree_on_end(run, &outcome).await;
    }
    if saved == Saved::Refused(Stale::Over) {
        standing = standing::refused(run).await;
    }
    Ending::of(outcome, Facts { saved, standing, may_retry }, |ops, may_retry| {
        run.unsaved_with(ops, may_retry)
    })
}

/// Of several re-entries that come to the end at once, each answers with the same result: the first
/// that was stored.
async fn agree_on_end(run: &Arc<Run>, outcome: &Outcome) -> (Saved, Standing) {
    let proposal = match outcome {
        Outcome::Ends(result) | Outcome::Errs(result, _) => run.propose_end(result),
        Outcome::Fails(message) => run.propose_end(&failure(message)),
        Outcome::Waits(..) => None,
    };
    let proposes = proposal.is_some();
    // As a step's output it is stored too, and the next re-entry ends the run with it.
    run.put_back(proposal.into_iter().collect());
    let saved = if run.has_unsent() { save(run).await } else { Saved::All };
    let standing = match saved {
        Saved::All if proposes => standing::agreed_end(run).await,
        Saved::All => standing::still_goes_on(run).await,
        Saved::Not | Saved::Refused(_) => Standing::GoesOn,
    };
    (saved, standing)
}

/// The handler answered: its response is the run's result, and the client's answer. `known`: what
/// has become of the steps, if that was tried.
pub(super) async fn finish(run: &Arc<Run>, response: Response, known: Option<Saved>) -> Ending {
    run.report_unclaimed();
    let saved = save_rest(run, known).await;
    if saved != Saved::All {
        return end(run, Outcome::Waits(Vec::new(), None), saved).await;
    }
    let is_error = response.status().is_server_error() && !is_final(&response);
    let delay = response.headers().get(RETRY_AFTER).and_then(read_retry_after);
    let delay = delay.filter(|delay| *delay <= LONGEST_RETRY_DELAY);
    let outcome = match result_of(run, response).await {
        Ok(result) if !fits(&result) => fails_for_good(
            run,
            "the response is over 8 MiB, the most that Inngest keeps for the run's client",
        ),
        Ok(result) if is_error && run.retries_errors() => {
            if run.may_retry() {
                tracing::warn!(
                    run_id = %run.id(),
                    status = result.status,
                    "the handler answered with an error; Inngest is asked to call it again"
                );
            }
            return fail(run, Outcome::Errs(result, delay)).await;
        }
        Ok(result) => Outcome::Ends(result),
        Err(Unfit::ForGood(message)) => fails_for_good(run, &message),
        Err(Unfit::ForNow(message)) => return fail(run, Outcome::Fails(message.to_owned())).await,
    };
    // A stream may have run steps.
    conclude(run, outcome).await
}

/// The handler has had no chance, or somebody else has answered in its place: another attempt may
/// come to something, as after its own failure.
pub(super) async fn reject(run: &Arc<Run>, message: String, known: Option<Saved>) -> Ending {
    let outcome = Outcome::Fails(message);
    match save_rest(run, known).await {
        // Nor could anything be agreed on.
        Saved::Not => end(run, outcome, Saved::Not).await,
        Saved::All | Saved::Refused(_) => fail(run, outcome).await,
    }
}

/// The handler has failed as a whole: it is tried again, or the run fails. Other jobs of the run
/// may be about to try it again.
async fn fail(run: &Arc<Run>, outcome: Outcome) -> Ending {
    loop {
        match run.erring() {
            Erring::Here => return conclude(run, outcome).await,
            Erring::Elsewhere => return conclude(run, Outcome::Waits(Vec::new(), None)).await,
            Erring::Agree(proposal) => {
                if let Err(ending) = agree(run, Some(proposal)).await {
                    return ending;
                }
            }
        }
    }
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
            tracing::error!(run_id = %run.id(), function = run.log_name(), "{fault}");
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
    run.report_unclaimed();
    let handover = run.hand_over(outstanding, None);
    if let Some(message) = run.over_limit(&handover) {
        return conclude(run, fails_for_good(run, &message)).await;
    }
    // Saved before the waits have an effect: the re-entries they bring must find it all.
    run.put_back(handover.context);
    conclude(run, Outcome::Waits(handover.ops, handover.retry_after)).await
}

/// Has all requests of the run agree on what comes next: the server keeps the first proposal that
/// is saved, and everybody reads back which it was. Without a proposal, what has ended is saved,
/// and what others have saved is read. The error is how the request ends instead.
pub(super) async fn agree(run: &Arc<Run>, proposal: Option<Recorded>) -> Result<(), Ending> {
    let (known, proposes) = (run.log_steps(), proposal.is_some());
    // What is being saved now is among what is read then.
    let steps = run.known_steps() + run.own_steps() + usize::from(proposes);
    run.put_back(proposal.into_iter().collect());
    let saved = save(run).await;
    let (Some(app), Some(dispatch), Saved::All) = (run.app(), run.dispatch(), saved) else {
        return Err(end(run, Outcome::Waits(Vec::new(), None), saved).await);
    };
    let memo = standing::obtain(app, dispatch, run.sure_retries(), steps).await;
    let memo = memo.map_err(|standing| Ending::without_state(&standing, run.may_retry()))?;
    if let Some(end) = end_of(&memo) {
        return Err(Ending::Finished(end));
    }
    run.learn(memo);
    run.prove();
    if proposes && run.log_steps() == known {
        // This would go on without end.
        tracing::warn!(run_id = %run.id(), function = run.log_name(), "Inngest does not show the log of the run that it has taken");
        let message = "Inngest gives an older state of the run".to_owned();
        return Err(conclude(run, Outcome::Fails(message)).await);
    }
    Ok(())
}

/// The handler came to no answer: Inngest is asked to try again while that is sure to be possible.
pub(super) async fn without_response(run: &Arc<Run>, message: String) -> Ending {
    run.finish();
    tracing::error!(run_id = %run.id(), function = run.log_name(), "{message} in a re-entry");
    fail(run, Outcome::Fails(message)).await
}

/// The run fails, for a reason that its client and its page may show.
fn fails_for_good(run: &Run, message: &str) -> Outcome {
    tracing::error!(run_id = %run.id(), function = run.log_name(), "{message}");
    Outcome::Ends(failure(message))
}

/// Saves what has come since it was last tried. Had that failed, it has had its time: what there is
/// goes back in the answer.
async fn save_rest(run: &Arc<Run>, known: Option<Saved>) -> Saved {
    match known {
        Some(Saved::Not) if run.stale().is_none() => Saved::Not,
        _ => save(run).await,
    }
}

/// Saves what has not been saved yet.
pub(super) async fn save(run: &Arc<Run>) -> Saved {
    if let Some(stale) = run.stale() {
        return Saved::Refused(stale);
    }
    match (checkpoint::checkpoint(run, Patience::Waited).await, run.stale()) {
        (_, Some(stale)) => Saved::Refused(stale),
        (Ok(()), None) => Saved::All,
        (Err(error), None) => {
            tracing::warn!(run_id = %run.id(), function = run.log_name(), error = error.report(), "finished steps go back in the answer instead");
            Saved::Not
        }
    }
}
