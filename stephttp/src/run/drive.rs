//! Polling a handler until it answers or only Inngest can bring it forward.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::Run;
use super::state::Outstanding;

/// How a handler's time in this request ended.
#[derive(Debug)]
pub(crate) enum Driven<T> {
    /// It answered.
    Answered(T),
    /// It waits for what only Inngest can bring about.
    Suspended(Vec<Outstanding>),
    /// A step was misused; the text is for the developer.
    Misused(String),
    /// Inngest has superseded this dispatch.
    Stale,
}

impl Run {
    /// Polls a request's handler.
    ///
    /// A handler is suspended when its poll returned pending without waking itself, at least one operation is
    /// outstanding and no step executes. The caller then drops the handler.
    pub(crate) fn poll_handler<F: Future>(
        self: &Arc<Self>,
        mut handler: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<Driven<F::Output>> {
        self.wakeup.register(cx.waker());
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            self.wakeup.reset();
            if let Poll::Ready(output) = handler.as_mut().poll(&mut cx) {
                return Poll::Ready(Driven::Answered(output));
            }
            if !self.is_tracked() {
                return Poll::Pending;
            }
            let mut state = self.lock();
            if let Some(fault) = state.fault.take() {
                self.close(state);
                return Poll::Ready(Driven::Misused(fault));
            }
            if state.stale {
                self.close(state);
                return Poll::Ready(Driven::Stale);
            }
            let gated = state.open_gate();
            if !gated.is_empty() {
                drop(state);
                gated.into_iter().for_each(Waker::wake);
                continue;
            }
            if state.outstanding.is_empty() || state.executing > 0 || self.wakeup.is_woken() {
                return Poll::Pending;
            }
            return Poll::Ready(Driven::Suspended(self.close(state)));
        }
    }
}

/// The waker that handlers are polled with.
impl Wake for Run {
    fn wake(self: Arc<Self>) {
        self.wakeup.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakeup.wake();
    }
}
