//! Requests that are under way.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests are under way, and how many tasks wait for there to be none.
///
/// Every request of the app counts: what it costs is an atomic addition and a subtraction.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    requests: AtomicUsize,
    watchers: AtomicUsize,
}

/// Somebody waits until no request is in flight.
pub(super) struct Watching<'a>(&'a InFlight);

impl InFlight {
    pub(super) fn request_began(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether that was the last one, and somebody waits for it.
    pub(super) fn request_over(&self) -> bool {
        // In one order with `watch` and `requests`: either this sees the watcher, or that sees the
        // end.
        self.requests.fetch_sub(1, Ordering::SeqCst) == 1 && self.watchers.load(Ordering::SeqCst) > 0
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn watch(&self) -> Watching<'_> {
        self.watchers.fetch_add(1, Ordering::SeqCst);
        Watching(self)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::SeqCst);
    }
}
