//! The part of a run that its steps change: which have ended, which wait, which execute.

use std::task::Waker;
use std::time::Duration;

use super::decision::Decision;
use super::ids::UsedIds;
use super::memo::{Memo, Memoized, decisions};
use super::order::{Order, Slot};
use super::record::{Recorded, StepKey};
use crate::function::StepId;
use crate::wire::{OpCode, StepHash, StepMap};

/// Guarded by the run's lock, which is never held while a handler or a step is polled.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) ids: UsedIds,
    /// What earlier requests have stored; empty in the first.
    pub(crate) memo: Memo,
    /// What middlewares have made of it, where there are some.
    pub(crate) restored: StepMap<Memoized>,
    pub(crate) order: Order,
    /// Hidden steps that hold stored decisions.
    pub(crate) orders: usize,
    /// Operations that have not been sent.
    pub(crate) unsent: Vec<Recorded>,
    /// Steps, and bytes of their outputs, that this request added to the run.
    pub(crate) added_steps: usize,
    pub(crate) added_bytes: usize,
    /// Whether one of them has ended: Inngest stores it.
    pub(crate) has_finished: bool,
    /// How many of them failed for good.
    pub(crate) failed_steps: usize,
    /// What the handler waits for and only Inngest can bring about.
    pub(crate) outstanding: Vec<Outstanding>,
    /// How many steps' futures have begun and not ended; and how many of them in tasks of their own.
    pub(crate) executing: usize,
    pub(crate) executing_elsewhere: usize,
    /// Whether one has begun.
    pub(crate) has_executed: bool,
    /// How many of them the handler's last poll has polled.
    pub(crate) polled: usize,
    /// That poll was made to find out.
    pub(crate) probing: bool,
    /// Steps that start once all stored results have been given.
    pub(crate) gated: Vec<Slot>,
    /// How often the gate has been opened.
    pub(crate) gate: u64,
    /// The step that this request was made for, once the handler has come to it.
    pub(crate) target: Option<Slot>,
    /// That step was dropped by the handler itself.
    pub(crate) target_dropped: Option<Decision>,
    /// The handler does not come to that step.
    pub(crate) gave_up: bool,
    /// The order of the steps' results waits for the handler.
    pub(crate) held: Option<Held>,
    /// The handler's poll came because a result was given to it.
    pub(crate) gave: bool,
    /// Only this request decides: no other one of the run is under way.
    pub(crate) decides: bool,
    /// How often in a row the handler had woken itself when it could have been given a result.
    pub(crate) restless: u8,
    /// How often in a row it has been let alone, to come to where it comes by itself.
    pub(crate) settling: u8,
    /// What has ended is saved before another step begins.
    pub(crate) saves_first: bool,
    /// The request's answer is known: nothing new begins.
    pub(crate) answering: bool,
    /// A step was misused in a way that its own type cannot report.
    pub(crate) fault: Option<String>,
    /// A middleware failed, so that the request cannot go on.
    pub(crate) broken: Option<String>,
    /// Inngest does not want this request to go on.
    pub(crate) stopped: Option<Stopped>,
    /// The handler's time is over: no step may be used any more.
    pub(crate) closed: bool,
}

/// What the handler does by itself, if it does as it did in an earlier request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// It drops a step after so long.
    UntilDropped(Duration),
    /// It comes to a step; with how far it has come.
    UntilReached(usize),
}

/// Why Inngest does not want a request to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Another dispatch has taken its place.
    Superseded,
    /// Its run has ended, or was cancelled.
    Over,
}

/// Something only Inngest can bring about.
#[derive(Debug)]
pub(crate) struct Outstanding {
    pub(crate) kind: OutstandingKind,
    pub(crate) op: Recorded,
    slot: Slot,
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
    /// A step that another request runs: the one in which Inngest names it or, after a first request that took too long,
    /// the next.
    Planned,
    /// A step that ended, and with it what this request was made for.
    Answer(Option<Duration>),
}

/// How often a handler is let alone before something is decided that other requests of the run must come to as well:
/// what lies between its steps may give way to others.
const SETTLING: u8 = 4;

impl State {
    /// Lets the handler alone for a moment, a few times.
    pub(crate) fn settles(&mut self) -> bool {
        self.settling = (self.settling + 1) % (SETTLING + 1);
        self.settling != 0
    }

    pub(crate) fn claim(&mut self, id: &StepId) -> (StepHash, u32) {
        self.ids.claim(id)
    }

    /// The request ends with a fault, or without an answer that counts: no step begins any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.fault.is_some() || self.broken.is_some() || self.stopped.is_some()
    }

    /// Whether no step has been called.
    pub(crate) fn is_unused(&self) -> bool {
        self.ids.is_empty()
    }

    /// Steps of the run so far.
    pub(crate) fn steps(&self) -> usize {
        self.memo.len() + self.added_steps
    }

    /// Bytes of the run's step outputs so far, about as the server counts them.
    pub(crate) fn bytes(&self) -> usize {
        self.memo.size() + self.added_bytes
    }

    pub(crate) fn record(&mut self, op: Recorded) {
        self.count(&op);
        self.failed_steps += usize::from(op.op() == OpCode::StepFailed);
        self.has_finished = true;
        self.unsent.push(op);
    }

    pub(crate) fn count(&mut self, op: &Recorded) {
        self.added_steps += 1;
        self.added_bytes += op.output_size();
    }

    pub(crate) fn take_unsent(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.unsent)
    }

    /// Puts back what could not be sent, before what has been recorded since.
    pub(crate) fn put_back(&mut self, mut ops: Vec<Recorded>) {
        ops.append(&mut self.unsent);
        self.unsent = ops;
    }

    /// Only Inngest can bring a step forward.
    pub(crate) fn await_inngest(&mut self, slot: Slot, kind: OutstandingKind, op: Recorded) {
        self.count(&op);
        self.outstanding.push(Outstanding { kind, op, slot });
    }

    /// Whether only Inngest can bring a step forward.
    pub(crate) fn is_outstanding(&self, slot: Slot) -> bool {
        self.outstanding.iter().any(|outstanding| outstanding.slot == slot)
    }

    /// A step's future was dropped, as the loser of a `select!` is. What it has come to stays.
    pub(crate) fn forget(&mut self, slot: Slot, elapsed: impl FnOnce() -> Duration) {
        if self.closed {
            return;
        }
        if self.target == Some(slot) {
            self.target = None;
            if !self.gave && !self.answering {
                self.target_dropped = Some(self.order.dropped(slot, elapsed()));
            }
            self.order.leave(slot, None);
        } else {
            let by_handler = self.decides && !self.gave;
            self.order.leave(slot, by_handler.then(elapsed));
        }
        self.gated.retain(|gated| *gated != slot);
        self.outstanding.retain(|outstanding| {
            outstanding.slot != slot || matches!(outstanding.kind, OutstandingKind::Answer(_))
        });
    }

    /// Waits for the gate to open.
    pub(crate) fn enter_gate(&mut self, slot: Slot) {
        self.gated.push(slot);
    }

    /// Lets the steps start that wait for it. Returns whom to wake once the lock is released.
    pub(crate) fn open_gate(&mut self) -> Vec<Waker> {
        if self.answering || self.gated.is_empty() {
            return Vec::new();
        }
        self.gate += 1;
        let order = &mut self.order;
        self.gated.drain(..).map(|slot| order.waker(slot)).collect()
    }

    /// Takes what has been stored by now, and the decisions among it.
    ///
    /// Returns the steps that were outstanding and have their outcome now.
    pub(crate) fn learn(&mut self, memo: Memo) -> Vec<(Slot, StepKey)> {
        if self.is_unused() {
            // It comes to most of them again.
            self.ids.reserve(memo.len());
            self.order.reserve(memo.len());
        }
        self.memo = memo;
        let (decisions, orders) = decisions(&self.memo);
        self.orders = orders;
        self.order.follow(decisions);
        let memo = &self.memo;
        // A hidden sleep stands for its step's next attempt, and is no outcome of it.
        let has_ended = |outstanding: &mut Outstanding| {
            outstanding.op.key().kind.is_some() && memo.contains(outstanding.op.hash())
        };
        let ended = self.outstanding.extract_if(.., has_ended);
        ended.map(|outstanding| (outstanding.slot, outstanding.op.key().clone())).collect()
    }

    /// What is stored under a hash.
    pub(crate) fn stored(&self, hash: StepHash) -> Option<Memoized> {
        if !self.restored.is_empty()
            && let Some(restored) = self.restored.get(&hash)
        {
            return Some(restored.clone());
        }
        self.memo.get(hash)
    }

    /// Ends the use of steps. Returns what is outstanding, and whom to wake once the handler is gone: futures in tasks
    /// of their own, which would wait for ever.
    pub(crate) fn close(&mut self) -> (Vec<Outstanding>, Vec<Waker>) {
        self.closed = true;
        self.gated.clear();
        (std::mem::take(&mut self.outstanding), self.order.close())
    }
}
