//! Knowing whether a handler can go on by itself.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use crate::sync::lock;

/// The task that drives a handler, and whether it was woken since the handler's poll began.
///
/// A handler that returns pending and has woken itself (a cooperative yield, say) is not waiting:
/// it must be polled again before anybody may conclude that only Inngest can bring it forward.
#[derive(Debug, Default)]
pub(super) struct Wakeup {
    woken: AtomicBool,
    /// There is something new for the driver to look at.
    noticed: AtomicBool,
    /// The driver is at work: it looks at everything before it rests, so its task need not be
    /// woken.
    driving: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wakeup {
    /// The driver begins; notes its task.
    pub(super) fn begin(&self, waker: &Waker) {
        self.driving.store(true, Ordering::SeqCst);
        let mut task = lock(&self.task);
        match &mut *task {
            Some(known) => known.clone_from(waker),
            None => *task = Some(waker.clone()),
        }
    }

    /// The driver rests, having looked at everything. What has happened since wakes it.
    pub(super) fn rest(&self) {
        self.driving.store(false, Ordering::SeqCst);
        if self.woken.load(Ordering::SeqCst) || self.noticed.load(Ordering::SeqCst) {
            self.wake_task();
        }
    }

    /// The driver rests without having looked, until what it waits for has come to its end: nothing
    /// else brings it further, and it looks then.
    pub(super) fn leave(&self) {
        self.driving.store(false, Ordering::SeqCst);
    }

    /// The driver looks at everything that has been noticed.
    pub(super) fn look(&self) {
        self.noticed.store(false, Ordering::SeqCst);
    }

    /// The handler can go on.
    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.notice();
    }

    /// There is something for the driver to look at, but nothing for the handler to go on with.
    pub(super) fn notice(&self) {
        self.noticed.store(true, Ordering::SeqCst);
        if !self.driving.load(Ordering::SeqCst) {
            self.wake_task();
        }
    }

    fn wake_task(&self) {
        let task = lock(&self.task).clone();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_happens_between_the_drivers_look_and_its_rest_wakes_it() {
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let wakeup = Wakeup::default();
        wakeup.begin(&Waker::from(flag.clone()));
        wakeup.reset();
        wakeup.notice();
        wakeup.look();
        wakeup.rest();
        assert!(!flag.0.load(Ordering::SeqCst), "what it has looked at");
        wakeup.begin(&Waker::from(flag.clone()));
        wakeup.look();
        // In another thread, say.
        wakeup.notice();
        wakeup.rest();
        assert!(flag.0.load(Ordering::SeqCst));
    }
}
