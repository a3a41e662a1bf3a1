//! How a run stands: what of Inngest's answers about it can be believed.
//!
//! - `GET /v0/runs/{run_id}/actions` answers `200 {}` while a run is being finalized, and 410 for
//!   every failure to load a run's state, a passing one included. So neither says at once that a
//!   run is new, or over.
//! - `GET /v1/runs/{run_id}` says whether a run has ended, some seconds late.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::call::Call;
use super::{ApiClient, ApiError, Patience, at};
use crate::wire::{MemoizedSteps, RunId};

/// The waits between looking for a state that should be there.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];

/// How long Inngest may show an older status of a run: it is cached for three seconds, and written
/// a moment late.
pub(crate) const STATUS_LAG: Duration = Duration::from_secs(4);

/// Why a run's state cannot be had.
#[derive(Debug)]
pub(crate) enum NoState {
    /// Inngest has none, as of a run that is over, each time that it was asked.
    Gone,
    /// Inngest could not be asked.
    Failed(ApiError),
}

/// As what Inngest shows a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    GoingOn,
    /// By itself.
    Ended,
    Cancelled,
}

impl ApiClient {
    /// The state of a run that was handed over, in which at least `known` steps have ended.
    ///
    /// One that is not [whole](MemoizedSteps::is_whole) is asked for again. By then its deletion is
    /// over.
    pub(crate) async fn state_of(&self, run_id: RunId, known: usize) -> Result<MemoizedSteps, NoState> {
        let mut state = self.look_at(run_id, known).await;
        for wait in LOOK_AGAIN {
            if !matches!(state, Err(NoState::Gone)) {
                break;
            }
            tokio::time::sleep(wait).await;
            state = self.look_at(run_id, known).await;
        }
        state
    }

    /// The same, asked for once.
    pub(crate) async fn look_at(&self, run_id: RunId, known: usize) -> Result<MemoizedSteps, NoState> {
        match self.memoized_steps(run_id, Patience::Waited).await {
            Ok(steps) if steps.is_whole(known) => Ok(steps),
            Ok(_) => Err(NoState::Gone),
            Err(error) if error.is(StatusCode::GONE) => Err(NoState::Gone),
            Err(error) => Err(NoState::Failed(error)),
        }
    }

    /// Whether Inngest shows a run as ended; `None` when it does not say.
    pub(crate) async fn has_ended(&self, run_id: RunId) -> Option<bool> {
        self.shown(run_id).await.map(|shown| shown != Shown::GoingOn)
    }

    /// As what Inngest shows a run; `None` when it does not say.
    pub(crate) async fn shown(&self, run_id: RunId) -> Option<Shown> {
        #[derive(Deserialize)]
        struct Answer {
            // Missing for a run that Inngest does not show, or not yet.
            data: Option<View>,
        }
        #[derive(Deserialize)]
        struct View {
            status: String,
        }
        let url = at(&self.inner.base, &format!("v1/runs/{run_id}"));
        match self.read::<Answer>(Call::get(&url), Patience::Waited).await {
            Ok(answer) => answer.data.map(|view| {
                let is = |status: &&str| view.status.eq_ignore_ascii_case(status);
                if is(&"Cancelled") {
                    Shown::Cancelled
                } else if ["Completed", "Failed", "Skipped"].iter().any(is) {
                    Shown::Ended
                } else {
                    Shown::GoingOn
                }
            }),
            Err(error) => {
                tracing::debug!(%run_id, error = error.report(), "a run's status could not be had");
                None
            }
        }
    }
}
