//! What a middleware is told of a run that is lost.

use crate::wire::RunId;

/// A run of which Inngest will not have everything, as a [`Middleware`](super::Middleware) sees it.
#[derive(Debug, Clone, Copy)]
pub struct LostRun<'a> {
    run_id: RunId,
    function_id: Option<&'a str>,
    reason: &'a str,
}

impl<'a> LostRun<'a> {
    pub(crate) fn new(run_id: RunId, function_id: Option<&'a str>, reason: &'a str) -> Self {
        Self { run_id, function_id, reason }
    }

    /// The run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// The function, as [`Execution::function_id`](super::Execution::function_id) has it, but cut
    /// to 200 characters.
    #[must_use]
    pub fn function_id(&self) -> Option<&'a str> {
        self.function_id
    }

    /// Why; for people.
    #[must_use]
    pub fn reason(&self) -> &'a str {
        self.reason
    }
}
