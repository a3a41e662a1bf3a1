//! Which repetition of a step id a call is.

use std::collections::hash_map::Entry;

use super::{Journal, StepKey};
use crate::function::{StepId, StepKind};
use crate::wire::{StepHash, StepMap};

/// The step ids that a request has used so far.
#[derive(Debug, Default)]
pub(crate) struct UsedIds {
    /// For each hash in use: the index to try at the next use of its id.
    next_index: StepMap<u32>,
    /// Ids with a use that was released: whether a use reaches its step may differ from request to
    /// request.
    released: Vec<StepHash>,
}

impl UsedIds {
    /// Makes room for so many ids.
    pub(crate) fn reserve(&mut self, ids: usize) {
        self.next_index.reserve(ids);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next_index.is_empty()
    }

    /// A hash is in use otherwise.
    pub(crate) fn note(&mut self, hash: StepHash) {
        self.next_index.entry(hash).or_insert(1);
    }

    /// All hashes in use.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = StepHash> {
        self.next_index.keys().copied()
    }

    pub(crate) fn contains(&self, hash: StepHash) -> bool {
        self.next_index.contains_key(&hash)
    }

    /// The hash for one more use of `id`, and its index: 0 for the first, then counting up.
    ///
    /// An index whose hash is already taken by an id written out (`"dup:1"`) is skipped, as
    /// Inngest's JS SDK does.
    pub(crate) fn claim(&mut self, id: &StepId) -> (StepHash, u32) {
        let first = id.hash();
        let mut index = match self.next_index.entry(first) {
            Entry::Vacant(entry) => {
                entry.insert(1);
                return (first, 0);
            }
            Entry::Occupied(entry) => *entry.get(),
        };
        loop {
            let hash = StepHash::of_repeated(id.as_str(), index);
            if let Entry::Vacant(entry) = self.next_index.entry(hash) {
                entry.insert(1);
                self.next_index.insert(first, index + 1);
                return (hash, index);
            }
            index += 1;
        }
    }

    /// Whether a use of the id was released before; told once.
    pub(crate) fn was_released(&mut self, id: &StepId) -> bool {
        if self.released.is_empty() {
            return false;
        }
        let id = id.hash();
        let place = self.released.iter().position(|released| *released == id);
        place.map(|place| self.released.swap_remove(place)).is_some()
    }

    /// Takes back the claim of a use that never reached its step. `false` when a later use of the
    /// id has been claimed meanwhile: it keeps its index.
    pub(crate) fn release(&mut self, id: &str, index: u32, claimed: StepHash) -> bool {
        let first = StepHash::of(id);
        let is_latest = self.next_index.get(&first).is_some_and(|next| *next == index + 1);
        if is_latest {
            self.released.push(first);
            self.next_index.remove(&claimed);
            self.next_index.remove(&StepHash::of_repeated(id, index));
            if index > 0 {
                self.next_index.insert(first, index);
            }
        }
        is_latest
    }
}

impl Journal {
    /// One more use of a step id.
    pub(crate) fn claim(&mut self, id: StepId, kind: StepKind) -> StepKey {
        let (hash, index) = self.ids.claim(&id);
        StepKey::new(id, index, hash, kind)
    }

    /// Whether a use of the id was given back before; told once.
    pub(crate) fn was_released(&mut self, id: &StepId) -> bool {
        self.ids.was_released(id)
    }

    /// A step's future is dropped before it was ever polled: the handler has not come to that step,
    /// so the use does not count. `false`: it does, since a later use of the id has been made.
    pub(crate) fn unclaim(&mut self, key: &StepKey) -> bool {
        self.closed || self.ids.release(&key.id, key.index, key.hash)
    }

    /// Lets a step take the outcome that is stored under an id that it had before.
    pub(crate) fn rename(&mut self, key: &mut StepKey, old: &StepId) {
        let old = StepHash::of_repeated(old.as_str(), key.index);
        let is_stored = |hash| self.known.contains(hash) || self.log.knows(hash);
        if is_stored(old) && !is_stored(key.hash) && !self.ids.contains(old) {
            key.hash = old;
            self.ids.note(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_ids_are_numbered_as_the_recorded_sdks_do() {
        let mut used = UsedIds::default();
        let mut claim = |id: &str| used.claim(&StepId::from(id));
        assert_eq!(claim("dup"), (StepHash::of("dup"), 0));
        assert_eq!(claim("dup"), (StepHash::of("dup:1"), 1));
        assert_eq!(claim("dup"), (StepHash::of("dup:2"), 2));
        assert_eq!(claim("other"), (StepHash::of("other"), 0));
    }

    #[test]
    fn a_use_that_did_not_reach_its_step_gives_its_index_back_unless_a_later_one_has_been_claimed() {
        let mut used = UsedIds::default();
        let id = StepId::from("dup");
        let (first, index) = used.claim(&id);
        assert!(used.release("dup", index, first));
        assert!(used.is_empty());
        assert_eq!(used.claim(&id), (StepHash::of("dup"), 0));
        let second = used.claim(&id);
        assert!(!used.release("dup", 0, StepHash::of("dup")), "the second use keeps its index");
        assert!(used.release("dup", second.1, second.0));
        assert_eq!(used.claim(&id), (StepHash::of("dup:1"), 1));
    }

    #[test]
    fn an_index_taken_by_a_written_id_is_skipped() {
        let mut used = UsedIds::default();
        let mut claim = |id: &str| used.claim(&StepId::from(id));
        claim("dup");
        claim("dup:1");
        assert_eq!(claim("dup"), (StepHash::of("dup:2"), 2));
        assert_eq!(claim("dup:1"), (StepHash::of("dup:1:1"), 1));
    }
}
