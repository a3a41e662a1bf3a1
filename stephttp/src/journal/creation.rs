//! What the call that creates a run may hold.
//!
//! The server carries out the operations of that call each time that it comes
//! (docs/protocol.md 2.3): a wait or a failure in a call that is made twice brings two re-entries,
//! which would run the same steps.

use super::Recorded;
use crate::wire::OpCode;

/// Whether the run's creation may be called for again with these operations when its answer did not
/// come.
pub(crate) fn is_repeatable(ops: &[Recorded]) -> bool {
    let ends_run = ops.last().is_some_and(|op| op.op() == OpCode::RunComplete);
    ends_run || ops.iter().all(|op| op.op() == OpCode::StepRun)
}

/// Whether operations may go with the run's creation. Where the run may exist already they follow
/// in calls of their own.
pub(crate) fn takes_operations(may_exist: bool) -> bool {
    !may_exist
}
