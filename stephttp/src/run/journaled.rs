//! What others ask of a run's journal, under its lock.

use std::sync::MutexGuard;
use std::task::Waker;

use serde_json::value::RawValue;

use super::{Run, State};
use crate::journal::{
    Awaited, Complaint, Erring, Handover, HandoverFacts, Memo, Memoized, Outstanding, Recorded, Slot, Stale,
    Stop,
};
use crate::wire::{ApiResult, StepHash};

impl Run {
    /// What is stored under a hash; nothing in a first request.
    pub(crate) fn memoized(&self, hash: StepHash) -> Option<Memoized> {
        self.lock().journal.stored(hash)
    }

    /// Takes what is stored by now.
    pub(crate) fn learn(&self, memo: Memo) {
        let mut state = self.lock();
        for (slot, key) in state.journal.learn(memo) {
            self.resolve_restored(&mut state, slot, &key);
        }
        let complaints = state.journal.take_complaints();
        drop(state);
        self.log(complaints);
        self.wakeup.notice();
    }

    /// How many steps are known to be stored.
    pub(crate) fn known_steps(&self) -> usize {
        self.lock().journal.known_steps()
    }

    /// How many hidden steps hold the run's log.
    pub(crate) fn log_steps(&self) -> usize {
        self.lock().journal.log_steps()
    }

    /// How many steps of this request have ended, and have not been found stored.
    pub(crate) fn own_steps(&self) -> usize {
        self.lock().journal.own_steps()
    }

    /// What the handler must do by itself before it is given more results.
    pub(crate) fn awaited(&self) -> Option<Awaited> {
        self.lock().journal.awaited()
    }

    /// The handler does not come to where it came in an earlier request.
    pub(crate) fn pass_over(&self) {
        self.lock().journal.pass_over();
        self.wakeup.notice();
    }

    /// Whether there is anything to tell Inngest.
    pub(crate) fn has_unsent(&self) -> bool {
        self.lock().journal.has_unsent()
    }

    /// Whether there is anything to tell Inngest before this request's part of the run ends.
    pub(crate) fn has_unsent_finished(&self) -> bool {
        self.lock().journal.has_unsent_finished()
    }

    /// Whether a step has begun or ended, so that the run must not be lost with its client.
    pub(crate) fn has_begun(&self) -> bool {
        self.lock().journal.has_begun()
    }

    /// Whether a step's code has begun to run in this request: the backlog had room then.
    pub(crate) fn has_executed(&self) -> bool {
        self.lock().journal.has_executed()
    }

    /// Whether any step has been recorded in this request.
    pub(crate) fn has_steps(&self) -> bool {
        self.lock().journal.has_steps()
    }

    pub(crate) fn record(&self, op: Recorded) {
        self.lock().journal.record(op);
    }

    pub(crate) fn take_unsent(&self) -> Vec<Recorded> {
        self.lock().journal.take_unsent()
    }

    /// The id of the last of the handler's steps that has ended and has not been sent.
    pub(crate) fn last_unsent(&self) -> Option<String> {
        self.lock().journal.last_unsent().map(str::to_owned)
    }

    pub(crate) fn put_back(&self, ops: Vec<Recorded>) {
        self.lock().journal.put_back(ops);
    }

    /// Gives up the last of what could not be sent.
    pub(crate) fn forget_last(&self, count: usize) {
        let mut ops = self.take_unsent();
        ops.truncate(ops.len().saturating_sub(count));
        self.put_back(ops);
    }

    /// What could not be saved, before what is answered anyway.
    pub(crate) fn unsaved_with(&self, ops: Vec<Recorded>, may_retry: bool) -> Vec<Recorded> {
        self.lock().journal.unsaved_with(ops, may_retry)
    }

    /// A first request's operations could not be sent: its driver has to see to it, also when its
    /// handler does nothing.
    pub(crate) fn notice_failed_checkpoint(&self) {
        if self.is_first() {
            self.wakeup.notice();
        }
    }

    /// Inngest does not want this request to go on: no further step begins.
    pub(crate) fn stop(&self, stale: Stale) {
        self.lock().journal.stop(Stop::Stale(stale));
        self.wakeup.wake();
    }

    /// Why Inngest does not want the request to go on, if so.
    pub(crate) fn stale(&self) -> Option<Stale> {
        self.lock().journal.stale()
    }

    /// What had ended is saved, or cannot be for now.
    pub(crate) fn saved(&self, in_vain: bool) {
        let opens = self.lock().journal.saved(in_vain);
        if opens {
            self.wakeup.notice();
        }
    }

    /// Decides what to tell Inngest about a suspended handler. `remembered` is the output of the
    /// hidden step that holds what a first request remembers.
    pub(crate) fn hand_over(
        &self,
        outstanding: Vec<Outstanding>,
        remembered: Option<Box<RawValue>>,
    ) -> Handover {
        let (attempts_left, elapsed) = (self.attempts_left(), self.elapsed());
        let facts = HandoverFacts { remembered, attempts_left, elapsed };
        let mut state = self.lock();
        let handover = state.journal.hand_over(outstanding, facts);
        let complaints = state.journal.take_complaints();
        drop(state);
        self.log(complaints);
        handover
    }

    /// How often Inngest dispatches this request's job once more, at most.
    pub(super) fn attempts_left(&self) -> u32 {
        let Some(dispatch) = self.dispatch() else { return 0 };
        (u32::from(self.opts().get_retries()) + 1).saturating_sub(dispatch.generation())
    }

    /// Says what is wrong when a run's hidden steps are over a limit.
    pub(crate) fn over_limit(&self, handover: &Handover) -> Option<String> {
        self.lock().journal.over_limit(handover)
    }

    /// A hidden step that proposes how the run ends, if several re-entries may come to its end at
    /// once, and it can be stored.
    pub(crate) fn propose_end(&self, result: &ApiResult<'_>) -> Option<Recorded> {
        self.lock().journal.propose_end(result)
    }

    fn log(&self, complaints: Vec<Complaint>) {
        for complaint in complaints {
            match complaint {
                Complaint::UnreadableOrder(_) => {
                    tracing::error!(run_id = %self.id(), function = self.log_name(), "{complaint}");
                }
                Complaint::FullOrder => {
                    tracing::warn!(run_id = %self.id(), function = self.log_name(), "{complaint}");
                }
            }
        }
    }

    /// What this request does now that its handler has failed.
    pub(crate) fn erring(&self) -> Erring {
        let may_retry = self.may_retry();
        self.lock().journal.erring(may_retry)
    }

    /// Ends the use of steps: the handler has answered.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        let (outstanding, strays) = state.journal.close();
        let complaints = state.journal.take_complaints();
        self.wake_strays(state, strays);
        drop(outstanding);
        self.log(complaints);
        if self.wants_parts() {
            // What a middleware left in them may hold a `Step`, and so this run.
            drop(self.parts.take());
        }
    }

    /// Wakes the steps in tasks of their own that would wait for ever: their polls panic with a
    /// message that says why.
    pub(super) fn wake_strays(&self, mut state: MutexGuard<'_, State>, strays: Vec<Slot>) {
        let wakers = state.wakers.close(strays);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}
