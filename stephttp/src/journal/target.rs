//! What a request was made for.

use super::decision::Decision;
use super::order::Slot;

/// How far a request has come with the step that it was made for; of other requests it says only
/// whether they have their answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// The handler has not come to it.
    #[default]
    Unreached,
    /// The handler does not come to it.
    GivenUp,
    /// The handler has come to it.
    Reached(Slot),
    /// The handler has dropped it by itself.
    Dropped(Decision),
    /// The request's answer is known, and nothing new begins: it is what this step has come to, or
    /// has to ask.
    Answered(Slot),
}

impl Target {
    /// Whether nothing new begins.
    pub(super) fn is_answered(self) -> bool {
        matches!(self, Self::Answered(_))
    }
}
