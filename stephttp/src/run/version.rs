//! The version of the program in which a run began.

use std::sync::OnceLock;

use super::{Origin, Run};
use crate::journal::{remembered_step, remembered_version};

/// What a re-entry has found stored, once it was asked for.
#[derive(Default)]
pub(super) struct KeptVersion(OnceLock<Option<Box<str>>>);

impl Run {
    /// The version in which the run began, if it had one.
    pub(crate) fn version(&self) -> Option<&str> {
        match &self.origin {
            Origin::First(app) => app.settings().version.as_deref(),
            Origin::Detached(_) => None,
            Origin::Reentry(reentry) => {
                let stored = || remembered_version(&self.memoized(remembered_step().hash)?);
                reentry.version.0.get_or_init(stored).as_deref()
            }
        }
    }
}
