//! Polling a handler until it answers or only Inngest can bring it forward.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::Run;
use super::on_thread::PollingHandler;
use crate::journal::{Held, Mode, Outstanding, Recorded, State, Stopped, Turn, propose};
use crate::wire::limits::RUN_STEPS;

/// How often in a row a handler that wakes itself is polled again before it is given the next result all the same.
///
/// Combinators wake themselves once or twice to be fair; a step that is busy does it without end.
const PATIENCE: u8 = 16;

/// How a handler's time in this request ended.
#[derive(Debug)]
pub(crate) enum Driven<T> {
    /// It answered.
    Answered(T),
    /// It waits for what only Inngest can bring about.
    Suspended(Vec<Outstanding>),
    /// It must be decided which step's result comes first, so that other requests of the run agree: this step holds
    /// the proposal. Once what is stored has been [learnt](Run::learn), the handler goes on.
    Undecided(Recorded),
    /// A step was misused; the text is for the developer.
    Misused(String),
    /// A middleware failed; the text is for the developer. Trying again may help.
    Broken(String),
    /// Inngest does not want this request to go on; with what the handler waited for.
    Stopped(Stopped, Vec<Outstanding>),
}

/// What the driver does next.
enum Next<T> {
    Poll,
    Rest,
    /// Rest, but not for long: whoever gives way to others comes first.
    GiveWay,
    End(Driven<T>),
}

impl Run {
    /// Polls a request's handler.
    ///
    /// When it can go no further, it is given the results of its steps, one at a time; then new steps start; and when
    /// nothing of that is left, at least one operation is outstanding and no step executes, it is suspended. The caller
    /// then drops the handler.
    pub(crate) fn poll_handler<F: Future>(
        self: &Arc<Self>,
        mut handler: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<Driven<F::Output>> {
        self.wakeup.begin(cx.waker());
        if self.poll_begin(cx).is_pending() {
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
                self.lock().held = None;
                Next::Rest
            } else if self.is_tracked() {
                self.after_poll()
            } else {
                Next::Rest
            };
            match next {
                Next::Poll => {}
                Next::Rest => {
                    self.wakeup.rest();
                    return Poll::Pending;
                }
                Next::GiveWay => {
                    // It has its effect with its first poll: the task is woken after all that have given way before.
                    let _ = pin!(tokio::task::yield_now()).poll(cx);
                    self.wakeup.rest();
                    return Poll::Pending;
                }
                Next::End(end) => return Poll::Ready(end),
            }
        }
    }

    /// The handler has returned pending.
    fn after_poll<T>(&self) -> Next<T> {
        let mut state = self.lock();
        if let Some(fault) = state.fault.take() {
            self.close(state);
            return Next::End(Driven::Misused(fault));
        }
        if let Some(stopped) = state.stopped {
            return Next::End(Driven::Stopped(stopped, self.close(state)));
        }
        if let Some(fault) = state.broken.take() {
            self.close(state);
            return Next::End(Driven::Broken(fault));
        }
        if self.is_transforming() {
            // A step in a task of its own has just come to it.
            return Next::Rest;
        }
        let polled = std::mem::take(&mut state.polled);
        let probing = std::mem::take(&mut state.probing);
        let is_woken = self.wakeup.is_woken();
        if is_woken && state.restless < PATIENCE {
            state.restless += 1;
            return Next::Rest;
        }
        state.restless = 0;
        state.gave = false;
        state.held = None;
        // With the step that this request was made for the handler has come far enough.
        let has_target = state.target.is_some();
        let decides = state.decides;
        if !has_target && !decides && state.order.goes_beyond_log() && state.settles() {
            return Next::GiveWay;
        }
        match if has_target { Turn::Nobody } else { state.order.turn(decides) } {
            Turn::Give(waker) => {
                state.gave = true;
                drop(state);
                waker.wake();
                return Next::Poll;
            }
            Turn::Undecided if state.steps() >= RUN_STEPS => {
                let fault =
                    format!("a run has at most {RUN_STEPS} steps, and the order of its steps needs one more");
                self.close(state);
                return Next::End(Driven::Misused(fault));
            }
            Turn::Undecided => return Next::End(Driven::Undecided(propose(&state))),
            Turn::Handler(after) => state.held = Some(Held::UntilDropped(after)),
            Turn::Unreached if state.order.withholds() || !state.outstanding.is_empty() => {
                state.held = Some(Held::UntilReached(state.order.progress()));
            }
            Turn::Unreached | Turn::Nobody => {}
        }
        if state.saves_first && !state.gated.is_empty() {
            return Next::Rest;
        }
        let gated = state.open_gate();
        if !gated.is_empty() {
            drop(state);
            gated.into_iter().for_each(Waker::wake);
            return Next::Poll;
        }
        let waits = state.outstanding.is_empty() || state.held.is_some();
        if waits || is_woken || polled > 0 || state.executing_elsewhere > 0 {
            return Next::Rest;
        }
        if state.executing > 0 && !probing {
            // Is the handler still interested in the steps that execute, or does it hold them while it waits for
            // something else? Then they will never end: what has begun is given up, and runs again.
            state.probing = true;
            let waiting = state.order.wakers();
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
            return Next::Poll;
        }
        if self.misses_its_step(&state) && !state.gave_up {
            state.held = Some(Held::UntilReached(state.order.progress()));
            return Next::Rest;
        }
        Next::End(Driven::Suspended(self.close(state)))
    }

    /// Whether the handler has not come to the step that this request was made for.
    pub(super) fn misses_its_step(&self, state: &State) -> bool {
        let Some(Mode::Runs(step)) = self.mode() else { return false };
        state.target.is_none()
            && state.target_dropped.is_none()
            && !state.answering
            && !state.memo.contains(step)
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
