//! Where new steps wait until they may begin.
//!
//! A step begins once the handler can go no further and all stored results have been given, so that
//! a branch that lost a race in an earlier request does not begin now. Before that, what could be
//! missed is told: an event that a step causes is lost on a wait that Inngest has not been told of
//! (docs/protocol.md 6.5). And where several requests of a run may come to the same step, it begins
//! in the one that has claimed it.

use super::driving::Next;
use super::hidden::retry_discovery;
use super::log::{LogEntry, LoggedError, Owner, RetryBy};
use super::order::Slot;
use super::outstanding::{Awaits, Outstanding};
use super::record::{Recorded, StepKey};
use super::{Done, Journal};
use crate::wire::OpCode;
use crate::wire::limits::RUN_STEPS;

/// Steps that have not begun.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) waiting: Vec<Slot>,
    /// Some were left there when the request ended.
    pub(super) is_left: bool,
}

impl Journal {
    /// The step may not begin in this request after all: another one will come to it.
    pub(crate) fn leave(&mut self, slot: Slot) {
        self.order.refuse(slot);
        self.gate.waiting.push(slot);
    }

    /// Lets steps begin. `None`: none of them may.
    pub(super) fn open_gate(&mut self, has_attempt: bool) -> Option<Next> {
        if self.gate.waiting.is_empty() {
            return None;
        }
        if self.decides() && !self.log.has_failures() {
            return Some(self.admit_all());
        }
        let mut free = Vec::new();
        let mut may_begin = Vec::new();
        // One retry of a job is one step's.
        let mut may_schedule = has_attempt && !self.outstanding.iter().any(Outstanding::is_failing);
        for slot in std::mem::take(&mut self.gate.waiting) {
            let hash = self.order.hash(slot);
            match self.log.owner(hash, &self.job.id) {
                Owner::Another => self.await_inngest(slot, hash, Awaits::Elsewhere),
                Owner::This(after) => {
                    may_schedule &= after < self.job.generation;
                    may_begin.push(slot);
                }
                Owner::Nobody => free.push((slot, hash)),
            }
        }
        let (mut entries, mut claimed, mut proposed) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, hash) in free {
            let failures = self.log.failures(hash).filter(|failures| failures.retry == RetryBy::Postponed);
            match failures {
                None if self.decides() => may_begin.push(slot),
                None => {
                    claimed.push(hash);
                    proposed.push(slot);
                }
                Some(_) if may_schedule => {
                    may_schedule = false;
                    let (by, after) = (self.job.id.clone(), self.job.generation);
                    let entry = LogEntry::Scheduled { scheduled: hash, by, after };
                    if self.decides() {
                        self.write(&[entry]);
                        may_begin.push(slot);
                    } else {
                        entries.push(entry);
                        proposed.push(slot);
                    }
                }
                Some(failures) => {
                    let op = retry_discovery(hash, failures.attempts);
                    self.await_inngest(slot, hash, Awaits::Inngest { op, is_told: false });
                }
            }
        }
        if !claimed.is_empty() {
            let by = self.job.id.clone();
            // With nothing else under way, one claim is enough for all that follows.
            let is_quiet = self.outstanding.is_empty()
                && self.log.is_quiet_but_for(&self.job.id, |step| self.known.contains(step));
            let claim =
                if is_quiet { LogEntry::Held { held_by: by } } else { LogEntry::Claimed { claimed, by } };
            entries.push(claim);
        }
        self.gate.waiting = may_begin;
        let must_agree =
            !entries.is_empty() || (self.order.has_unstored_choice() && !self.gate.waiting.is_empty());
        if !must_agree {
            return if self.gate.waiting.is_empty() { None } else { Some(self.admit_all()) };
        }
        self.gate.waiting.append(&mut proposed);
        Some(self.propose(entries))
    }

    fn admit_all(&mut self) -> Next {
        self.replay.end();
        for slot in &self.gate.waiting {
            self.order.admit(*slot);
        }
        if let [slot] = *self.gate.waiting {
            self.gate.waiting.clear();
            return Next::WakeOne(slot);
        }
        Next::Wake(std::mem::take(&mut self.gate.waiting))
    }

    /// A step that has failed before, and that this job has to have tried again: it does not run
    /// now, but in the job's next dispatch, which the answer asks for.
    pub(super) fn waits_for_retry(&mut self, key: &StepKey, slot: Slot) -> bool {
        let Some(failures) = self.log.failures(key.hash) else { return false };
        let Owner::This(after) = self.log.owner(key.hash, &self.job.id) else { return false };
        if after < self.job.generation {
            return false;
        }
        let error = failures.error.as_ref().map(LoggedError::to_op).unwrap_or_default();
        let attempt = failures.attempts;
        let op = Recorded::failed(key.clone(), OpCode::StepError, error, None);
        self.order.refuse(slot);
        self.await_inngest(slot, key.hash, Awaits::Retry { op, delay: None, attempt });
        true
    }

    /// Has all requests of the run agree on what comes next.
    pub(super) fn propose(&mut self, entries: Vec<LogEntry>) -> Next {
        if self.is_full() {
            let fault =
                format!("a run has at most {RUN_STEPS} steps, and the order of its steps needs one more");
            return self.done(|_| Done::Misused(fault));
        }
        let mut proposal: Vec<_> = self.order.proposal().into_iter().map(LogEntry::Decided).collect();
        if !proposal.is_empty() {
            self.replay.end();
        }
        proposal.extend(entries);
        proposal.push(LogEntry::Proposed { by: self.job.id.clone() });
        self.is_agreeing = true;
        self.proposed = Some(self.log.steps());
        Next::Agree(Some(self.log_step(&proposal)))
    }
}
