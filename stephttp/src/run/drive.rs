//! Polling a handler until it answers or only Inngest can bring it forward.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::Run;
use super::on_thread::PollingHandler;
use crate::journal::{Done, Next, Polled, Recorded};

/// How a handler's time in this request ended.
#[derive(Debug)]
pub(crate) enum Driven<T> {
    /// It answered.
    Answered(T),
    /// It goes no further: the caller drops it.
    Done(Done),
    /// All requests of the run have to agree on what comes next, and this is proposed, if anything.
    /// The caller goes on driving it meanwhile.
    Agreeing(Option<Recorded>),
}

impl Run {
    /// Polls a request's handler.
    ///
    /// When it can go no further, it is given the results of its steps, one at a time; then new
    /// steps start; and when nothing of that is left, at least one operation is outstanding and no
    /// step executes, it is suspended. The caller then drops the handler.
    pub(crate) fn poll_handler<F: Future + ?Sized>(
        self: &Arc<Self>,
        mut handler: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<Driven<F::Output>> {
        self.wakeup.begin(cx.waker());
        if self.poll_start(cx).is_pending() {
            self.wakeup.leave();
            return Poll::Pending;
        }
        let waker = Waker::from(self.clone());
        let mut handler_cx = Context::from_waker(&waker);
        loop {
            self.wakeup.reset();
            let polling = PollingHandler::begin(self);
            let poll = handler.as_mut().poll(&mut handler_cx);
            drop(polling);
            self.wakeup.look();
            if let Poll::Ready(output) = poll {
                return Poll::Ready(Driven::Answered(output));
            }
            // Until they are done, nothing is to be concluded from what the handler waits for.
            let next = if self.poll_hooks(cx).is_pending() {
                // The time that they take is not the handler's.
                self.lock().journal.let_go();
                Next::Rest
            } else if self.is_tracked() {
                let polled = Polled {
                    is_woken: self.wakeup.is_woken(),
                    transforming: self.is_transforming(),
                    attempts_left: self.attempts_left(),
                };
                self.lock().journal.after_poll(polled, |has_begun| self.leaves_steps(has_begun))
            } else {
                Next::Rest
            };
            match next {
                Next::Give(slot) => {
                    let waker = self.lock().wakers.take(slot);
                    waker.into_iter().for_each(Waker::wake);
                }
                Next::WakeOne(slot) => {
                    let waker = self.lock().wakers.one(slot);
                    waker.into_iter().for_each(Waker::wake);
                }
                Next::Wake(slots) => {
                    let wakers = self.lock().wakers.of(slots);
                    wakers.into_iter().for_each(Waker::wake);
                }
                Next::Rest => {
                    self.wakeup.rest();
                    return Poll::Pending;
                }
                Next::GiveWay => {
                    // It has its effect with its first poll: the task is woken after all that have
                    // given way before.
                    let _ = pin!(tokio::task::yield_now()).poll(cx);
                    self.wakeup.rest();
                    return Poll::Pending;
                }
                Next::Done(done, strays) => {
                    self.wake_strays(self.lock(), strays);
                    return Poll::Ready(Driven::Done(done));
                }
                Next::Agree(proposal) => {
                    self.wakeup.rest();
                    return Poll::Ready(Driven::Agreeing(proposal));
                }
            }
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
