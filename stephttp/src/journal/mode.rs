//! What a request may do with the steps that it comes to.

use super::hidden::{PLANS, SHARED};
use super::memo::Memo;
use super::record::StepKey;

/// What a request may do with the steps that it comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A client's request: it may run every step, and nothing is stored yet.
    #[default]
    First,
    /// One thing was outstanding, and no other request is under way: it may run every step.
    Alone,
    /// Several things were outstanding, and other re-entries may be under way: it runs the steps
    /// that it has claimed, and what comes next is agreed on.
    Shared,
}

impl Mode {
    /// The mode of a re-entry.
    pub(crate) fn of(memo: &Memo) -> Self {
        let is_shared = [SHARED, PLANS].iter().any(|id| memo.contains(StepKey::hidden(*id).hash));
        if is_shared { Self::Shared } else { Self::Alone }
    }
}
