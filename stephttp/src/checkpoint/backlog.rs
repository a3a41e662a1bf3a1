//! How much the process holds that Inngest has not taken yet.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Bytes of operations that wait to be delivered, over all runs, and their limit.
///
/// At the limit no further step begins; what then executes may exceed it, by one output for each step under way.
#[derive(Debug)]
pub(crate) struct Backlog {
    bytes: AtomicUsize,
    limit: usize,
    shrunk: Notify,
}

impl Backlog {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), limit, shrunk: Notify::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.limit
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if before >= self.limit && before - bytes < self.limit {
            // One, who passes it on: woken together, all but the first few would find it full again.
            self.shrunk.notify_one();
        }
    }

    /// Waits until it is not full.
    pub(crate) async fn has_room(&self) {
        while self.is_full() {
            // Registered before the second look, so that no change is missed.
            let mut shrunk = std::pin::pin!(self.shrunk.notified());
            shrunk.as_mut().enable();
            if self.is_full() {
                shrunk.await;
            }
        }
        self.shrunk.notify_one();
    }
}
