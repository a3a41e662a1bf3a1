//! What a step does when it is polled, and what becomes of its result.

use std::time::Duration;

use serde_json::value::RawValue;

use super::hidden::retry_sleep;
use super::log::RetryBy;
use super::order::Slot;
use super::outstanding::Awaits;
use super::{Journal, Memoized, Mode, Recorded, StepKey, Stop};
use crate::error::Retry;
use crate::function::StepKind;
use crate::untrusted::shown;
use crate::wire::limits::{RUN_STATE_BYTES, RUN_STEPS, STEP_OUTPUT_BYTES, WRAPPER_BYTES};
use crate::wire::{OpCode, OpError, StepHash, Timing};

/// A step's place in the run between its polls.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Place {
    /// From its first poll on, until its result is given.
    slot: Option<Slot>,
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
    /// Inngest is to be asked for this: [`ask`](Journal::ask), once the operation is prepared.
    Ask(Slot, Recorded),
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
    /// Retries that the step has: the function's, or fewer.
    pub(crate) retries: u8,
}

impl Journal {
    /// What a step that runs code does when it is polled.
    pub(crate) fn begin(&mut self, key: &StepKey, place: &mut Place) -> Begin {
        if self.is_stopped() {
            return Begin::Pending;
        }
        let is_new = place.slot.is_none();
        let slot = *place.slot.get_or_insert_with(|| self.enter(key));
        if !is_new && self.order.is_given(slot) {
            place.slot = None;
            return self.give_stored(key.hash).map_or(Begin::Pending, Begin::Given);
        }
        if self.mode != Mode::First
            && let Some(stored) = self.is_settled(key.hash, slot)
        {
            return if stored { Begin::Stored(slot) } else { Begin::Pending };
        }
        if is_new {
            match self.put_off(key.hash) {
                Some(op) => self.await_inngest(slot, key.hash, Awaits::Inngest { op, is_told: false }),
                None => self.gate.waiting.push(slot),
            }
            return Begin::Pending;
        }
        if !self.order.is_admitted(slot) || self.waits_for_retry(key, slot) {
            return Begin::Pending;
        }
        if self.is_full() {
            let message =
                format!("a run has at most {RUN_STEPS} steps, and this would be one more; it did not run");
            return Begin::Refused(OpError::own("RunLimitError", message));
        }
        Begin::May(slot)
    }

    fn give_stored(&mut self, step: StepHash) -> Option<Memoized> {
        let stored = self.stored(step);
        self.given_stored += usize::from(stored.is_some());
        stored
    }

    /// A step is polled for the first time.
    fn enter(&mut self, key: &StepKey) -> Slot {
        if self.mode != Mode::First {
            self.keys.push(key.clone());
        }
        self.replay.reached(key.hash);
        self.order.enter(key.hash)
    }

    /// Whether an earlier request has settled what becomes of a step: its outcome is stored, which
    /// is said once, or the handler drops it by itself.
    fn is_settled(&mut self, step: StepHash, slot: Slot) -> Option<bool> {
        if self.order.is_to_be_dropped(slot) {
            return Some(false);
        }
        self.known.contains(step).then(|| self.order.note_stored(slot))
    }

    /// The sleep after which a step is tried again, if that is not over.
    fn put_off(&self, step: StepHash) -> Option<Recorded> {
        let failures = self.log.failures(step).filter(|failures| failures.retry == RetryBy::Sleep)?;
        let sleep = retry_sleep(step, failures.attempts, self.log.delay(step));
        (!self.known.contains(sleep.hash())).then_some(sleep)
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
        let is_new = place.slot.is_none();
        let slot = *place.slot.get_or_insert_with(|| self.enter(key));
        if !is_new && self.order.is_given(slot) {
            place.slot = None;
            return self.give_stored(key.hash).map_or(Wait::Pending, Wait::Given);
        }
        // Of what is to be dropped nothing is asked.
        if let Some(stored) = self.is_settled(key.hash, slot) {
            return if stored { Wait::Stored(slot) } else { Wait::Pending };
        }
        if !is_new {
            let is_claimed = self.order.is_admitted(slot) && !self.is_outstanding(slot);
            return if is_claimed { Wait::Ask(slot, op()) } else { Wait::Pending };
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
        // What Inngest does each time that it is told is claimed like a step.
        if self.mode == Mode::Shared && matches!(key.kind, Some(StepKind::Fetch | StepKind::AiInfer)) {
            self.gate.waiting.push(slot);
            return Wait::Pending;
        }
        Wait::Ask(slot, op())
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
    /// it has come to stays. `elapsed` is how long ago the request began; none where the handler
    /// itself was dropped.
    pub(crate) fn forget(&mut self, slot: Slot, elapsed: Option<impl FnOnce() -> Duration>) {
        if self.closed {
            return;
        }
        let by_handler = !self.pace.gave;
        self.order.leave(slot, elapsed.filter(|_| by_handler).map(|elapsed| elapsed()));
        self.gate.waiting.retain(|waiting| *waiting != slot);
        self.outstanding.retain(|outstanding| outstanding.slot != slot);
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
        if self.mode != Mode::First {
            let failures = self.log.failures(key.hash);
            if failures.is_some_and(|failures| failures.retry.is_of_a_job()) {
                self.await_inngest(slot, key.hash, Awaits::Answer(op));
                return Ended::Outstanding;
            }
            if self.decides() && self.order.depends_on_unstored(slot) {
                // A later request must not find this step without what led to it.
                self.store_order();
            }
            self.saves_first |= was_long;
        }
        if self.mode == Mode::Shared {
            self.own.push(key.hash);
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
        let for_good = self.is_for_good(key, &failing);
        let op = if for_good { OpCode::StepFailed } else { OpCode::StepError };
        let op = Recorded::failed(key.clone(), op, failing.error, Some(timing));
        if for_good && self.mode == Mode::First {
            self.record(op);
            self.order.resolve(slot);
            return Ended::InTurn(0);
        }
        let delay = match failing.retry {
            Retry::After(delay) => Some(delay),
            Retry::Backoff | Retry::Never => None,
        };
        let attempt = self.log.attempts(key.hash) + 1;
        let awaits = if for_good { Awaits::Answer(op) } else { Awaits::Retry { op, delay, attempt } };
        self.await_inngest(slot, key.hash, awaits);
        Ended::Outstanding
    }

    /// Whether a step that failed is not tried again. The run's log counts its attempts, whichever
    /// jobs have made them.
    pub(crate) fn is_for_good(&self, key: &StepKey, failing: &Failing) -> bool {
        failing.retry == Retry::Never || self.log.attempts(key.hash) >= u32::from(failing.retries)
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
