//! A run's account with Inngest.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use tokio::sync::MutexGuard;

use super::Backlog;
use crate::wire::CheckpointRun;
use crate::wire::duration::millis;

/// A run's account with Inngest.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// What the run's creation was answered with. Locked during calls: one is in flight at a time.
    created: tokio::sync::Mutex<Option<CheckpointRun>>,
    /// A task is sending what gathers.
    sending: AtomicBool,
    /// The last call that nobody waited for has failed.
    failing: AtomicBool,
    /// Bytes that the backlog holds for this run.
    charged: AtomicUsize,
    /// The run's operations were dropped.
    dropped: AtomicBool,
    /// Creating the run has failed, and may have succeeded for all that.
    may_exist: AtomicBool,
    /// When the run may have been handed over by a call whose answer did not come. In milliseconds
    /// since the epoch; 0: it was not.
    handed_over_at: AtomicU64,
}

impl Ledger {
    /// Its middlewares are told by whoever charges, who may hold a lock.
    pub(crate) fn charge(&self, backlog: &Backlog, bytes: usize) {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
        backlog.add(bytes);
    }

    /// Gives back up to a number of bytes: not all that is sent was charged.
    pub(crate) fn release(&self, backlog: &Backlog, most: usize) {
        let left = |charged: usize| Some(charged.saturating_sub(most));
        let charged =
            self.charged.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).unwrap_or_default();
        match charged.min(most) {
            0 => {}
            bytes => {
                backlog.remove(bytes);
                backlog.changed();
            }
        }
    }

    /// What the run's creation was answered with. Calls are made while it is locked: one at a time.
    pub(crate) async fn created(&self) -> MutexGuard<'_, Option<CheckpointRun>> {
        self.created.lock().await
    }

    /// A task begins to send what gathers. `false`: another one does.
    pub(crate) fn begin_to_send(&self) -> bool {
        !self.sending.swap(true, Ordering::AcqRel)
    }

    /// That task has ended, and `failed` if its last call has.
    pub(crate) fn end_sending(&self, failed: bool) {
        self.sending.store(false, Ordering::Release);
        self.failing.store(failed, Ordering::Relaxed);
    }

    /// The last call that nobody waited for has failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// The run's operations are not kept any more.
    pub(crate) fn drop_operations(&self) {
        self.dropped.store(true, Ordering::Relaxed);
    }

    /// The answer to the run's creation did not come.
    pub(crate) fn note_unclear_creation(&self, handed_over: bool) {
        self.may_exist.store(true, Ordering::Relaxed);
        if handed_over {
            self.handed_over_at.store(millis(SystemTime::now()), Ordering::Relaxed);
        }
    }

    /// Creating the run has failed, and may have succeeded for all that.
    pub(crate) fn may_exist(&self) -> bool {
        self.may_exist.load(Ordering::Relaxed)
    }

    /// When the run may have been handed over by a call whose answer did not come: milliseconds
    /// since the epoch.
    pub(crate) fn handed_over_at(&self) -> Option<u64> {
        Some(self.handed_over_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }
}
