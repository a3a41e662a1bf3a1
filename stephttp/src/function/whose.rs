//! Whose a log line is.

use crate::wire::RunId;

/// The run that a log line is about, and its function's id or route, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Whose {
    pub(crate) run_id: RunId,
    pub(crate) function: Option<String>,
}
