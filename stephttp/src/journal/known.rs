//! What earlier requests of the run have stored, as far as this request knows.

use super::Journal;
use super::log::{Log, Owner};
use super::memo::{Memo, Memoized};
use super::order::Slot;
use super::outstanding::{Awaits, Outstanding};
use super::record::StepKey;
use crate::wire::{OpCode, StepHash, StepMap};

/// What earlier requests have stored; nothing in the first.
#[derive(Debug, Default)]
pub(super) struct Known {
    memo: Memo,
    /// What middlewares have made of it, where there are some.
    restored: StepMap<Memoized>,
}

impl Known {
    pub(super) fn memo(&self) -> &Memo {
        &self.memo
    }

    pub(super) fn contains(&self, hash: StepHash) -> bool {
        self.memo.contains(hash)
    }

    pub(super) fn stored(&self, hash: StepHash) -> Option<Memoized> {
        if !self.restored.is_empty()
            && let Some(restored) = self.restored.get(&hash)
        {
            return Some(restored.clone());
        }
        self.memo.get(hash)
    }

    pub(super) fn unrestored(&self, hash: StepHash) -> Option<Memoized> {
        if self.restored.contains_key(&hash) { None } else { self.memo.get(hash) }
    }

    pub(super) fn restore(&mut self, hash: StepHash, value: Memoized) {
        self.restored.insert(hash, value);
    }
}

impl Journal {
    /// Takes what has been stored by now, and the log of the run among it.
    ///
    /// Returns the steps that were outstanding, or had not begun, and have their outcome now.
    pub(crate) fn learn(&mut self, memo: Memo) -> Vec<(Slot, StepKey)> {
        if self.is_unused() {
            // It comes to most of them again.
            self.ids.reserve(memo.len());
            self.order.reserve(memo.len());
        }
        self.known.memo = memo;
        let (log, decisions) = Log::read(&self.known.memo, &mut self.complaints);
        self.log = log;
        self.note_unreached(&decisions);
        self.order.follow(decisions);
        self.is_agreeing = false;
        self.is_needless = self.proposed.take().is_some_and(|n| self.has_lost(n)) && !self.has_news();
        let known = &self.known;
        self.own.retain(|step| !known.contains(*step));
        let (log, job) = (&self.log, &self.job);
        self.is_for_the_first |= log.is_for_the_first(&job.id, |step| known.contains(step));
        let goes_on = |one: &mut Outstanding| {
            let is_stored = known.contains(one.hash);
            match &one.awaits {
                // Its code has ended here. Should another dispatch of the job have come to more,
                // then the next one finds that.
                Awaits::Answer(_) | Awaits::Retry { .. } => false,
                Awaits::Elsewhere => is_stored || log.owner(one.hash, &job.id) != Owner::Another,
                // A hidden step stands for the step's next attempt: it comes after a sleep, or this
                // job may have to see to it now.
                Awaits::Inngest { op, .. } if op.key().kind.is_none() => {
                    is_stored || op.op() == OpCode::DiscoveryRequest || known.contains(op.hash())
                }
                Awaits::Inngest { .. } => is_stored,
            }
        };
        // Who has come to a step and finds it ended must not claim it: a job's one retry would be
        // spent on it.
        let order = &self.order;
        let has_ended = |slot: &mut Slot| known.contains(order.hash(*slot)) && !order.is_to_be_dropped(*slot);
        let mut resolved: Vec<Slot> = self.gate.waiting.extract_if(.., has_ended).collect();
        for one in self.outstanding.extract_if(.., goes_on) {
            if known.contains(one.hash) {
                resolved.push(one.slot);
            } else {
                self.gate.waiting.push(one.slot);
            }
        }
        resolved.retain(|slot| self.order.note_stored(*slot));
        let ended = |slot: Slot| Some((slot, self.keys.get(slot.index())?.clone()));
        resolved.into_iter().filter_map(ended).collect()
    }
}
