//! What a request may do with the steps that it comes to.

use super::hidden::{FAILED, PLANS};
use super::memo::Memo;
use super::record::StepKey;
use crate::wire::StepHash;

/// What a request may do with the steps that it comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A client's request: it may run every step, and nothing is stored yet.
    #[default]
    First,
    /// One thing was outstanding: it may run every step, to the end.
    RunsOn,
    /// It tries a step again: when a step has ended, it answers.
    ///
    /// Inngest counts attempts by job. A later step that failed in this one would find the attempts
    /// used up that the earlier step took; the answer makes Inngest begin another job.
    Retries,
    /// Several things were outstanding, and other re-entries may be under way: steps are planned.
    Plans,
    /// It was made to run this one step.
    Runs(StepHash),
}

impl Mode {
    /// The mode of a re-entry that was made for `step`, if for one, and is the job's dispatch with
    /// the number `generation`.
    pub(crate) fn of(step: Option<StepHash>, generation: u32, memo: &Memo) -> Self {
        let stored = |id| memo.get(StepKey::hidden(id).hash);
        if let Some(step) = step {
            return Self::Runs(step);
        }
        if stored(PLANS).is_some() {
            return Self::Plans;
        }
        let failed = stored(FAILED).and_then(|failed| failed.outcome::<StepHash>().ok()?.ok());
        // The retry of a step that failed in the client's request is the first dispatch of its job.
        if generation > 1 || failed.is_some_and(|failed| !memo.contains(failed)) {
            return Self::Retries;
        }
        Self::RunsOn
    }

    /// Whether this request alone decides which step's result comes first: no other one of the run
    /// is under way.
    pub(super) fn decides(self) -> bool {
        matches!(self, Self::First | Self::RunsOn | Self::Retries)
    }

    /// Whether other re-entries may be under way.
    pub(crate) fn plans(self) -> bool {
        matches!(self, Self::Plans | Self::Runs(_))
    }
}
