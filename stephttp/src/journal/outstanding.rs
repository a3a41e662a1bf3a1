//! What only Inngest can bring about.

use std::time::Duration;

use super::Journal;
use super::order::Slot;
use super::record::Recorded;

/// Something only Inngest can bring about.
#[derive(Debug)]
pub(crate) struct Outstanding {
    pub(crate) kind: OutstandingKind,
    pub(crate) op: Recorded,
    pub(super) slot: Slot,
}

impl Outstanding {
    /// The steps that ended and that only the answer holds.
    pub(crate) fn answers(outstanding: Vec<Self>) -> Vec<Recorded> {
        let is_answer = |one: &Self| matches!(one.kind, OutstandingKind::Answer(_));
        outstanding.into_iter().filter(is_answer).map(|one| one.op).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutstandingKind {
    /// A sleep, or another wait.
    Wait,
    /// A step that failed; with the delay that it asks for before it is tried again.
    Failing(Option<Duration>),
    /// A step that another request runs: the one in which Inngest names it or, after a first
    /// request that took too long, the next.
    Planned,
    /// A step that ended, and with it what this request was made for.
    Answer(Option<Duration>),
}

impl Journal {
    /// Only Inngest can bring a step forward.
    pub(crate) fn await_inngest(&mut self, slot: Slot, kind: OutstandingKind, op: Recorded) {
        self.count(&op);
        self.outstanding.push(Outstanding { kind, op, slot });
    }

    /// The same for a step whose operation took a while to prepare: its future may have been
    /// dropped meanwhile.
    pub(crate) fn await_inngest_if_there(&mut self, slot: Slot, kind: OutstandingKind, op: Recorded) {
        if self.order.is_waiting(slot) {
            self.await_inngest(slot, kind, op);
        }
    }

    /// Whether only Inngest can bring a step forward.
    pub(super) fn is_outstanding(&self, slot: Slot) -> bool {
        self.outstanding.iter().any(|outstanding| outstanding.slot == slot)
    }

    /// Another request runs the step. From a first request, one for all that come too late.
    pub(crate) fn leave(&mut self, slot: Slot, step: &super::StepKey) {
        if !self.is_outstanding(slot) {
            self.await_inngest(slot, OutstandingKind::Planned, Recorded::planned(step.clone()));
        }
    }
}
