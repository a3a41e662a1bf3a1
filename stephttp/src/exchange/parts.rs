//! The request's parts, for a response that the application makes when its run is handed over.

use std::fmt;
use std::sync::{Mutex, MutexGuard};

use http::request::Parts;

use crate::sync::lock;

/// Empty unless some function of the program needs them.
#[derive(Default)]
pub(crate) struct KeptParts(Mutex<Option<Box<Parts>>>);

impl KeptParts {
    /// Keeps parts, in place of earlier ones.
    pub(crate) fn keep(&self, parts: Parts) {
        *self.lock() = Some(Box::new(parts));
    }

    pub(crate) fn take(&self) -> Option<Parts> {
        self.lock().take().map(|parts| *parts)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Parts>>> {
        lock(&self.0)
    }
}

/// Headers and extensions may be secret.
impl fmt::Debug for KeptParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptParts").finish_non_exhaustive()
    }
}
