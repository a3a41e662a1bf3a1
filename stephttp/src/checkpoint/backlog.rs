//! How much the process holds that Inngest has not taken yet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::wire::limits::STEP_OUTPUT_BYTES;

/// Bytes that wait to be delivered, over all runs, and their limit.
///
/// At the limit no further step begins; what then executes may exceed it, by one output and one response for each
/// request under way.
#[derive(Debug)]
pub(crate) struct Backlog {
    bytes: AtomicUsize,
    limit: usize,
    /// Bytes of responses that clients have not had all of. Steps do not wait for these: a client that reads slowly must not stop
    /// others.
    responses: AtomicUsize,
    full_since: Mutex<Option<Instant>>,
    shrunk: Notify,
}

impl Backlog {
    pub(crate) fn new(limit: usize) -> Self {
        let responses = AtomicUsize::new(0);
        Self {
            bytes: AtomicUsize::new(0),
            limit,
            responses,
            full_since: Mutex::default(),
            shrunk: Notify::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) + self.responses.load(Ordering::Relaxed)
    }

    /// Makes room for more bytes of responses, if there is: as much as the limit, and at least one response.
    fn keep(&self, more: usize) -> bool {
        let most = self.limit.max(STEP_OUTPUT_BYTES);
        let kept = |kept: usize| Some(kept + more).filter(|kept| *kept <= most);
        self.responses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, kept).is_ok()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.limit
    }

    /// Whether it has been full for so long.
    pub(super) fn is_stuck(&self, duration: Duration) -> bool {
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
            // One, who passes it on: woken together, all but the first few would find it full again.
            self.shrunk.notify_one();
        }
    }

    fn full_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.full_since.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Bytes of one response that count in the backlog, until they are released.
#[derive(Default)]
pub(crate) struct KeptBytes(usize);

impl KeptBytes {
    /// Counts more of them, if there is room.
    pub(crate) fn grow(&mut self, backlog: &Backlog, more: usize) -> bool {
        let has_room = backlog.keep(more);
        if has_room {
            self.0 += more;
        }
        has_room
    }

    /// They are let go of, or count elsewhere.
    pub(crate) fn release(&mut self, backlog: &Backlog) {
        backlog.responses.fetch_sub(std::mem::take(&mut self.0), Ordering::Relaxed);
    }
}
