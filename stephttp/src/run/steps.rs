//! What a run offers to the futures of its steps.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use serde_json::value::RawValue;

use super::memo::Memoized;
use super::mode::Mode;
use super::record::{Recorded, StepKey, WRAPPER_BYTES};
use super::state::OutstandingKind;
use super::{Origin, Reentry, Run};
use crate::error::Retry;
use crate::step::StepId;
use crate::wire::limits::{RUN_STATE_BYTES, RUN_STEPS, STEP_OUTPUT_BYTES};
use crate::wire::{OpCode, OpError, StepHash, Timing};

/// What a step does when it is first polled.
pub(crate) enum Begin {
    /// An earlier request has its outcome.
    Memoized(Memoized),
    /// Its future is to be polled now.
    Execute(Executing),
    /// The process holds too much that Inngest has not taken yet.
    Backpressure,
    /// Not now: it has been noted, and will be woken.
    Pending,
    /// It must not run.
    Refused(OpError),
}

/// How the run took a step's end.
pub(crate) enum Ended {
    /// The handler goes on.
    Continue,
    /// The handler waits for Inngest.
    Outstanding(StepKey),
    /// The output cannot be kept: the step counts as failed.
    Refused(StepKey, OpError),
}

impl Run {
    /// One more use of a step id.
    ///
    /// # Panics
    /// When the handler's time is over.
    pub(crate) fn claim(&self, id: StepId, caller: &Location<'_>) -> StepKey {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            used_too_late(id.as_str(), Some(caller));
        }
        let (hash, index) = state.claim(&id);
        StepKey::new(id, index, hash)
    }

    /// Reports a misuse that the step's own type cannot: the run ends with it.
    pub(crate) fn misuse(&self, fault: String) {
        self.lock().fault.get_or_insert(fault);
        self.wakeup.wake();
    }

    /// Decides what a step that runs code does. `gate` is the step's memory of the gate between polls.
    pub(crate) fn begin(self: &Arc<Self>, key: &StepKey, gate: &mut Option<u64>, waker: &Waker) -> Begin {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            used_too_late(&key.id, None);
        }
        if let Some(Reentry { memo, mode, .. }) = self.reentered() {
            if let Some(value) = memo.get(key.hash) {
                return Begin::Memoized(value);
            }
            let planned = match mode {
                Mode::Plans => true,
                Mode::Runs(step) => *step != key.hash,
                Mode::RunsOn | Mode::Retries => false,
            };
            if planned {
                let op = || Recorded::planned(key.clone());
                if state.await_inngest(key.hash, waker, OutstandingKind::Planned, op) {
                    self.wakeup.wake();
                }
                return Begin::Pending;
            }
            // Whatever is memoized resolves first, so that a branch that lost a race before does not start now.
            let opened = *gate.get_or_insert(state.gate);
            if opened == state.gate {
                let is_new = state.enter_gate(key.hash, waker);
                drop(state);
                if is_new {
                    // The poll may be a spawned task's: the handler's own must end for the gate to open.
                    self.wakeup.wake();
                }
                return Begin::Pending;
            }
        }
        if self.is_detached() {
            // Nothing is stored, so nothing is limited.
        } else if self.memo().map_or(0, super::Memo::len) + state.added_steps >= RUN_STEPS {
            let message =
                format!("a run has at most {RUN_STEPS} steps, and this would be one more; it did not run");
            return Begin::Refused(OpError::new("RunLimitError", message));
        } else if self.is_first()
            && !self.ledger.is_dropped()
            && self.shared().is_some_and(|shared| shared.backlog().is_full())
        {
            return Begin::Backpressure;
        }
        state.executing += 1;
        drop(state);
        Begin::Execute(Executing { run: self.clone(), started: Instant::now() })
    }

    /// A wait's stored outcome, or what it asks of Inngest is noted. `None` without any Inngest.
    pub(crate) fn poll_wait(
        &self,
        key: &StepKey,
        waker: &Waker,
        op: impl FnOnce() -> Recorded,
    ) -> Poll<Option<Memoized>> {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            used_too_late(&key.id, None);
        }
        if self.is_detached() {
            return Poll::Ready(None);
        }
        if let Some(value) = self.memo().and_then(|memo| memo.get(key.hash)) {
            return Poll::Ready(Some(value));
        }
        let is_new = !state.renew_waker(key.hash, waker);
        if is_new && self.memo().map_or(0, super::Memo::len) + state.added_steps >= RUN_STEPS {
            state.fault.get_or_insert_with(|| {
                format!("a run has at most {RUN_STEPS} steps; `{}` is one more", key.id)
            });
            return Poll::Pending;
        }
        if state.await_inngest(key.hash, waker, OutstandingKind::Wait, op) {
            self.wakeup.wake();
        }
        Poll::Pending
    }

    /// Notes the waker of a step that waits for Inngest.
    pub(crate) fn still_outstanding<T>(&self, key: &StepKey, waker: &Waker) -> Poll<T> {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            used_too_late(&key.id, None);
        }
        state.renew_waker(key.hash, waker);
        Poll::Pending
    }

    /// A future that waited for Inngest was dropped.
    pub(crate) fn forget(&self, hash: StepHash) {
        self.lock().forget(hash);
    }

    pub(crate) fn is_detached(&self) -> bool {
        matches!(self.origin, Origin::Detached)
    }

    pub(crate) fn is_first(&self) -> bool {
        matches!(self.origin, Origin::First(_))
    }

    /// A step's future ended with an output.
    pub(crate) fn ended_ok(
        &self,
        key: StepKey,
        output: Box<RawValue>,
        timing: Timing,
        waker: &Waker,
    ) -> Ended {
        if self.is_detached() {
            return Ended::Continue;
        }
        let bytes = output.get().len() + WRAPPER_BYTES;
        if bytes > STEP_OUTPUT_BYTES {
            let message = format!(
                "the step's output has {bytes} bytes as JSON, but Inngest keeps at most {STEP_OUTPUT_BYTES} (4 MiB) a \
                 step: store it elsewhere and return a reference"
            );
            return Ended::Refused(key, OpError::new("StepOutputTooLarge", message));
        }
        let mut state = self.lock();
        if state.closed {
            drop(state);
            used_too_late(&key.id, None);
        }
        let total = self.memo().map_or(0, super::Memo::size) + state.added_bytes + bytes;
        if total > RUN_STATE_BYTES {
            let message = format!(
                "the run's step outputs would have {total} bytes, but Inngest keeps at most {RUN_STATE_BYTES} (32 MiB) \
                 a run: store large outputs elsewhere and return references"
            );
            return Ended::Refused(key, OpError::new("RunLimitError", message));
        }
        if self.is_answered_by(&key) && !state.answering {
            state.answering = true;
            let op = || Recorded::ran(key.clone(), output, Some(timing));
            state.await_inngest(key.hash, waker, OutstandingKind::Answer(None), op);
            self.wakeup.wake();
            return Ended::Outstanding(key);
        }
        let op = Recorded::ran(key, output, Some(timing));
        if let Some(shared) = self.shared().filter(|_| self.is_first()) {
            if self.ledger.is_dropped() {
                // Not kept, but its run's loss is reported.
                state.count(&op);
                return Ended::Continue;
            }
            self.ledger.charge(shared.backlog(), op.size());
        }
        state.record(op);
        Ended::Continue
    }

    /// A step's future ended with a failure.
    pub(crate) fn ended_err(
        &self,
        key: StepKey,
        retry: Retry,
        error: OpError,
        timing: Timing,
        waker: &Waker,
    ) -> Ended {
        let retries = self.opts().retries();
        let for_good = retry == Retry::Never || (self.is_first() && retries == 0);
        tracing::debug!(step = %key.id, message = %error.message, for_good, "step failed");
        if self.is_detached() {
            return Ended::Continue;
        }
        let mut state = self.lock();
        if state.closed {
            drop(state);
            used_too_late(&key.id, None);
        }
        let op = if for_good { OpCode::StepFailed } else { OpCode::StepError };
        let op = Recorded::failed(key.clone(), op, error, timing);
        if for_good && self.is_first() {
            state.record(op);
            return Ended::Continue;
        }
        let delay = match retry {
            Retry::After(delay) => Some(delay),
            Retry::Backoff | Retry::Never => None,
        };
        let named = self.mode() == Some(Mode::Runs(key.hash));
        let kind = if named { OutstandingKind::Answer(delay) } else { OutstandingKind::Failing(delay) };
        state.await_inngest(key.hash, waker, kind, || op);
        self.wakeup.wake();
        Ended::Outstanding(key)
    }

    /// Whether this request answers when this step has ended well.
    fn is_answered_by(&self, key: &StepKey) -> bool {
        match self.mode() {
            Some(Mode::Runs(step)) => step == key.hash,
            Some(Mode::Retries) => true,
            Some(Mode::RunsOn | Mode::Plans) | None => false,
        }
    }
}

/// A step's future is under way: while one is, the run is not suspended.
#[derive(Debug)]
pub(crate) struct Executing {
    run: Arc<Run>,
    started: Instant,
}

impl Executing {
    pub(crate) fn timing(&self) -> Timing {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let (start, clock) = self.run.began;
        let started = start + self.started.saturating_duration_since(clock);
        Timing {
            start_ns: nanoseconds(started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
            duration_ns: nanoseconds(self.started.elapsed()),
        }
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        let mut state = self.run.lock();
        state.executing -= 1;
        let may_suspend = state.executing == 0 && !state.outstanding.is_empty();
        drop(state);
        if may_suspend {
            self.run.wakeup.wake();
        }
    }
}

#[track_caller]
fn used_too_late(id: &str, caller: Option<&Location<'_>>) -> ! {
    let place = caller.map(|caller| format!(" at {caller}")).unwrap_or_default();
    panic!(
        "step `{id}`{place} was used after its handler had ended or had been handed over to Inngest. A task that was \
         spawned from a handler outlives it: await steps in the handler itself, with `join!` for concurrency"
    )
}
