//! What the log is told of a run.

use crate::wire::limits::RUN_STEPS;

/// Something that is wrong with a run, and does not stop it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Complaint {
    #[error("the stored order of the run's steps, in the hidden step `{0}`, cannot be read")]
    UnreadableOrder(String),
    #[error("the run is at its limit of {RUN_STEPS} steps: the order of its steps is not stored")]
    FullOrder,
}
