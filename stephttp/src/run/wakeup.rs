//! Knowing whether a handler can go on by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// The task that drives a handler, and whether it was woken since the handler's poll began.
///
/// A handler that returns pending and has woken itself (a cooperative yield, say) is not waiting: it must be polled
/// again before anybody may conclude that only Inngest can bring it forward.
#[derive(Debug, Default)]
pub(super) struct Wakeup {
    woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wakeup {
    /// Notes the task to wake.
    pub(super) fn register(&self, waker: &Waker) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *task {
            Some(known) => known.clone_from(waker),
            None => *task = Some(waker.clone()),
        }
    }

    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Begins a poll.
    pub(super) fn reset(&self) {
        self.woken.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }
}
