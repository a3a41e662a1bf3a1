//! Where operations came from.

use super::run::Origin;

/// How operations came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// In the first request, by `/v1/checkpoint` or `/steps`.
    Checkpoint,
    /// While a re-entry goes on, by `/async`.
    Async,
    /// In a re-entry's answer; says whether a failed step may be tried again.
    Answer { may_retry: bool },
}

/// Where operations came from, and what holds for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Source<'a> {
    pub(crate) by: By,
    pub(crate) origin: &'a Origin,
    /// Whether one of them ends the run.
    pub(crate) ends: bool,
    /// Whether planning was forced before they came.
    pub(crate) forced: bool,
    /// Whether the job that they answer races with others.
    pub(crate) race: bool,
    /// The group of the job that they answer.
    pub(crate) group: Option<String>,
    /// The group that they are themselves.
    pub(crate) new_group: Option<String>,
    /// Where calls to third parties are counted that they ask for.
    pub(crate) ticket: u64,
}
