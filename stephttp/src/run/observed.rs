//! What a replay test is told.

use std::sync::Arc;

use super::{Place, Run};
use crate::journal::{Journal, Slot, Stale, StepKey};
use crate::observer::{Observer, Reached};

impl Run {
    /// Who is told, and of which job. Nobody, but in a replay test.
    fn observer(&self) -> Option<(&dyn Observer, &str)> {
        let reentered = self.reentered()?;
        let observer = reentered.app.settings().observer.as_deref()?;
        Some((observer, &reentered.dispatch.job_id))
    }

    /// The handler comes next.
    pub(crate) fn observe_beginning(self: &Arc<Self>) {
        if let Some((observer, job)) = self.observer() {
            // The observer outlives the run, which must not live as long.
            let run = Arc::downgrade(self);
            let end = move || run.upgrade().into_iter().for_each(|run| run.stop(Stale::Superseded));
            observer.began(job, Arc::new(end));
        }
    }

    pub(super) fn observe_reached(&self, key: &StepKey, place: &Place) {
        if let Some((observer, job)) = self.observer()
            && place.has_slot()
        {
            observer.reached(job, Reached { id: &key.id, index: key.index, hash: key.hash, kind: key.kind });
        }
    }

    pub(super) fn observe_given(&self, key: &StepKey) {
        if let Some((observer, job)) = self.observer() {
            observer.given(job, key.hash);
        }
    }

    pub(crate) fn observe_unreadable(&self, key: &StepKey, wanted: &'static str, why: &serde_json::Error) {
        if let Some((observer, job)) = self.observer() {
            observer.unreadable(job, key.hash, wanted, &why.to_string());
        }
    }

    /// The handler drops a step by itself.
    pub(super) fn observe_left(&self, journal: &Journal, slot: Slot) {
        if let Some((observer, job)) = self.observer()
            && !journal.is_closed()
        {
            observer.left(job, journal.hash_at(slot));
        }
    }

    /// Whether a step that could begin does not, since this is a replay test.
    pub(super) fn is_rehearsal(&self, key: &StepKey) -> bool {
        self.observer().inspect(|(observer, job)| observer.begins(job, key.hash)).is_some()
    }
}
