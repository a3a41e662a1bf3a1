//! The part of a run that its steps change: which have ended, which wait, which execute.

use std::task::Waker;

use super::ids::UsedIds;
use super::record::Recorded;
use crate::step::StepId;
use crate::wire::{OpCode, StepHash};

/// Guarded by the run's lock, which is never held while user code runs.
#[derive(Debug, Default)]
pub(super) struct State {
    ids: UsedIds,
    /// Operations that have not been sent.
    pub(super) unsent: Vec<Recorded>,
    /// Steps, and bytes of their outputs, that this request added to the run.
    pub(super) added_steps: usize,
    pub(super) added_bytes: usize,
    /// How many of them failed for good.
    pub(super) failed_steps: usize,
    /// What the handler waits for and only Inngest can bring about.
    pub(super) outstanding: Vec<Outstanding>,
    /// How many steps' futures have begun and not ended.
    pub(super) executing: usize,
    /// Steps that start once the handler's poll has returned.
    gated: Vec<(StepHash, Waker)>,
    /// How often the gate has been opened.
    pub(super) gate: u64,
    /// The request's answer is known: nothing new begins.
    pub(super) answering: bool,
    /// A step was misused in a way that its own type cannot report.
    pub(super) fault: Option<String>,
    /// Inngest has superseded this dispatch.
    pub(super) stale: bool,
    /// The handler's time is over: no step may be used any more.
    pub(super) closed: bool,
}

/// Something only Inngest can bring about.
#[derive(Debug)]
pub(crate) struct Outstanding {
    pub(crate) kind: OutstandingKind,
    pub(crate) op: Recorded,
    waker: Waker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutstandingKind {
    /// A sleep.
    Wait,
    /// A step that failed; with the delay that it asks for before it is tried again.
    Failing(Option<std::time::Duration>),
    /// A step that runs when Inngest names it.
    Planned,
    /// A step that ended, and with it what this request was made for.
    Answer(Option<std::time::Duration>),
}

impl State {
    pub(super) fn claim(&mut self, id: &StepId) -> (StepHash, u32) {
        self.ids.claim(id)
    }

    /// Whether no step has been called.
    pub(super) fn is_unused(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn record(&mut self, op: Recorded) {
        self.count(&op);
        self.failed_steps += usize::from(op.op() == OpCode::StepFailed);
        self.unsent.push(op);
    }

    pub(super) fn count(&mut self, op: &Recorded) {
        self.added_steps += 1;
        self.added_bytes += op.output_size();
    }

    pub(super) fn take_unsent(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.unsent)
    }

    /// Puts back what could not be sent, before what has been recorded since.
    pub(super) fn put_back(&mut self, mut ops: Vec<Recorded>) {
        ops.append(&mut self.unsent);
        self.unsent = ops;
    }

    /// Adds an outstanding operation, or renews its waker. `true` if it is new.
    pub(super) fn await_inngest(
        &mut self,
        hash: StepHash,
        waker: &Waker,
        kind: OutstandingKind,
        op: impl FnOnce() -> Recorded,
    ) -> bool {
        if self.renew_waker(hash, waker) {
            return false;
        }
        let op = op();
        self.count(&op);
        self.outstanding.push(Outstanding { kind, op, waker: waker.clone() });
        true
    }

    /// Notes the waker of what is outstanding already; `false` if it is not.
    pub(super) fn renew_waker(&mut self, hash: StepHash, waker: &Waker) -> bool {
        let known = self.outstanding.iter_mut().find(|known| known.op.hash() == hash);
        known.map(|known| known.waker.clone_from(waker)).is_some()
    }

    /// A future that waited for Inngest was dropped, as the loser of a `select!` is. What a step has come to stays.
    pub(super) fn forget(&mut self, hash: StepHash) {
        self.outstanding.retain(|outstanding| {
            outstanding.op.hash() != hash || matches!(outstanding.kind, OutstandingKind::Answer(_))
        });
    }

    /// Waits for the gate to open. `true` if it is new there.
    pub(super) fn enter_gate(&mut self, hash: StepHash, waker: &Waker) -> bool {
        if let Some((_, known)) = self.gated.iter_mut().find(|(gated, _)| *gated == hash) {
            known.clone_from(waker);
            return false;
        }
        self.gated.push((hash, waker.clone()));
        true
    }

    /// Lets the steps start that wait for it. Returns whom to wake once the lock is released.
    pub(super) fn open_gate(&mut self) -> Vec<Waker> {
        if self.answering {
            return Vec::new();
        }
        if !self.gated.is_empty() {
            self.gate += 1;
        }
        self.gated.drain(..).map(|(_, waker)| waker).collect()
    }

    /// Ends the use of steps. Returns what is outstanding, and whom to wake once the handler is gone: futures in tasks
    /// of their own, which would wait for ever.
    pub(super) fn close(&mut self) -> (Vec<Outstanding>, Vec<Waker>) {
        self.closed = true;
        let outstanding = std::mem::take(&mut self.outstanding);
        let mut wakers: Vec<Waker> = self.gated.drain(..).map(|(_, waker)| waker).collect();
        wakers.extend(outstanding.iter().map(|outstanding| outstanding.waker.clone()));
        (outstanding, wakers)
    }
}
