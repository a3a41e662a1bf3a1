//! What a run offers to the futures of its steps.

use std::sync::{Arc, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use serde_json::value::RawValue;

use super::claims::used_too_late;
use super::executing::{self, Executing};
use super::virtual_time::Ticket;
use super::{Origin, Run, State};
use crate::error::Retry;
use crate::journal::{self, Failing, Memoized, Recorded, StepKey, Stop, Wait};
use crate::untrusted::shown;
use crate::wire::OpError;

/// A step's place in the run between its polls.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Place {
    inner: journal::Place,
    /// It has been polled: the handler has come to the step.
    reached: bool,
    /// Without Inngest.
    ticket: Ticket,
}

impl Place {
    pub(super) fn has_slot(&self) -> bool {
        self.inner.slot().is_some()
    }
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
        self.lock().journal.stop(Stop::Misused(fault));
        self.wakeup.wake();
    }

    /// Decides what a step that runs code does.
    pub(crate) fn begin_step(self: &Arc<Self>, key: &StepKey, place: &mut Place, waker: &Waker) -> Begin {
        place.reached = true;
        if self.is_detached() {
            return Begin::Execute(Executing::detached(self.clone(), key.hash));
        }
        if place.inner.slot().is_none() && self.must_wait_for_start(waker) {
            return Begin::Pending;
        }
        let mut state = self.open(&key.id);
        let is_new = place.inner.slot().is_none();
        let verdict = state.journal.begin(key, &mut place.inner);
        if is_new {
            self.observe_reached(key, place);
        }
        if let Some(slot) = place.inner.slot() {
            state.wakers.note(slot, waker);
        }
        match verdict {
            journal::Begin::Given(value) => {
                self.observe_given(key);
                Begin::Memoized(value)
            }
            journal::Begin::Stored(slot) => {
                self.resolve_restored(&mut state, slot, key);
                self.noticed(Begin::Pending)
            }
            journal::Begin::Pending => self.noticed(Begin::Pending),
            journal::Begin::Refused(error) => Begin::Refused(error),
            journal::Begin::May(_) if self.is_rehearsal(key) => Begin::Pending,
            // It may have waited for room meanwhile.
            journal::Begin::May(slot) if self.leaves_steps(false) => {
                state.journal.leave(slot);
                self.noticed(Begin::Pending)
            }
            journal::Begin::May(_) if self.is_first() && self.has_no_room() => Begin::Backpressure,
            journal::Begin::May(_) => Begin::Execute(Executing::begin(self.clone(), key.hash, &mut state)),
        }
    }

    /// Whether the process holds too much for one more step's output.
    fn has_no_room(&self) -> bool {
        !self.ledger.is_dropped() && self.app().is_some_and(|app| app.backlog().is_full())
    }

    /// A step's future was polled and has not ended.
    pub(crate) fn still_executing(&self, place: &Place, waker: &Waker, executing: &mut Executing) {
        if let Some(slot) = place.inner.slot() {
            let mut state = self.lock();
            executing.recount(&mut state);
            if !state.journal.is_closed() {
                state.wakers.note(slot, waker);
                state.journal.note_polled();
            }
        }
    }

    /// A wait's stored outcome, or what it asks of Inngest is noted. Without any Inngest it gives
    /// `None`, when those that last less are over.
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
        if place.inner.slot().is_none() && self.must_wait_for_start(waker) {
            return Poll::Pending;
        }
        let mut state = self.open(&key.id);
        let is_new = place.inner.slot().is_none();
        let verdict = state.journal.wait(key, &mut place.inner, || self.refuses_wait(key), op);
        if is_new {
            self.observe_reached(key, place);
        }
        if let Some(slot) = place.inner.slot() {
            state.wakers.note(slot, waker);
        }
        match verdict {
            Wait::Given(value) => {
                self.observe_given(key);
                return Poll::Ready(Some(value));
            }
            Wait::Stored(slot) => self.resolve_restored(&mut state, slot, key),
            Wait::Ask(slot, op) => self.ask_transformed(&mut state, slot, op.asked_at(self.elapsed())),
            Wait::Pending => {}
        }
        self.noticed(Poll::Pending)
    }

    /// Says why a wait must not begin. A run that was handed over by an earlier version of the
    /// program may end.
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

    /// Whether it is the turn of a step that has ended. Otherwise its waker is noted.
    pub(crate) fn poll_turn(&self, key: &StepKey, place: &mut Place, waker: &Waker) -> Poll<()> {
        let mut state = self.open(&key.id);
        if state.journal.is_its_turn(&mut place.inner) {
            return Poll::Ready(());
        }
        if let Some(slot) = place.inner.slot() {
            state.wakers.note(slot, waker);
        }
        Poll::Pending
    }

    /// A step's future was dropped before it has given its result.
    pub(crate) fn abandon(&self, key: &StepKey, place: &Place) {
        if place.reached { self.forget(place) } else { self.unclaim(key) }
    }

    /// A step's future was dropped, or has given its result.
    pub(crate) fn forget(&self, place: &Place) {
        if let Some(slot) = place.inner.slot() {
            self.forget_hooks(slot);
            // A later request runs what a layer has cut off.
            let by_handler = !self.is_body_dropped();
            let mut state = self.lock();
            if by_handler {
                self.observe_left(&state.journal, slot);
            }
            state.journal.forget(slot, by_handler.then_some(|| self.elapsed()));
        } else if let Origin::Detached(time) = &self.origin {
            time.forget(&place.ticket);
        }
    }

    pub(crate) fn is_detached(&self) -> bool {
        matches!(self.origin, Origin::Detached(_))
    }

    pub(crate) fn is_first(&self) -> bool {
        matches!(self.origin, Origin::First(_))
    }

    pub(crate) fn is_reentry(&self) -> bool {
        matches!(self.origin, Origin::Reentry(_))
    }

    /// Why a step's output cannot be kept.
    pub(crate) fn refuses_output(&self, output: &RawValue) -> Option<OpError> {
        self.lock().journal.refuses_output(output)
    }

    /// A step's future ended with an output.
    pub(crate) fn ended_ok(
        &self,
        key: &StepKey,
        place: &Place,
        output: Box<RawValue>,
        executing: &mut Executing,
    ) -> Ended {
        let Some(slot) = place.inner.slot() else { return Ended::Now };
        let timing = executing.timing();
        let piped = self.piped_output(key, &output);
        let mut state = self.open(&key.id);
        if let Some(error) = state.journal.refuses_output(&output) {
            return Ended::Refused(error);
        }
        executing.end(&mut state);
        self.stream_step_end(key, true);
        if self.is_first() && self.ledger.is_dropped() {
            // Not kept, but its run's loss is reported.
            state.journal.ended_unkept(key, slot, output);
            return self.noticed(Ended::InTurn);
        }
        let ended = state.journal.ended_ok(key, slot, output, timing, executing::was_long(timing));
        if let Some(piped) = piped.and_then(|text| state.journal.piped(key.hash, text)) {
            self.note_piped_step(&mut state, piped);
        }
        match ended {
            journal::Ended::InTurn(size) => {
                if let Some(app) = self.app().filter(|_| self.is_first()) {
                    self.ledger.charge(app.backlog(), size);
                    drop(state);
                    app.backlog().changed();
                }
                self.noticed(Ended::InTurn)
            }
            journal::Ended::Outstanding => self.noticed(Ended::Outstanding),
        }
    }

    /// A step's future ended with a failure. `retries`: those that the step has of the function's,
    /// if it says so.
    pub(crate) fn ended_err(
        &self,
        key: &StepKey,
        place: &Place,
        (retry, error): (Retry, OpError),
        retries: Option<u8>,
        executing: &mut Executing,
    ) -> Ended {
        // Inngest makes no more attempts of a job than the function has.
        let most = self.opts().get_retries();
        let retries = retries.map_or(most, |retries| retries.min(most));
        let failing = Failing { error, retry, retries };
        let Some(slot) = place.inner.slot() else { return Ended::Now };
        let timing = executing.timing();
        let mut state = self.open(&key.id);
        let (for_good, message) = (state.journal.is_for_good(key, &failing), &failing.error.message);
        tracing::debug!(run_id = %self.id(), function = self.log_name(), step = %shown(&key.id), message = %shown(message), for_good, "step failed");
        executing.end(&mut state);
        self.stream_step_end(key, false);
        match state.journal.ended_err(key, slot, failing, timing) {
            journal::Ended::InTurn(_) => self.noticed(Ended::InTurn),
            journal::Ended::Outstanding => self.noticed(Ended::Outstanding),
        }
    }

    /// Something has changed that the handler's driver looks at. It does so after each poll of the
    /// handler; only a step in a task of its own has to wake it.
    fn noticed<T>(&self, outcome: T) -> T {
        self.wakeup.notice();
        outcome
    }

    /// # Panics
    /// When the handler's time is over.
    fn open(&self, id: &str) -> MutexGuard<'_, State> {
        let state = self.lock();
        if state.journal.is_closed() {
            drop(state);
            used_too_late(id, None);
        }
        state
    }
}
