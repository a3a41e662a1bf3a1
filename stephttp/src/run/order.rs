//! The order in which steps give their results to the handler.
//!
//! A handler is replayed from its start, and must come by the same way each time. So no step gives its result at its
//! first poll: it is noted here, and when the handler can go no further, the results that are there are given, one at a
//! time. Where only one step waits there is nothing to decide. Where several do, the choice is a *decision*; decisions
//! are stored with the run (hidden steps `stephttp:order:0`, `:1`, …), and later requests follow them. That makes the
//! winner of a `select!` the winner for ever.
//!
//! A handler can also drop a step by itself, as `tokio::time::timeout` does. That is a decision too: later requests do
//! not run that step again, but wait until the handler drops it.

use std::collections::{BTreeSet, VecDeque};
use std::task::Waker;
use std::time::Duration;

use super::decision::Decision;
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
    /// Steps that the handler will drop by itself, by the decision's rank.
    drops: BTreeSet<(u32, Slot)>,
    /// The stored decisions: their ranks, and how long the handler held what it dropped.
    ranks: StepMap<(u32, Option<Duration>)>,
    /// Decisions of this request.
    decided: Vec<Decision>,
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
    /// The handler's: it will drop a step by itself, as it did before after so long.
    Handler(Duration),
}

impl Order {
    /// Follows stored decisions. What has its result already is ranked anew.
    pub(super) fn follow(&mut self, stored: Vec<Decision>) {
        let rank = |(decision, rank): (Decision, u32)| match decision {
            Decision::Given(hash) => (hash, (rank, None)),
            Decision::Dropped(hash, after) => (hash, (rank, Some(after))),
        };
        self.ranks = stored.into_iter().zip(0..).map(rank).collect();
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
        if let Some((rank, Some(_))) = self.ranks.get(&hash) {
            self.drops.insert((*rank, slot));
        }
        slot
    }

    /// Whether the handler is to drop this step by itself.
    pub(super) fn is_to_be_dropped(&mut self, slot: Slot) -> bool {
        let hash = self.entry(slot).hash;
        matches!(self.ranks.get(&hash), Some((_, Some(_))))
    }

    /// The handler drops a step by itself, after so long.
    pub(super) fn note_drop(&mut self, slot: Slot, after: Duration) {
        let entry = self.entry(slot);
        if entry.phase == Phase::Waiting {
            let hash = entry.hash;
            if !self.ranks.contains_key(&hash) {
                self.decided.push(Decision::Dropped(hash, after));
            }
        }
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
            Some((rank, None)) => drop(self.ranked.insert((*rank, slot))),
            // It came too late: the handler will have dropped it.
            Some((_, Some(_))) => self.entry(slot).phase = Phase::Waiting,
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
        self.drops.retain(|(_, dropped)| *dropped != slot);
    }

    /// Whose turn it is. `may_decide` allows to make a decision.
    pub(super) fn turn(&mut self, may_decide: bool) -> Turn {
        let drop = self.drops.first().copied();
        if let Some((rank, slot)) = self.ranked.first().copied()
            && drop.is_none_or(|(drop, _)| rank < drop)
        {
            self.ranked.pop_first();
            return self.give(slot);
        }
        if let Some((_, slot)) = drop {
            let hash = self.entry(slot).hash;
            let after = self.ranks.get(&hash).and_then(|(_, after)| *after);
            return Turn::Handler(after.unwrap_or_default());
        }
        let Some(slot) = self.resolved.front().copied() else { return Turn::Nobody };
        if self.waiting > 1 {
            if !may_decide {
                return Turn::Undecided;
            }
            let hash = self.entry(slot).hash;
            self.decided.push(Decision::Given(hash));
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
    pub(super) fn proposal(&self) -> Vec<Decision> {
        self.resolved.iter().map(|slot| Decision::Given(self.entries[slot.0 as usize].hash)).collect()
    }

    /// Whether a step may have come about by decisions that are not stored.
    pub(super) fn depends_on_unstored(&mut self, slot: Slot) -> bool {
        self.entry(slot).decisions as usize > self.stored
    }

    /// The decisions that are not stored, to be stored now.
    pub(super) fn take_unstored(&mut self) -> &[Decision] {
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
