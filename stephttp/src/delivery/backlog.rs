//! How much the process holds that Inngest has not taken yet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::kept_responses::KeptResponses;
use crate::middleware::Chain;
use crate::sync::lock;

/// Bytes that wait to be delivered, over all runs, and their limit.
///
/// At the limit no further step begins; what then executes may exceed it, by one output and one
/// response for each request under way.
#[derive(Debug)]
pub(crate) struct Backlog {
    bytes: AtomicUsize,
    limit: usize,
    responses: KeptResponses,
    full_since: Mutex<Option<Instant>>,
    shrunk: Notify,
    /// They are told of changes, one after another.
    middleware: Mutex<Chain>,
    has_middleware: bool,
}

impl Backlog {
    pub(crate) fn new(limit: usize, middleware: Chain) -> Self {
        let responses = KeptResponses::new(limit);
        Self {
            bytes: AtomicUsize::new(0),
            limit,
            responses,
            full_since: Mutex::default(),
            shrunk: Notify::new(),
            has_middleware: !middleware.is_empty(),
            middleware: Mutex::new(middleware),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) + self.responses.bytes()
    }

    /// What is kept of responses that clients have not had all of. Steps do not wait for these
    /// bytes.
    pub(crate) fn responses(&self) -> &KeptResponses {
        &self.responses
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.limit
    }

    /// Whether it has been full for so long.
    pub(crate) fn is_stuck(&self, duration: Duration) -> bool {
        self.full_since().is_some_and(|since| since.elapsed() >= duration)
    }

    pub(crate) fn add(&self, bytes: usize) {
        let before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        if before < self.limit && before + bytes >= self.limit {
            *self.full_since() = Some(Instant::now());
        }
    }

    pub(crate) fn remove(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if before >= self.limit && before - bytes < self.limit {
            *self.full_since() = None;
            // One, who passes it on: woken together, all but the first few would find it full
            // again.
            self.shrunk.notify_one();
        }
    }

    /// Tells middlewares that it has changed, or [what is kept of responses](Self::responses) has.
    /// Not to be called under a run's lock.
    pub(crate) fn changed(&self) {
        if self.has_middleware {
            let middleware = lock(&self.middleware);
            middleware.backlog(self.bytes());
        }
    }

    fn full_since(&self) -> MutexGuard<'_, Option<Instant>> {
        lock(&self.full_since)
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
