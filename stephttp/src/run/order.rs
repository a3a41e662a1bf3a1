//! The order in which steps give their results to the handler.
//!
//! A handler is replayed from its start, and must come by the same way each time. So no step gives its result at its
//! first poll: it is noted here, and when the handler can go no further, the results that are there are given, one at a
//! time. Where only one step waits there is nothing to decide. Where several do, the choice is a *decision*; decisions
//! are stored with the run (hidden steps `stephttp:order:0`, `:1`, …), and later requests follow them. That makes the
//! winner of a `select!` the winner for ever.

use std::collections::{BTreeSet, VecDeque};
use std::task::Waker;

use super::ids::StepMap;
use crate::wire::StepHash;

/// A step's place here, from its first poll on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u32);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Order {
    entries: Vec<Entry>,
    /// How many steps wait for their turn.
    waiting: usize,
    /// Results that no stored decision is about, in the order in which they came.
    resolved: VecDeque<Slot>,
    /// Results that a stored decision is about, by its rank.
    ranked: BTreeSet<(u32, Slot)>,
    /// The stored decisions.
    ranks: StepMap<u32>,
    /// Decisions of this request.
    decided: Vec<StepHash>,
    /// How many of those are stored, or on their way.
    stored: usize,
}

#[derive(Debug)]
struct Entry {
    hash: StepHash,
    waker: Waker,
    phase: Phase,
    /// How many decisions of this request had been made when the step was first polled.
    decisions: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its result is not there.
    Waiting,
    /// Its result is there, and has not had its turn.
    Resolved,
    /// The handler may have the result.
    Given,
    /// Its future was dropped.
    Gone,
}

/// What to do when the handler can go no further.
#[derive(Debug)]
pub(super) enum Turn {
    /// Wake this step: it is its turn.
    Give(Waker),
    /// No result is there.
    Nobody,
    /// Several steps wait, and which comes first has not been decided.
    Undecided,
}

impl Order {
    /// Follows stored decisions. What has its result already is ranked anew.
    pub(super) fn follow(&mut self, stored: Vec<StepHash>) {
        self.ranks = stored.into_iter().zip(0..).collect();
        for slot in std::mem::take(&mut self.resolved) {
            self.rank(slot);
        }
    }

    /// A step is polled for the first time.
    pub(super) fn enter(&mut self, hash: StepHash, waker: &Waker) -> Slot {
        let slot = Slot(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let decisions = u32::try_from(self.decided.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { hash, waker: waker.clone(), phase: Phase::Waiting, decisions });
        self.waiting += 1;
        slot
    }

    pub(super) fn renew_waker(&mut self, slot: Slot, waker: &Waker) {
        self.entry(slot).waker.clone_from(waker);
    }

    pub(super) fn waker(&mut self, slot: Slot) -> Waker {
        self.entry(slot).waker.clone()
    }

    /// A step's result is there.
    pub(super) fn resolve(&mut self, slot: Slot) {
        if self.entry(slot).phase == Phase::Waiting {
            self.entry(slot).phase = Phase::Resolved;
            self.rank(slot);
        }
    }

    fn rank(&mut self, slot: Slot) {
        let hash = self.entry(slot).hash;
        match self.ranks.get(&hash) {
            Some(rank) => drop(self.ranked.insert((*rank, slot))),
            None => self.resolved.push_back(slot),
        }
    }

    pub(super) fn is_given(&mut self, slot: Slot) -> bool {
        self.entry(slot).phase == Phase::Given
    }

    /// A step's future was dropped, or has given its result.
    pub(super) fn leave(&mut self, slot: Slot) {
        let phase = std::mem::replace(&mut self.entry(slot).phase, Phase::Gone);
        match phase {
            Phase::Given | Phase::Gone => {}
            Phase::Waiting => self.waiting -= 1,
            Phase::Resolved => {
                self.waiting -= 1;
                self.resolved.retain(|resolved| *resolved != slot);
                self.ranked.retain(|(_, ranked)| *ranked != slot);
            }
        }
    }

    /// Whose turn it is. `may_decide` allows to make a decision.
    pub(super) fn turn(&mut self, may_decide: bool) -> Turn {
        if let Some((_, slot)) = self.ranked.pop_first() {
            return self.give(slot);
        }
        let Some(slot) = self.resolved.front().copied() else { return Turn::Nobody };
        if self.waiting > 1 {
            if !may_decide {
                return Turn::Undecided;
            }
            let hash = self.entry(slot).hash;
            self.decided.push(hash);
        }
        self.resolved.pop_front();
        self.give(slot)
    }

    fn give(&mut self, slot: Slot) -> Turn {
        self.waiting -= 1;
        let entry = self.entry(slot);
        entry.phase = Phase::Given;
        Turn::Give(entry.waker.clone())
    }

    /// What a decision that has not been made could be: all results that are there.
    pub(super) fn proposal(&self) -> Vec<StepHash> {
        self.resolved.iter().map(|slot| self.entries[slot.0 as usize].hash).collect()
    }

    /// Whether a step may have come about by decisions that are not stored.
    pub(super) fn depends_on_unstored(&mut self, slot: Slot) -> bool {
        self.entry(slot).decisions as usize > self.stored
    }

    /// The decisions that are not stored, to be stored now.
    pub(super) fn take_unstored(&mut self) -> &[StepHash] {
        let from = std::mem::replace(&mut self.stored, self.decided.len());
        &self.decided[from..]
    }

    /// The wakers of all steps that have no result.
    pub(super) fn waiting(&self) -> Vec<Waker> {
        let waiting = self.entries.iter().filter(|entry| entry.phase == Phase::Waiting);
        waiting.map(|entry| entry.waker.clone()).collect()
    }

    /// Ends it; returns whom to wake: futures in tasks of their own, which would wait for ever.
    pub(super) fn close(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.resolved.clear();
        self.ranked.clear();
        std::mem::take(&mut self.entries).into_iter().filter_map(|entry| {
            matches!(entry.phase, Phase::Waiting | Phase::Resolved).then_some(entry.waker)
        })
    }

    fn entry(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot.0 as usize]
    }
}
