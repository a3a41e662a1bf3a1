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
    /// The driver is at work: it looks at everything before it rests, so its task need not be woken.
    driving: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wakeup {
    /// The driver begins; notes its task.
    pub(super) fn begin(&self, waker: &Waker) {
        self.driving.store(true, Ordering::SeqCst);
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *task {
            Some(known) => known.clone_from(waker),
            None => *task = Some(waker.clone()),
        }
    }

    /// The driver rests, having looked at everything. What has happened since wakes it.
    pub(super) fn rest(&self) {
        self.driving.store(false, Ordering::SeqCst);
        if self.woken.load(Ordering::SeqCst) {
            self.wake_task();
        }
    }

    /// The handler can go on.
    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.notice();
    }

    /// There is something for the driver to look at, but nothing for the handler to go on with.
    pub(super) fn notice(&self) {
        if !self.driving.load(Ordering::SeqCst) {
            self.wake_task();
        }
    }

    fn wake_task(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Begins a poll of the handler.
    pub(super) fn reset(&self) {
        self.woken.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }
}
