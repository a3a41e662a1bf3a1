//! Whose turn it is: a test that measures has the process to itself.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::MEMORY;

static TURN: RwLock<()> = RwLock::const_new(());

/// A turn beside others, of a test that measures nothing. Held until the test's end.
pub(crate) async fn beside_others() -> RwLockReadGuard<'static, ()> {
    TURN.read().await
}

/// A turn alone, of a test that measures memory or time. Held until the test's end.
pub(crate) async fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().await
}

/// What the process has come to hold since this was made, clients of the test included.
#[derive(Debug)]
pub(crate) struct Held {
    before: usize,
}

impl Held {
    /// Begins to measure.
    pub(crate) fn since_now() -> Self {
        MEMORY.reset_peak_usage();
        Self { before: MEMORY.current_usage() }
    }

    /// The most bytes that were held at one time.
    pub(crate) fn most(&self) -> usize {
        MEMORY.peak_usage().saturating_sub(self.before)
    }

    /// The bytes that are held now.
    pub(crate) fn now(&self) -> usize {
        MEMORY.current_usage().saturating_sub(self.before)
    }
}
