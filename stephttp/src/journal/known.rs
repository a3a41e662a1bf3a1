//! What earlier requests of the run have stored, as far as this request knows.

use super::Journal;
use super::decision::Decision;
use super::memo::{Memo, Memoized, decisions};
use super::order::Slot;
use super::record::StepKey;
use crate::wire::{StepHash, StepMap};

/// What earlier requests have stored; nothing in the first.
#[derive(Debug, Default)]
pub(super) struct Known {
    memo: Memo,
    /// What middlewares have made of it, where there are some.
    restored: StepMap<Memoized>,
    /// Hidden steps that hold stored decisions.
    orders: usize,
}

impl Known {
    pub(super) fn memo(&self) -> &Memo {
        &self.memo
    }

    pub(super) fn contains(&self, hash: StepHash) -> bool {
        self.memo.contains(hash)
    }

    pub(super) fn orders(&self) -> usize {
        self.orders
    }

    /// One more hidden step holds decisions.
    pub(super) fn add_order(&mut self) {
        self.orders += 1;
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

    /// Takes what is stored by now; gives the decisions among it.
    fn learn(&mut self, memo: Memo) -> Vec<Decision> {
        self.memo = memo;
        let (decisions, orders) = decisions(&self.memo);
        self.orders = orders;
        decisions
    }
}

impl Journal {
    /// Takes what has been stored by now, and the decisions among it.
    ///
    /// Returns the steps that were outstanding and have their outcome now.
    pub(crate) fn learn(&mut self, memo: Memo) -> Vec<(Slot, StepKey)> {
        if self.is_unused() {
            // It comes to most of them again.
            self.ids.reserve(memo.len());
            self.order.reserve(memo.len());
        }
        let decisions = self.known.learn(memo);
        self.order.follow(decisions);
        let known = &self.known;
        // A hidden sleep stands for its step's next attempt, and is no outcome of it.
        let ended = self.outstanding.extract_if(.., |outstanding| {
            outstanding.op.key().kind.is_some() && known.contains(outstanding.op.hash())
        });
        ended.map(|outstanding| (outstanding.slot, outstanding.op.key().clone())).collect()
    }
}
