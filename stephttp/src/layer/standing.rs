//! Making sure of how a run stands, before a re-entry runs anything or ends its run.
//!
//! A re-entry can come for a run that is over: in fan-outs it usually does. Its answer counts all
//! the same: one that ends the run ends it again, and rewrites its status and output. And a state
//! that Inngest does not give may be a passing failure of Inngest's, so the run must not be left
//! hanging either. So an answer that ends a run is given by a request alone to which Inngest has
//! shown the run's state (docs/protocol.md 4.3 and 6.4).

use std::time::{Duration, SystemTime};

use crate::app::App;
use crate::client::{NoState, STATUS_LAG, Shown};
use crate::exchange::Dispatch;
use crate::journal::{Ending, Memo, Standing, end_of, handed_over_at};
use crate::run::Run;
use crate::wire::RunId;

/// How often it is asked again how a run stands when there may be no other attempt, and how long
/// after each other. Longer than Inngest's view lags.
const LAST_CHANCES: u32 = 6;
const LAST_CHANCE_WAIT: Duration = Duration::from_secs(1);

const NOT_FETCHED: &str = "the run's finished steps could not be fetched";

/// The state of a dispatch's run. The error is how the request ends instead.
pub(super) async fn state(app: &App, dispatch: &Dispatch, retries: u8) -> Result<Memo, Ending> {
    let memo = obtain(app, dispatch, retries, 0)
        .await
        .map_err(|standing| Ending::without_state(&standing, dispatch.may_ask_for_retry(retries)))?;
    if let Some(end) = end_of(&memo) {
        // Another re-entry has come to it.
        return Err(Ending::Finished(end));
    }
    match handed_over_at(&memo) {
        Some(at) if was_brought_back(app, dispatch.run_id, at).await => Err(Ending::Over),
        _ => Ok(memo),
    }
}

/// The state of a run in which at least `known` steps have ended. The error is how it stands
/// without one.
pub(super) async fn obtain(
    app: &App,
    dispatch: &Dispatch,
    retries: u8,
    known: usize,
) -> Result<Memo, Standing> {
    let run_id = dispatch.run_id;
    let client = app.client();
    let may_retry = dispatch.may_ask_for_retry(retries);
    let mut state = client.state_of(run_id, known).await;
    if !may_retry {
        for _ in 0..LAST_CHANCES {
            if state.is_ok() {
                break;
            }
            if client.has_ended(run_id).await == Some(true) {
                tracing::debug!(%run_id, "a re-entry of a run that is over");
                return Err(Standing::Over);
            }
            tokio::time::sleep(LAST_CHANCE_WAIT).await;
            state = client.look_at(run_id, known).await;
        }
    }
    state.map_err(|no_state| match no_state {
        NoState::Gone => {
            if may_retry {
                tracing::debug!(%run_id, "a re-entry of a run without a state; asking for another");
            } else {
                tracing::error!(%run_id, "Inngest has no state of a run that it shows as going on");
            }
            Standing::Gone
        }
        NoState::Failed(error) => {
            let error = error.report();
            tracing::error!(%run_id, error, "{NOT_FETCHED}");
            Standing::Unknown(NOT_FETCHED)
        }
    })
}

/// How a run stands that Inngest has said is over.
pub(super) async fn look(run: &Run) -> Standing {
    let (Some(app), Some(dispatch)) = (run.app(), run.dispatch()) else { return Standing::Over };
    match obtain(app, dispatch, run.sure_retries(), run.known_steps()).await {
        Ok(memo) => end_of(&memo).map_or(Standing::GoesOn, Standing::Agreed),
        Err(standing) => standing,
    }
}

/// Whether somebody has cancelled a run that seems to be over. Inngest shows that some seconds
/// late. No longer than that is waited for it, also when Inngest does not answer: only middlewares
/// want to know, and the re-entry's answer waits.
pub(super) async fn was_cancelled(run: &Run) -> bool {
    let Some(app) = run.app() else { return false };
    let asking = async {
        loop {
            match app.client().shown(run.id()).await {
                Some(Shown::Cancelled) => return true,
                Some(Shown::Ended) => return false,
                Some(Shown::GoingOn) | None => tokio::time::sleep(LAST_CHANCE_WAIT).await,
            }
        }
    };
    tokio::time::timeout(STATUS_LAG, asking).await.unwrap_or(false)
}

/// How a run stands of which Inngest has refused to save anything, since it is over. It may still
/// show the run's state: on the last attempt, when the run would be given up, its view decides.
pub(super) async fn refused(run: &Run) -> Standing {
    let standing = look(run).await;
    let Some(app) = run.app().filter(|_| matches!(standing, Standing::GoesOn) && !run.may_retry()) else {
        return standing;
    };
    for wait in [Duration::ZERO, STATUS_LAG] {
        tokio::time::sleep(wait).await;
        if app.client().has_ended(run.id()).await == Some(true) {
            return Standing::Over;
        }
    }
    standing
}

/// Makes sure that a run still goes on, before it is ended.
pub(super) async fn still_goes_on(run: &Run) -> Standing {
    let Some(app) = run.app().filter(|_| run.may_be_over()) else { return Standing::GoesOn };
    match app.client().state_of(run.id(), run.known_steps()).await {
        Ok(_) => {
            run.prove();
            Standing::GoesOn
        }
        Err(NoState::Gone) => look(run).await,
        Err(NoState::Failed(error)) => {
            tracing::warn!(run_id = %run.id(), function = run.log_name(), error = error.report(), "whether the run still goes on is not known");
            Standing::Unknown("whether the run goes on is not known")
        }
    }
}

/// How the run ends, of which this request has just saved a proposal.
pub(super) async fn agreed_end(run: &Run) -> Standing {
    let (Some(app), Some(dispatch)) = (run.app(), run.dispatch()) else { return Standing::GoesOn };
    let known = run.known_steps() + 1;
    let memo = match app.client().state_of(run.id(), known).await {
        Ok(memo) => memo,
        Err(NoState::Gone) => match obtain(app, dispatch, run.sure_retries(), known).await {
            Ok(memo) => memo,
            Err(standing) => return standing,
        },
        Err(NoState::Failed(_)) => return Standing::Unknown("how the run ends could not be read back"),
    };
    end_of(&memo).map_or(Standing::GoesOn, Standing::Agreed)
}

/// The first call of the run was made twice, since the answer to the first did not come. Should the
/// run have ended between the two, then the second has brought it back, without its steps: nothing
/// of it may run.
async fn was_brought_back(app: &App, run_id: RunId, again_at: u64) -> bool {
    let shown_at = SystemTime::UNIX_EPOCH + Duration::from_millis(again_at) + STATUS_LAG;
    let wait = shown_at.duration_since(SystemTime::now()).unwrap_or_default().min(STATUS_LAG);
    tokio::time::sleep(wait).await;
    let has_ended = app.client().has_ended(run_id).await == Some(true);
    if has_ended {
        tracing::warn!(%run_id, "the run has ended, and was created again since the answer to its creation was lost");
    }
    has_ended
}
