//! Whom to wake for a step, beside the [`Journal`](crate::journal::Journal), which knows steps by
//! their slots alone.

use std::task::Waker;

use crate::journal::Slot;

/// The wakers of the steps that the handler has come to, by slot.
#[derive(Debug, Default)]
pub(super) struct Wakers(Vec<Waker>);

impl Wakers {
    /// A step has been polled, and is pending.
    pub(super) fn note(&mut self, slot: Slot, waker: &Waker) {
        match self.0.get_mut(slot.index()) {
            Some(known) => known.clone_from(waker),
            None => {
                // Steps have their slots in the order of their first polls, but a first poll may
                // end at once.
                self.0.resize_with(slot.index(), || Waker::noop().clone());
                self.0.push(waker.clone());
            }
        }
    }

    /// The step's waker, which is not needed any more.
    pub(super) fn take(&mut self, slot: Slot) -> Option<Waker> {
        self.0.get_mut(slot.index()).map(|waker| std::mem::replace(waker, Waker::noop().clone()))
    }

    pub(super) fn one(&self, slot: Slot) -> Option<Waker> {
        self.0.get(slot.index()).cloned()
    }

    pub(super) fn of(&self, slots: Vec<Slot>) -> Vec<Waker> {
        slots.into_iter().filter_map(|slot| self.0.get(slot.index()).cloned()).collect()
    }

    /// Those of some steps; all others are let go of, since they may hold the run.
    pub(super) fn close(&mut self, slots: Vec<Slot>) -> Vec<Waker> {
        let wanted = self.of(slots);
        self.0 = Vec::new();
        wanted
    }
}
