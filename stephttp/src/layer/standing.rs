//! Making sure of how a run stands, before a re-entry runs anything or ends its run.
//!
//! A re-entry can come for a run that is over: in fan-outs it usually does. Its answer counts all the same: one that ends the
//! run ends it again, and rewrites its status and output. And a state that Inngest does not give may be a passing failure of
//! Inngest's, so the run must not be left hanging either. So an answer that ends a run is given by a request alone to which
//! Inngest has shown the run's state (docs/protocol.md 4.3 and 6.4).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::response::Response;
use http::StatusCode;

use super::answer;
use crate::app::App;
use crate::client::{NoState, STATUS_LAG};
use crate::exchange::Dispatch;
use crate::journal::Memo;
use crate::run::Run;
use crate::wire::RunId;

/// How often it is asked again how a run stands when there may be no other attempt, and how long after each other. Longer
/// than Inngest's view lags.
const LAST_CHANCES: u32 = 6;
const LAST_CHANCE_WAIT: Duration = Duration::from_secs(1);

const NOT_FETCHED: &str = "the run's finished steps could not be fetched";

/// The state of a dispatch's run. The error is the answer to give instead.
pub(super) async fn state(app: &App, dispatch: &Dispatch, retries: u8) -> Result<Memo, Response> {
    let memo = obtain(app, dispatch, retries, 0).await?;
    match Run::handed_over_at(&memo) {
        Some(at) => was_not_brought_back(app, dispatch.run_id, at).await.map(|()| memo),
        None => Ok(memo),
    }
}

/// The state of a run in which at least `known` steps have ended.
pub(super) async fn obtain(
    app: &App,
    dispatch: &Dispatch,
    retries: u8,
    known: usize,
) -> Result<Memo, Response> {
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
                return Err(over(run_id));
            }
            tokio::time::sleep(LAST_CHANCE_WAIT).await;
            state = client.look_at(run_id, known).await;
        }
    }
    state.map_err(|no_state| match no_state {
        NoState::Gone => {
            // Whether it was over cannot be told. This changes nothing if it was, and brings another attempt if it was not.
            if may_retry {
                tracing::debug!(%run_id, "a re-entry of a run without a state; asking for another");
            } else {
                tracing::error!(%run_id, "Inngest has no state of a run that it shows as going on");
            }
            answer::retry(StatusCode::SERVICE_UNAVAILABLE, "Inngest gives no state of the run")
        }
        NoState::Failed(error) => {
            let error = error.report();
            tracing::error!(%run_id, error, "{NOT_FETCHED}");
            if may_retry {
                answer::retry(StatusCode::SERVICE_UNAVAILABLE, NOT_FETCHED)
            } else {
                // Each of its attempts has come to this.
                answer::failed(run_id, NOT_FETCHED)
            }
        }
    })
}

/// Makes sure that a run still goes on, before it is ended or suspended for good. The error is the answer to give instead.
pub(super) async fn still_goes_on(run: &Arc<Run>) -> Result<(), Response> {
    let (Some(app), Some(dispatch)) = (run.app(), run.dispatch()) else { return Ok(()) };
    if !run.may_be_over() {
        return Ok(());
    }
    match app.client().state_of(run.id(), run.known_steps()).await {
        Ok(_) => run.prove(),
        Err(NoState::Gone) => drop(obtain(app, dispatch, run.sure_retries(), run.known_steps()).await?),
        Err(NoState::Failed(_)) if run.may_retry() => {
            return Err(answer::retry(
                StatusCode::SERVICE_UNAVAILABLE,
                "whether the run goes on is not known",
            ));
        }
        // It went on when the request began, and what it has come to must not be lost.
        Err(NoState::Failed(error)) => {
            tracing::warn!(run_id = %run.id(), error = error.report(), "whether the run still goes on is not known");
        }
    }
    Ok(())
}

/// The first call of the run was made twice, since the answer to the first did not come. Should the run have ended between the
/// two, then the second has brought it back, without its steps: nothing of it may run.
async fn was_not_brought_back(app: &App, run_id: RunId, again_at: u64) -> Result<(), Response> {
    let shown_at = SystemTime::UNIX_EPOCH + Duration::from_millis(again_at) + STATUS_LAG;
    let wait = shown_at.duration_since(SystemTime::now()).unwrap_or_default().min(STATUS_LAG);
    tokio::time::sleep(wait).await;
    if app.client().has_ended(run_id).await == Some(true) {
        tracing::warn!(%run_id, "the run has ended, and was created again since the answer to its creation was lost");
        return Err(answer::nothing());
    }
    Ok(())
}

/// The run is over: whatever is answered must not change how it ended.
fn over(run_id: RunId) -> Response {
    tracing::debug!(%run_id, "a re-entry of a run that is over");
    answer::nothing()
}
