//! What a replay test is told of a re-entry. This is the engine's way in, and no part of the public
//! API: it may change at any time.
//!
//! With an observer, a re-entry is a rehearsal: its handler gets what is stored, and none of its
//! steps runs.

use std::sync::Arc;

use crate::function::StepKind;
use crate::wire::StepHash;

/// Ends a re-entry: its handler is dropped.
pub type End = Arc<dyn Fn() + Send + Sync>;

/// A step that a handler has come to.
#[derive(Debug, Clone, Copy)]
pub struct Reached<'a> {
    /// The id as the handler has it.
    pub id: &'a str,
    /// Which use of the id it is: 0 for the first.
    pub index: u32,
    /// Under which hash its outcome is stored: that of an id that it had before, if so.
    pub hash: StepHash,
    /// What it is; `None` for a step of the SDK's own.
    pub kind: Option<StepKind>,
}

/// Is told what the handlers of re-entries come to. Each call names the dispatch's job.
pub trait Observer: Send + Sync {
    /// A re-entry has what is stored of its run, and its handler comes next.
    fn began(&self, job: &str, end: End);

    /// The handler has polled a step for the first time.
    fn reached(&self, job: &str, step: Reached<'_>);

    /// The handler is given what is stored of a step.
    fn given(&self, job: &str, step: StepHash);

    /// What is stored of a step cannot be read as what the handler wants: a type's name, and why.
    fn unreadable(&self, job: &str, step: StepHash, wanted: &'static str, why: &str);

    /// The handler has dropped a step that had given no result, as the loser of a `select!` is.
    fn left(&self, job: &str, step: StepHash);

    /// The step's code would run now; it does not.
    fn begins(&self, job: &str, step: StepHash);
}
