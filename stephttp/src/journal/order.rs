//! The order in which steps give their results to the handler.
//!
//! A handler is replayed from its start, and must come by the same way each time. So no step gives
//! its result at its first poll: it is noted here, and when the handler can go no further, the
//! results that are there are given, one at a time. Where several steps wait, which is given is a
//! *choice*. Once a run has made one, its order is stored with it, in hidden steps
//! `stephttp:order:0`, `:1`, …, and later requests follow it: that makes the winner of a `select!`
//! the winner for ever.
//!
//! A handler can also drop a step by itself, as `tokio::time::timeout` does. That is a choice too:
//! later requests do not run that step again, but wait until the handler drops it.

use std::collections::VecDeque;
use std::time::Duration;

use super::decision::Decision;
use crate::wire::{StepHash, StepMap};

/// A step's place here, from its first poll on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// Counts the steps in the order of their first polls, from 0.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Order {
    entries: Vec<Entry>,
    /// How many steps wait for their turn.
    waiting: usize,
    /// How many left without having given a result: whether they were ever polled may differ from
    /// request to request.
    lost: usize,
    /// Results in the order in which they came; those given meanwhile are passed over.
    resolved: VecDeque<Slot>,
    /// The stored order, and how far it has been followed.
    log: Vec<Decision>,
    cursor: usize,
    /// The handler has not come to where it should have: what it does not come to any more is
    /// passed over at once.
    astray: bool,
    /// The steps in it that are to be dropped; few, if any.
    dropped: Vec<StepHash>,
    /// The steps here, when there is a stored order.
    by_hash: StepMap<Slot>,
    /// How many turns there were beyond the stored order, and how many of them are stored or on
    /// their way.
    turns: u32,
    stored: u32,
    /// The first of them that was a choice and is not stored.
    unstored_choice: Option<u32>,
    /// One of them was a choice.
    chose: bool,
    /// Steps that the handler dropped by itself, with their turns.
    drops: Vec<(u32, Decision)>,
}

#[derive(Debug)]
struct Entry {
    hash: StepHash,
    phase: Phase,
    /// How many turns there had been when the step was first polled.
    entered: u32,
    /// Its own turn, from 1; 0 before that, and for turns of the stored order. And how many steps
    /// were here by then.
    turn: u32,
    /// Others waited when it had its own turn.
    chosen: bool,
    steps: u32,
    /// It may begin.
    admitted: bool,
    /// That its outcome is stored has been said.
    stored: bool,
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
    /// It is this step's turn.
    Give(Slot),
    /// No result is there.
    Nobody,
    /// Several steps wait, and which comes first has not been decided.
    Undecided,
    /// The handler's: it will drop a step by itself, as it did before after so long.
    Handler(Duration),
    /// The handler's: it will come to a step by itself, as it did before.
    Unreached,
}

impl Order {
    /// Follows a stored order, of which this request may have come a part of the way.
    pub(super) fn follow(&mut self, log: Vec<Decision>) {
        let dropped = |decision: &Decision| match decision {
            Decision::Given(..) => None,
            Decision::Dropped(hash, _) => Some(*hash),
        };
        self.dropped = log.iter().filter_map(dropped).collect();
        self.log = log;
        self.cursor = 0;
        if self.turns > self.stored {
            self.find_stored();
        }
        if !self.log.is_empty() {
            self.by_hash = self.entries.iter().zip(0..).map(|(entry, n)| (entry.hash, Slot(n))).collect();
        }
    }

    /// Which of this request's own turns are stored by now: others may have stored another order
    /// than it has proposed, and not come as far.
    fn find_stored(&mut self) {
        let stored = |step: StepHash| {
            self.log.iter().any(|(Decision::Given(hash, _) | Decision::Dropped(hash, _))| *hash == step)
        };
        for entry in self.entries.iter_mut().filter(|entry| entry.turn > 0 && stored(entry.hash)) {
            entry.turn = 0;
        }
        self.drops.retain(|(_, Decision::Given(hash, _) | Decision::Dropped(hash, _))| !stored(*hash));
        let chosen = self.entries.iter().filter(|entry| entry.chosen).map(|entry| entry.turn);
        let choices = chosen.chain(self.drops.iter().map(|(turn, _)| *turn));
        self.unstored_choice = choices.filter(|turn| *turn > self.stored).min();
    }

    /// Makes room for so many steps.
    pub(super) fn reserve(&mut self, steps: usize) {
        self.entries.reserve(steps);
    }

    /// A step is polled for the first time.
    pub(super) fn enter(&mut self, hash: StepHash) -> Slot {
        let slot = Slot(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let (phase, entered) = (Phase::Waiting, self.turns);
        self.entries.push(Entry {
            hash,
            phase,
            entered,
            turn: 0,
            chosen: false,
            steps: 0,
            admitted: false,
            stored: false,
        });
        self.waiting += 1;
        if !self.log.is_empty() {
            self.by_hash.insert(hash, slot);
        }
        slot
    }

    /// Whether no step has been polled.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The steps that have been polled.
    pub(super) fn hashes(&self) -> impl Iterator<Item = StepHash> {
        self.entries.iter().map(|entry| entry.hash)
    }

    /// Whether results could come in another order than here: there was a choice, or there will be.
    pub(super) fn has_alternatives(&self) -> bool {
        self.chose || self.waiting > 1
    }

    /// Whether a choice has been made that the stored order did not have.
    pub(super) fn has_chosen(&self) -> bool {
        self.chose
    }

    pub(super) fn hash(&self, slot: Slot) -> StepHash {
        self.at(slot).hash
    }

    /// The step may begin.
    pub(super) fn admit(&mut self, slot: Slot) {
        self.entry(slot).admitted = true;
    }

    /// The step may not begin after all.
    pub(super) fn refuse(&mut self, slot: Slot) {
        self.entry(slot).admitted = false;
    }

    /// The step's outcome is stored. Whether that is new.
    pub(super) fn note_stored(&mut self, slot: Slot) -> bool {
        !std::mem::replace(&mut self.entry(slot).stored, true)
    }

    pub(super) fn is_admitted(&self, slot: Slot) -> bool {
        self.at(slot).admitted
    }

    /// Whether the handler has come to a step and dropped it.
    pub(super) fn is_gone(&self, hash: StepHash) -> bool {
        self.entries.iter().any(|entry| entry.hash == hash && entry.phase == Phase::Gone)
    }

    /// Whether the stored order says that the handler drops this step by itself.
    pub(super) fn is_to_be_dropped(&self, slot: Slot) -> bool {
        let hash = self.at(slot).hash;
        self.dropped.contains(&hash)
    }

    /// A step's result is there.
    pub(super) fn resolve(&mut self, slot: Slot) {
        if self.entry(slot).phase == Phase::Waiting {
            self.entry(slot).phase = Phase::Resolved;
            self.resolved.push_back(slot);
        }
    }

    pub(super) fn is_waiting(&self, slot: Slot) -> bool {
        self.at(slot).phase == Phase::Waiting
    }

    pub(super) fn is_given(&self, slot: Slot) -> bool {
        self.at(slot).phase == Phase::Given
    }

    /// A step's future was dropped, or has given its result. `by_handler` says how long after the
    /// request's begin the handler dropped it, if it did so by itself.
    pub(super) fn leave(&mut self, slot: Slot, by_handler: Option<Duration>) {
        let entry = self.entry(slot);
        let hash = entry.hash;
        match std::mem::replace(&mut entry.phase, Phase::Gone) {
            Phase::Given | Phase::Gone => {}
            Phase::Waiting | Phase::Resolved => {
                self.waiting -= 1;
                self.lost += 1;
                if let Some(after) = by_handler.filter(|_| self.is_beyond_log()) {
                    let turn = self.next_turn(true);
                    self.drops.push((turn, Decision::Dropped(hash, after)));
                }
            }
        }
    }

    /// Steps that are here, or have given their result.
    fn steps(&self) -> u32 {
        u32::try_from(self.entries.len() - self.lost).unwrap_or(u32::MAX)
    }

    /// Whose turn it is. `may_choose` allows to make a choice.
    pub(super) fn turn(&mut self, may_choose: bool) -> Turn {
        while let Some(decision) = self.log.get(self.cursor) {
            let (Decision::Given(hash, _) | Decision::Dropped(hash, _)) = decision;
            let Some(slot) = self.by_hash.get(hash).copied() else {
                if self.astray && self.withholds() {
                    self.cursor += 1;
                    continue;
                }
                return Turn::Unreached;
            };
            let phase = self.entries[slot.0 as usize].phase;
            match (decision, phase) {
                (_, Phase::Given | Phase::Gone) => self.cursor += 1,
                // Something between two steps took longer than these did.
                (Decision::Given(_, steps), Phase::Resolved) if self.steps() < *steps && !self.astray => {
                    return Turn::Unreached;
                }
                (Decision::Given(..), Phase::Resolved) => {
                    self.cursor += 1;
                    return self.give(slot, 0);
                }
                (Decision::Given(..), Phase::Waiting) => return Turn::Nobody,
                (Decision::Dropped(_, after), Phase::Waiting | Phase::Resolved) => {
                    return Turn::Handler(*after);
                }
            }
        }
        while let Some(slot) = self.resolved.front().copied() {
            if self.entry(slot).phase == Phase::Resolved {
                let is_choice = self.waiting > 1;
                if is_choice && !may_choose {
                    return Turn::Undecided;
                }
                self.resolved.pop_front();
                let turn = self.next_turn(is_choice);
                self.entry(slot).chosen = is_choice;
                return self.give(slot, turn);
            }
            self.resolved.pop_front();
        }
        Turn::Nobody
    }

    /// The handler does not come to where the stored order says that it does, nor to what follows
    /// there.
    pub(super) fn pass_over(&mut self) {
        self.astray = true;
        let reached = |decision: &Decision| match decision {
            Decision::Given(hash, _) | Decision::Dropped(hash, _) => self.by_hash.contains_key(hash),
        };
        while self.log.get(self.cursor).is_some_and(|decision| !reached(decision)) {
            self.cursor += 1;
        }
    }

    /// Whether a result is there that has not had its turn.
    pub(super) fn withholds(&self) -> bool {
        self.entries.iter().any(|entry| entry.phase == Phase::Resolved)
    }

    /// Grows whenever the handler comes further.
    pub(super) fn progress(&self) -> usize {
        self.cursor + self.entries.len()
    }

    fn give(&mut self, slot: Slot, turn: u32) -> Turn {
        self.waiting -= 1;
        let steps = self.steps();
        let entry = self.entry(slot);
        (entry.phase, entry.turn, entry.steps) = (Phase::Given, turn, steps);
        Turn::Give(slot)
    }

    fn next_turn(&mut self, is_choice: bool) -> u32 {
        self.turns += 1;
        if is_choice {
            self.chose = true;
            self.unstored_choice.get_or_insert(self.turns);
        }
        self.turns
    }

    fn is_beyond_log(&self) -> bool {
        self.cursor >= self.log.len()
    }

    /// Whether a result is there for a turn beyond the stored order.
    pub(super) fn goes_beyond_log(&self) -> bool {
        self.is_beyond_log() && !self.resolved.is_empty()
    }

    /// What could come next in the stored order: the turns that are not stored, and all results
    /// that are there.
    pub(super) fn proposal(&self) -> Vec<Decision> {
        let results = self.resolved.iter().map(|slot| &self.entries[slot.0 as usize]);
        let results = results.filter(|entry| entry.phase == Phase::Resolved);
        let mut proposal = self.unstored();
        // How far the handler will have come by the later ones is not known: with the first of them
        // it may drop steps.
        let steps = std::iter::once(self.steps()).chain(std::iter::repeat(0));
        proposal.extend(results.zip(steps).map(|(entry, steps)| Decision::Given(entry.hash, steps)));
        proposal
    }

    /// Whether a choice has been made that is not stored.
    pub(super) fn has_unstored_choice(&self) -> bool {
        self.unstored_choice.is_some()
    }

    /// Whether a step may have come about by a choice that is not stored.
    pub(super) fn depends_on_unstored(&self, slot: Slot) -> bool {
        let entered = self.at(slot).entered;
        self.unstored_choice.is_some_and(|choice| choice <= entered)
    }

    /// The turns that are not stored, to be stored now; none when there was no choice among them.
    pub(super) fn take_unstored(&mut self) -> Vec<Decision> {
        if self.unstored_choice.take().is_none() {
            return Vec::new();
        }
        let unstored = self.unstored();
        self.stored = self.turns;
        unstored
    }

    fn unstored(&self) -> Vec<Decision> {
        let given = self.entries.iter();
        let given = given.map(|entry| (entry.turn, Decision::Given(entry.hash, entry.steps)));
        let turns = given.chain(self.drops.iter().copied()).filter(|(turn, _)| *turn > self.stored);
        let mut turns: Vec<_> = turns.collect();
        turns.sort_unstable_by_key(|(turn, _)| *turn);
        turns.into_iter().map(|(_, decision)| decision).collect()
    }

    /// All steps that have no result.
    pub(super) fn waiting(&self) -> Vec<Slot> {
        self.those_in(|phase| phase == Phase::Waiting)
    }

    /// All steps that have not given their result.
    pub(super) fn unfinished(&self) -> Vec<Slot> {
        self.those_in(|phase| matches!(phase, Phase::Waiting | Phase::Resolved))
    }

    fn those_in(&self, is_wanted: impl Fn(Phase) -> bool) -> Vec<Slot> {
        let entries = self.entries.iter().zip(0..);
        entries.filter(|(entry, _)| is_wanted(entry.phase)).map(|(_, n)| Slot(n)).collect()
    }

    fn at(&self, slot: Slot) -> &Entry {
        &self.entries[slot.index()]
    }

    fn entry(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot.index()]
    }
}
