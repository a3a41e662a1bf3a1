//! What a step does when it is polled, and what becomes of its result.

use std::time::Duration;

use serde_json::value::RawValue;

use super::hidden::missed_step;
use super::order::Slot;
use super::{Journal, Memoized, Mode, OutstandingKind, Recorded, StepKey, Stop, Target};
use crate::error::Retry;
use crate::untrusted::shown;
use crate::wire::limits::{RUN_STATE_BYTES, RUN_STEPS, STEP_OUTPUT_BYTES, WRAPPER_BYTES};
use crate::wire::{OpCode, OpError, Timing};

/// A step's place in the run between its polls.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Place {
    /// From its first poll on, until its result is given.
    slot: Option<Slot>,
    /// The gate as it was then.
    gate: u64,
}

impl Place {
    pub(crate) fn slot(&self) -> Option<Slot> {
        self.slot
    }
}

/// What a step that runs code does now.
#[derive(Debug)]
pub(crate) enum Begin {
    /// An earlier request has its outcome, which the handler gets now.
    Given(Memoized),
    /// An earlier request has its outcome: [`resolve`](Journal::resolve) it, once it is restored.
    Stored(Slot),
    /// Its code may run now.
    May(Slot),
    /// Not now.
    Pending,
    /// It must not run.
    Refused(OpError),
}

/// What a step does now that Inngest does.
#[derive(Debug)]
pub(crate) enum Wait {
    /// The handler gets what it has come to now.
    Given(Memoized),
    /// What it has come to is there: [`resolve`](Journal::resolve) it, once it is restored.
    Stored(Slot),
    /// Inngest is to be asked for this: [`await_inngest`](Journal::await_inngest), once the
    /// operation is prepared.
    Ask(Slot, OutstandingKind, Recorded),
    Pending,
}

/// How the run took a step's end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The handler gets the result when it is its turn. With the size of what was recorded.
    InTurn(usize),
    /// The handler waits for Inngest.
    Outstanding,
}

/// A step's failure.
#[derive(Debug)]
pub(crate) struct Failing {
    pub(crate) error: OpError,
    pub(crate) retry: Retry,
    /// Retries that the function has.
    pub(crate) retries: u8,
    /// The number of this dispatch of its job, from 1; 0 in a first request.
    pub(crate) generation: u32,
}

impl Journal {
    /// What a step that runs code does when it is polled.
    pub(crate) fn begin(&mut self, key: &StepKey, place: &mut Place) -> Begin {
        if self.is_stopped() {
            return Begin::Pending;
        }
        let is_new = place.slot.is_none();
        let slot = *place.slot.get_or_insert_with(|| self.order.enter(key.hash));
        if !is_new && self.order.is_given(slot) {
            place.slot = None;
            return self.stored(key.hash).map_or(Begin::Pending, Begin::Given);
        }
        let may_run =
            if self.mode == Mode::First { None } else { self.begin_again(key, place, slot, is_new) };
        if let Some(waits) = may_run {
            return waits;
        }
        if self.is_full() {
            let message =
                format!("a run has at most {RUN_STEPS} steps, and this would be one more; it did not run");
            return Begin::Refused(OpError::own("RunLimitError", message));
        }
        Begin::May(slot)
    }

    /// What a re-entry's step does, unless it may run.
    fn begin_again(&mut self, key: &StepKey, place: &mut Place, slot: Slot, is_new: bool) -> Option<Begin> {
        let is_target = self.mode == Mode::Runs(key.hash);
        if self.order.is_to_be_dropped(slot) {
            if is_target {
                // An earlier attempt of this request stored that.
                self.target = Target::Dropped(self.order.dropped(slot, Duration::ZERO));
            }
            return Some(Begin::Pending);
        }
        if self.known.contains(key.hash) {
            return Some(if is_new { Begin::Stored(slot) } else { Begin::Pending });
        }
        // Looked up once: the ids of hidden steps have to be hashed.
        if is_new && let Some(sleep) = self.delays(key.hash) {
            self.await_inngest(slot, OutstandingKind::Wait, sleep);
        }
        if self.is_outstanding(slot) {
            return Some(Begin::Pending);
        }
        if self.plans() && !is_target {
            if is_new {
                self.plan(key, slot);
            }
            return Some(Begin::Pending);
        }
        // Whatever is memoized resolves first, so that a branch that lost a race before does not
        // start now.
        if is_new {
            place.gate = self.gate.opened;
            self.gate.waiting.push(slot);
            if is_target {
                self.target = Target::Reached(slot);
            }
            return Some(Begin::Pending);
        }
        (place.gate == self.gate.opened).then_some(Begin::Pending)
    }

    fn plan(&mut self, key: &StepKey, slot: Slot) {
        if self.known.contains(missed_step(key.hash).hash) {
            self.stop(Stop::Misused(format!(
                "the step `{}` was planned, and not found when it was to run: the handler does not do the same in each \
                 request, or waits long for something that is no step",
                shown(&key.id)
            )));
        }
        self.await_inngest(slot, OutstandingKind::Planned, Recorded::planned(key.clone()));
    }

    /// What a step does when it is polled that Inngest does. `refused` says why it must not begin,
    /// if so.
    pub(crate) fn wait(
        &mut self,
        key: &StepKey,
        place: &mut Place,
        refused: impl FnOnce() -> Option<String>,
        op: impl FnOnce() -> Recorded,
    ) -> Wait {
        if self.is_stopped() {
            return Wait::Pending;
        }
        if let Some(slot) = place.slot {
            if !self.order.is_given(slot) {
                return Wait::Pending;
            }
            place.slot = None;
            return self.stored(key.hash).map_or(Wait::Pending, Wait::Given);
        }
        let slot = self.order.enter(key.hash);
        place.slot = Some(slot);
        if self.order.is_to_be_dropped(slot) {
            // Nothing is asked of Inngest.
            return Wait::Pending;
        }
        if self.known.contains(key.hash) {
            return Wait::Stored(slot);
        }
        if self.is_full() {
            let fault = format!("a run has at most {RUN_STEPS} steps; `{}` is one more", shown(&key.id));
            self.stop(Stop::Misused(fault));
            return Wait::Pending;
        }
        if let Some(fault) = refused() {
            self.stop(Stop::Misused(fault));
            return Wait::Pending;
        }
        self.ask(slot, key, op())
    }

    /// What a wait asks of Inngest. What the server does as soon as it is told, each time, is
    /// planned like a step when several re-entries could tell it.
    fn ask(&mut self, slot: Slot, key: &StepKey, op: Recorded) -> Wait {
        match self.mode {
            Mode::Runs(step) if step == key.hash => {
                self.target = Target::Answered(slot);
                Wait::Ask(slot, OutstandingKind::Answer(None), op)
            }
            Mode::Plans | Mode::Runs(_) if op.is_done_when_told() => {
                self.await_inngest(slot, OutstandingKind::Planned, op.into_plan());
                Wait::Pending
            }
            _ => Wait::Ask(slot, OutstandingKind::Wait, op),
        }
    }

    /// A step's result is there, and may be given when it is its turn.
    pub(crate) fn resolve(&mut self, slot: Slot) {
        self.order.resolve(slot);
    }

    /// Whether it is the turn of a step that has ended.
    pub(crate) fn is_its_turn(&mut self, place: &mut Place) -> bool {
        match place.slot {
            Some(slot) if !self.order.is_given(slot) => false,
            _ => {
                place.slot = None;
                true
            }
        }
    }

    /// A step's future was dropped, as the loser of a `select!` is, or has given its result. What
    /// it has come to stays. `elapsed` is how long ago the request began.
    pub(crate) fn forget(&mut self, slot: Slot, elapsed: impl FnOnce() -> Duration) {
        if self.closed {
            return;
        }
        let by_handler = !self.pace.gave;
        match (self.mode, self.target) {
            (Mode::Runs(_), Target::Reached(target) | Target::Answered(target)) if target == slot => {
                if self.target == Target::Reached(slot) {
                    self.target = if by_handler {
                        Target::Dropped(self.order.dropped(slot, elapsed()))
                    } else {
                        Target::Unreached
                    };
                }
                self.order.leave(slot, None);
            }
            _ => {
                let by_handler = by_handler && self.mode.decides();
                self.order.leave(slot, by_handler.then(elapsed));
            }
        }
        self.gate.waiting.retain(|waiting| *waiting != slot);
        self.outstanding.retain(|outstanding| {
            outstanding.slot != slot || matches!(outstanding.kind, OutstandingKind::Answer(_))
        });
    }

    /// A step's code has ended with an output. `was_long`: it took so long that its run may have
    /// been cancelled meanwhile.
    pub(crate) fn ended_ok(
        &mut self,
        key: &StepKey,
        slot: Slot,
        output: Box<RawValue>,
        timing: Timing,
        was_long: bool,
    ) -> Ended {
        let op = Recorded::ran(key.clone(), output, Some(timing));
        let answers = match self.mode {
            Mode::Runs(step) => step == key.hash,
            Mode::Retries => true,
            Mode::First | Mode::RunsOn | Mode::Plans => false,
        };
        if answers && !self.target.is_answered() {
            self.target = Target::Answered(slot);
            self.await_inngest(slot, OutstandingKind::Answer(None), op);
            return Ended::Outstanding;
        }
        if self.mode != Mode::First {
            if self.order.depends_on_unstored(slot) {
                // A later request must not find this step without what led to it.
                self.store_order();
            }
            self.saves_first |= was_long;
        }
        let size = op.size();
        self.record(op);
        self.order.resolve(slot);
        Ended::InTurn(size)
    }

    /// The same, of a run whose operations are not kept any more: it is counted alone.
    pub(crate) fn ended_unkept(&mut self, key: &StepKey, slot: Slot, output: Box<RawValue>) {
        self.count(&Recorded::ran(key.clone(), output, None));
        self.order.resolve(slot);
    }

    /// A step's code has ended with a failure.
    pub(crate) fn ended_err(&mut self, key: &StepKey, slot: Slot, failing: Failing, timing: Timing) -> Ended {
        let is_first = self.mode == Mode::First;
        let for_good = self.is_for_good(key, &failing);
        let op = if for_good { OpCode::StepFailed } else { OpCode::StepError };
        let op = Recorded::failed(key.clone(), op, failing.error, timing);
        if for_good && is_first {
            self.record(op);
            self.order.resolve(slot);
            return Ended::InTurn(0);
        }
        let delay = match failing.retry {
            Retry::After(delay) => Some(delay),
            Retry::Backoff | Retry::Never => None,
        };
        let is_target = self.mode == Mode::Runs(key.hash);
        let kind = if is_target { OutstandingKind::Answer(delay) } else { OutstandingKind::Failing(delay) };
        self.await_inngest(slot, kind, op);
        Ended::Outstanding
    }

    /// Whether a step that failed is not tried again.
    ///
    /// Of a step whose second attempt was put off Inngest knows nothing of the first one, so it
    /// would make one too many. Generations count the others from 1.
    pub(crate) fn is_for_good(&self, key: &StepKey, failing: &Failing) -> bool {
        let (retries, is_first) = (failing.retries, self.mode == Mode::First);
        failing.retry == Retry::Never
            || (is_first && retries == 0)
            || (!is_first && failing.generation >= u32::from(retries) && self.was_delayed(key.hash))
    }

    /// Why a step's output is over a limit, if it is.
    pub(crate) fn refuses_output(&self, output: &RawValue) -> Option<OpError> {
        let bytes = output.get().len() + WRAPPER_BYTES;
        if bytes > STEP_OUTPUT_BYTES {
            let message = format!(
                "the step's output has {bytes} bytes as JSON, but Inngest keeps at most {STEP_OUTPUT_BYTES} (4 MiB) a \
                 step: store it elsewhere and return a reference"
            );
            return Some(OpError::own("StepOutputTooLarge", message));
        }
        let total = self.bytes() + bytes;
        (total > RUN_STATE_BYTES).then(|| {
            let message = format!(
                "the run's step outputs would have {total} bytes, but Inngest keeps at most {RUN_STATE_BYTES} (32 MiB) a \
                 run: store large outputs elsewhere and return references"
            );
            OpError::own("RunLimitError", message)
        })
    }
}
