//! What only Inngest can bring about.

use std::time::Duration;

use super::Journal;
use super::order::Slot;
use super::record::Recorded;
use crate::wire::StepHash;

/// Something only Inngest can bring about.
#[derive(Debug)]
pub(crate) struct Outstanding {
    pub(crate) awaits: Awaits,
    pub(super) slot: Slot,
    pub(super) hash: StepHash,
    /// How many steps had begun by then, or `None` while one executed: what lasts counts from here.
    begun: Option<u64>,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum Awaits {
    /// A sleep, another wait, or a request that Inngest makes. Whether Inngest has surely been
    /// told.
    Inngest { op: Recorded, is_told: bool },
    /// A step that ended, and that the answer tells of: it failed for good, or its job was tried
    /// again for it, which the run's page shows as one step if the answer says how it ended.
    Answer(Recorded),
    /// A step that failed for the n-th time; with the delay that it asks for before it is tried
    /// again.
    Retry { op: Recorded, delay: Option<Duration>, attempt: u32 },
    /// A step that another request of the run has claimed.
    Elsewhere,
}

impl Outstanding {
    /// The steps that ended and that only the answer holds.
    pub(crate) fn answers(outstanding: Vec<Self>) -> Vec<Recorded> {
        let answer = |one: Self| match one.awaits {
            Awaits::Answer(op) | Awaits::Retry { op, .. } => Some(op),
            Awaits::Inngest { .. } | Awaits::Elsewhere => None,
        };
        outstanding.into_iter().filter_map(answer).collect()
    }

    /// Whether the answer says how the step goes on, so that nobody waits for it in vain.
    pub(super) fn is_told_by_answer(&self) -> bool {
        !matches!(self.awaits, Awaits::Elsewhere)
    }

    /// Whether it is a step that failed and is tried again.
    pub(super) fn is_failing(&self) -> bool {
        matches!(self.awaits, Awaits::Retry { .. })
    }

    /// Whether one of them is a wait that Inngest has not been told of, and that could miss what
    /// comes meanwhile.
    pub(super) fn may_miss(outstanding: &[Self]) -> bool {
        outstanding.iter().any(|one| match &one.awaits {
            Awaits::Inngest { op, is_told } => !is_told && op.is_missable(),
            _ => false,
        })
    }

    /// Whether a step has executed in this request while this was outstanding.
    pub(super) fn is_beside_a_step(&self, begun: u64) -> bool {
        self.begun != Some(begun)
    }
}

impl Journal {
    /// Only Inngest can bring a step forward.
    pub(super) fn await_inngest(&mut self, slot: Slot, hash: StepHash, awaits: Awaits) {
        if let Awaits::Inngest { op, .. } | Awaits::Answer(op) | Awaits::Retry { op, .. } = &awaits {
            self.count(op);
        }
        let begun = (self.executing.all == 0).then_some(self.executing.begun);
        self.outstanding.push(Outstanding { awaits, slot, hash, begun });
    }

    /// Inngest is to be asked for what a step waits for. The step's future may have been dropped
    /// while the operation was prepared.
    pub(crate) fn ask(&mut self, slot: Slot, op: Recorded) {
        if self.order.is_waiting(slot) {
            let is_told = op.is_missable() && self.known.contains(super::hidden::told_step(op.hash()).hash);
            let hash = op.hash();
            self.await_inngest(slot, hash, Awaits::Inngest { op, is_told });
        }
    }

    /// Whether only Inngest can bring a step forward.
    pub(super) fn is_outstanding(&self, slot: Slot) -> bool {
        self.outstanding.iter().any(|outstanding| outstanding.slot == slot)
    }
}
