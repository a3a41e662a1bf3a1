//! What a re-entry may do with the steps that it comes to.

use super::memo::Memo;
use super::record::StepKey;
use crate::layer::Dispatch;
use crate::wire::StepHash;

/// The hidden step that says: this run plans.
pub(super) const PLANS: &str = "stephttp:plans";

/// The hidden step that names the step by whose failure the first request was handed over.
pub(super) const FAILED: &str = "stephttp:failed";

/// The hidden step that asks to be called back at once.
pub(super) const DISCOVER: &str = "stephttp:discover";

/// The hidden step of a run that has no other to begin with, or whose first call was made again. Its value is `null`, or when
/// that call may have been carried out before: then the run may have ended, and creating it again has only brought it back.
pub(super) const START: &str = "stephttp:start";

/// The hidden step that holds how a run that plans ends: the first that is stored, whichever of its re-entries comes to an end.
pub(super) const END: &str = "stephttp:end";

/// What a re-entry may do with the steps that it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One thing was outstanding: it may run every step, to the end.
    RunsOn,
    /// It tries a step again: when a step has ended, it answers.
    ///
    /// Inngest counts attempts by job. A later step that failed in this one would find the attempts used up that the
    /// earlier step took; the answer makes Inngest begin another job.
    Retries,
    /// Several things were outstanding, and other re-entries may be under way: steps are planned.
    Plans,
    /// It was made to run this one step.
    Runs(StepHash),
}

impl Mode {
    pub(super) fn of(dispatch: &Dispatch, memo: &Memo) -> Self {
        let stored = |id| memo.get(StepKey::hidden(id).hash);
        if let Some(step) = dispatch.step {
            return Self::Runs(step);
        }
        if stored(PLANS).is_some() {
            return Self::Plans;
        }
        let failed = stored(FAILED).and_then(|failed| failed.outcome::<StepHash>().ok()?.ok());
        // The retry of a step that failed in the client's request is the first dispatch of its job.
        if dispatch.generation() > 1 || failed.is_some_and(|failed| !memo.contains(failed)) {
            return Self::Retries;
        }
        Self::RunsOn
    }
}
