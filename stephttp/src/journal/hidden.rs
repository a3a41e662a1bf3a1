//! The steps that the SDK adds to a run for itself. Their ids begin with `stephttp:`.

use serde::Serialize;

use super::record::{Recorded, StepKey};
use crate::wire::StepHash;

/// The hidden step that says: this run plans.
pub(crate) const PLANS: &str = "stephttp:plans";

/// The hidden step that names the step by whose failure the first request was handed over.
pub(crate) const FAILED: &str = "stephttp:failed";

/// The hidden step that asks to be called back at once.
pub(crate) const DISCOVER: &str = "stephttp:discover";

/// The hidden step of a run that has no other to begin with, or whose first call was made again.
/// Its value is `null`, or when that call may have been carried out before: then the run may have
/// ended, and creating it again has only brought it back.
pub(crate) const START: &str = "stephttp:start";

/// The hidden step that holds how a run that plans ends: the first that is stored, whichever of its
/// re-entries comes to an end.
pub(crate) const END: &str = "stephttp:end";

/// A hidden step that says that a planned step was not found when it was to run. Inngest does not
/// name it again.
pub(crate) fn missed(step: StepHash) -> Recorded {
    hidden(missed_step(step), &true)
}

pub(crate) fn missed_step(step: StepHash) -> StepKey {
    StepKey::hidden(format!("stephttp:missed:{step}"))
}

/// A step that the SDK adds for itself.
pub(crate) fn hidden(key: StepKey, value: &impl Serialize) -> Recorded {
    // A flag or texts: this cannot fail.
    Recorded::ran(key, serde_json::value::to_raw_value(value).unwrap_or_default(), None)
}

/// The n-th hidden step that holds decisions.
pub(crate) fn order_step(n: usize) -> StepKey {
    StepKey::hidden(format!("stephttp:order:{n}"))
}
