//! What a run offers to the futures of its steps.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use serde_json::value::RawValue;

use super::claims::used_too_late;
use super::executing::Executing;
use super::virtual_time::Ticket;
use super::{Origin, Run};
use crate::error::Retry;
use crate::journal::{
    Memoized, Mode, OutstandingKind, Recorded, Slot, State, StepKey, WRAPPER_BYTES, missed_step, store_order,
};
use crate::untrusted::shown;
use crate::wire::limits::{RUN_STATE_BYTES, RUN_STEPS, STEP_OUTPUT_BYTES};
use crate::wire::{OpCode, OpError, StepHash};

/// A step's place in the run between its polls.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Place {
    /// From its first poll on.
    slot: Option<Slot>,
    /// It has been polled: the handler has come to the step.
    reached: bool,
    /// The gate as it was then.
    gate: u64,
    /// Without Inngest.
    ticket: Ticket,
}

/// What a step does when it is polled.
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
    /// The handler gets the result when it is its turn.
    InTurn,
    /// The handler gets the result now: there is no Inngest.
    Now,
    /// The handler waits for Inngest.
    Outstanding,
    /// The output cannot be kept: the step counts as failed.
    Refused(OpError),
}

impl Run {
    /// Reports a misuse that the step's own type cannot: the run ends with it.
    pub(crate) fn misuse(&self, fault: String) {
        self.lock().fault.get_or_insert(fault);
        self.wakeup.wake();
    }

    /// Decides what a step that runs code does.
    pub(crate) fn begin(self: &Arc<Self>, key: &StepKey, place: &mut Place, waker: &Waker) -> Begin {
        place.reached = true;
        if self.is_detached() {
            return Begin::Execute(Executing::detached(self.clone()));
        }
        if place.slot.is_none() && self.holds_steps(waker) {
            return Begin::Pending;
        }
        let mut state = self.open(&key.id);
        if state.is_stopped() {
            return self.noticed(Begin::Pending);
        }
        let is_new = place.slot.is_none();
        let slot = *place.slot.get_or_insert_with(|| state.order.enter(key.hash, waker));
        if !is_new {
            if state.order.is_given(slot) {
                place.slot = None;
                return state.stored(key.hash).map_or(Begin::Pending, Begin::Memoized);
            }
            state.order.renew_waker(slot, waker);
        }
        if let Some(mode) = self.mode() {
            if state.order.is_to_be_dropped(slot) {
                if mode == Mode::Runs(key.hash) {
                    // An earlier attempt of this request stored that.
                    state.target_dropped = Some(state.order.dropped(slot, Duration::ZERO));
                }
                return self.noticed(Begin::Pending);
            }
            if state.memo.contains(key.hash) {
                if is_new {
                    self.resolve_stored(&mut state, slot, key);
                }
                return self.noticed(Begin::Pending);
            }
            // Looked up once: the ids of hidden steps have to be hashed.
            if is_new && let Some(sleep) = state.delays(key.hash) {
                state.await_inngest(slot, OutstandingKind::Wait, sleep);
            }
            if state.is_outstanding(slot) {
                return self.noticed(Begin::Pending);
            }
            let planned = match mode {
                Mode::Plans => true,
                Mode::Runs(step) => step != key.hash,
                Mode::RunsOn | Mode::Retries => false,
            };
            if planned {
                if is_new {
                    if state.memo.contains(missed_step(key.hash).hash) {
                        state.fault.get_or_insert_with(|| {
                            format!(
                                "the step `{}` was planned, and not found when it was to run: the handler does not do \
                                 the same in each request, or waits long for something that is no step",
                                shown(&key.id)
                            )
                        });
                    }
                    state.await_inngest(slot, OutstandingKind::Planned, Recorded::planned(key.clone()));
                }
                return self.noticed(Begin::Pending);
            }
            // Whatever is memoized resolves first, so that a branch that lost a race before does not start now.
            if is_new {
                place.gate = state.gate;
                state.enter_gate(slot);
                if mode == Mode::Runs(key.hash) {
                    state.target = Some(slot);
                }
                return self.noticed(Begin::Pending);
            }
            if place.gate == state.gate {
                return Begin::Pending;
            }
        }
        if state.steps() >= RUN_STEPS {
            let message =
                format!("a run has at most {RUN_STEPS} steps, and this would be one more; it did not run");
            return Begin::Refused(OpError::own("RunLimitError", message));
        }
        if self.leaves_steps() {
            // Another request runs it. From a first request, one for all that come too late.
            if !state.is_outstanding(slot) {
                state.await_inngest(slot, OutstandingKind::Planned, Recorded::planned(key.clone()));
            }
            return self.noticed(Begin::Pending);
        }
        if self.is_first()
            && !self.ledger.is_dropped()
            && self.app().is_some_and(|app| app.backlog().is_full())
        {
            return Begin::Backpressure;
        }
        Begin::Execute(Executing::begin(self.clone(), &mut state))
    }

    /// A step's future was polled and has not ended.
    pub(crate) fn still_executing(&self, place: &Place, waker: &Waker, executing: &mut Executing) {
        if let Some(slot) = place.slot {
            let mut state = self.lock();
            executing.recount(&mut state);
            if !state.closed {
                state.order.renew_waker(slot, waker);
                state.polled += 1;
            }
        }
    }

    /// A wait's stored outcome, or what it asks of Inngest is noted. Without any Inngest it gives `None`, when those that
    /// last less are over.
    pub(crate) fn poll_wait(
        &self,
        key: &StepKey,
        place: &mut Place,
        waker: &Waker,
        lasts: Duration,
        op: impl FnOnce() -> Recorded,
    ) -> Poll<Option<Memoized>> {
        place.reached = true;
        if let Origin::Detached(time) = &self.origin {
            if let Some(fault) = self.refuses_wait(key) {
                panic!("{fault}");
            }
            return time.poll(&mut place.ticket, lasts, waker).map(|()| None);
        }
        if place.slot.is_none() && self.holds_steps(waker) {
            return Poll::Pending;
        }
        let mut state = self.open(&key.id);
        if state.is_stopped() {
            return self.noticed(Poll::Pending);
        }
        if let Some(slot) = place.slot {
            if !state.order.is_given(slot) {
                state.order.renew_waker(slot, waker);
                return Poll::Pending;
            }
            place.slot = None;
            return state.stored(key.hash).map_or(Poll::Pending, |value| Poll::Ready(Some(value)));
        }
        let slot = state.order.enter(key.hash, waker);
        place.slot = Some(slot);
        if state.order.is_to_be_dropped(slot) {
            // Nothing is asked of Inngest.
        } else if state.memo.contains(key.hash) {
            self.resolve_stored(&mut state, slot, key);
        } else if state.steps() >= RUN_STEPS {
            state.fault.get_or_insert_with(|| {
                format!("a run has at most {RUN_STEPS} steps; `{}` is one more", shown(&key.id))
            });
        } else if let Some(fault) = self.refuses_wait(key) {
            state.fault.get_or_insert(fault);
        } else {
            self.ask(&mut state, slot, key, op());
        }
        self.noticed(Poll::Pending)
    }

    /// Says why a wait must not begin. A run that was handed over by an earlier version of the program may end.
    fn refuses_wait(&self, key: &StepKey) -> Option<String> {
        let opts = self.opts();
        if !opts.is_sync_only() || self.dispatch().is_some() {
            return None;
        }
        Some(format!(
            "the step `{}` waits for Inngest, but the function `{}` has `sync_only`: it answers in its first request. Take \
             the step out, or the option",
            shown(&key.id),
            opts.id()
        ))
    }

    /// Notes what a wait asks of Inngest. What the server does as soon as it is told, each time, is planned like a step
    /// when several re-entries could tell it.
    fn ask(&self, state: &mut State, slot: Slot, key: &StepKey, op: Recorded) {
        match self.mode() {
            Some(Mode::Runs(step)) if step == key.hash => {
                state.answering = true;
                state.target = Some(slot);
                self.ask_transformed(state, slot, OutstandingKind::Answer(None), op);
            }
            Some(Mode::Plans | Mode::Runs(_)) if op.is_done_when_told() => {
                state.await_inngest(slot, OutstandingKind::Planned, op.into_plan());
            }
            _ => self.ask_transformed(state, slot, OutstandingKind::Wait, op),
        }
    }

    /// Whether it is the turn of a step that has ended. Otherwise its waker is noted.
    pub(crate) fn poll_turn(&self, key: &StepKey, place: &mut Place, waker: &Waker) -> Poll<()> {
        let mut state = self.open(&key.id);
        let Some(slot) = place.slot else { return Poll::Ready(()) };
        if state.order.is_given(slot) {
            place.slot = None;
            return Poll::Ready(());
        }
        state.order.renew_waker(slot, waker);
        Poll::Pending
    }

    /// A step's future was dropped before it has given its result.
    pub(crate) fn abandon(&self, key: &StepKey, place: &Place) {
        if place.reached { self.forget(place) } else { self.unclaim(key) }
    }

    /// A step's future was dropped, or has given its result.
    pub(crate) fn forget(&self, place: &Place) {
        if let Some(slot) = place.slot {
            self.forget_hooks(slot);
            self.lock().forget(slot, || self.elapsed());
        } else if let Origin::Detached(time) = &self.origin {
            time.forget(&place.ticket);
        }
    }

    pub(crate) fn is_detached(&self) -> bool {
        matches!(self.origin, Origin::Detached(_))
    }

    /// Whether this is a re-entry that runs one step after another.
    pub(super) fn runs_on(&self) -> bool {
        self.mode() == Some(Mode::RunsOn)
    }

    pub(crate) fn is_first(&self) -> bool {
        matches!(self.origin, Origin::First(_))
    }

    /// Why a step's output cannot be kept.
    pub(crate) fn refuses_output(&self, output: &RawValue) -> Option<OpError> {
        refused(&self.lock(), output)
    }

    /// A step's future ended with an output.
    pub(crate) fn ended_ok(
        &self,
        key: &StepKey,
        place: &Place,
        output: Box<RawValue>,
        executing: &mut Executing,
    ) -> Ended {
        let Some(slot) = place.slot else { return Ended::Now };
        let timing = executing.timing();
        let mut state = self.open(&key.id);
        if let Some(error) = refused(&state, &output) {
            return Ended::Refused(error);
        }
        executing.end(&mut state);
        let op = Recorded::ran(key.clone(), output, Some(timing));
        if self.is_answered_by(key) && !state.answering {
            state.answering = true;
            state.await_inngest(slot, OutstandingKind::Answer(None), op);
            return self.noticed(Ended::Outstanding);
        }
        if let Some(app) = self.app().filter(|_| self.is_first()) {
            if self.ledger.is_dropped() {
                // Not kept, but its run's loss is reported.
                state.count(&op);
                state.order.resolve(slot);
                return self.noticed(Ended::InTurn);
            }
            self.ledger.charge(app.backlog(), op.size());
        } else {
            if state.order.depends_on_unstored(slot) {
                // A later request must not find this step without what led to it.
                store_order(&mut state);
            }
            state.saves_first |= executing.was_long();
        }
        state.record(op);
        state.order.resolve(slot);
        self.noticed(Ended::InTurn)
    }

    /// A step's future ended with a failure.
    pub(crate) fn ended_err(
        &self,
        key: &StepKey,
        place: &Place,
        retry: Retry,
        error: OpError,
        executing: &mut Executing,
    ) -> Ended {
        let retries = self.opts().retries();
        let for_good = retry == Retry::Never
            || (self.is_first() && retries == 0)
            || self.is_last_attempt(key.hash, retries);
        tracing::debug!(step = %shown(&key.id), message = %shown(&error.message), for_good, "step failed");
        let Some(slot) = place.slot else { return Ended::Now };
        let timing = executing.timing();
        let mut state = self.open(&key.id);
        executing.end(&mut state);
        let op = if for_good { OpCode::StepFailed } else { OpCode::StepError };
        let op = Recorded::failed(key.clone(), op, error, timing);
        if for_good && self.is_first() {
            state.record(op);
            state.order.resolve(slot);
            return self.noticed(Ended::InTurn);
        }
        let delay = match retry {
            Retry::After(delay) => Some(delay),
            Retry::Backoff | Retry::Never => None,
        };
        let named = self.mode() == Some(Mode::Runs(key.hash));
        let kind = if named { OutstandingKind::Answer(delay) } else { OutstandingKind::Failing(delay) };
        state.await_inngest(slot, kind, op);
        self.noticed(Ended::Outstanding)
    }

    /// Whether a step whose second attempt was put off has no attempt left after this.
    ///
    /// Inngest knows nothing of the first attempt, so it would make one too many. Generations count the others from 1.
    fn is_last_attempt(&self, step: StepHash, retries: u8) -> bool {
        let is_delayed = || self.lock().was_delayed(step);
        self.dispatch().is_some_and(|dispatch| dispatch.generation() >= u32::from(retries) && is_delayed())
    }

    /// Whether this request answers when this step has ended well.
    fn is_answered_by(&self, key: &StepKey) -> bool {
        match self.mode() {
            Some(Mode::Runs(step)) => step == key.hash,
            Some(Mode::Retries) => true,
            Some(Mode::RunsOn | Mode::Plans) | None => false,
        }
    }

    /// Something has changed that the handler's driver looks at. It does so after each poll of the handler; only a step
    /// in a task of its own has to wake it.
    fn noticed<T>(&self, outcome: T) -> T {
        self.wakeup.notice();
        outcome
    }

    /// # Panics
    /// When the handler's time is over.
    fn open(&self, id: &str) -> std::sync::MutexGuard<'_, State> {
        let state = self.lock();
        if state.closed {
            drop(state);
            used_too_late(id, None);
        }
        state
    }
}

/// Why a step's output is over a limit, if it is.
fn refused(state: &State, output: &RawValue) -> Option<OpError> {
    let bytes = output.get().len() + WRAPPER_BYTES;
    if bytes > STEP_OUTPUT_BYTES {
        let message = format!(
            "the step's output has {bytes} bytes as JSON, but Inngest keeps at most {STEP_OUTPUT_BYTES} (4 MiB) a step: \
             store it elsewhere and return a reference"
        );
        return Some(OpError::own("StepOutputTooLarge", message));
    }
    let total = state.bytes() + bytes;
    (total > RUN_STATE_BYTES).then(|| {
        let message = format!(
            "the run's step outputs would have {total} bytes, but Inngest keeps at most {RUN_STATE_BYTES} (32 MiB) a run: \
             store large outputs elsewhere and return references"
        );
        OpError::own("RunLimitError", message)
    })
}
