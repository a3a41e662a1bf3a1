//! Which use of which id a step is: claimed when its future is made, and given back when that is
//! dropped unpolled.

use std::panic::Location;

use super::Run;
use crate::function::{StepId, StepKind};
use crate::journal::{StepKey, Stop};
use crate::untrusted::shown;

impl Run {
    /// One more use of a step id.
    ///
    /// # Panics
    /// When the handler's time is over.
    pub(crate) fn claim(&self, id: StepId, kind: StepKind, caller: &Location<'_>) -> StepKey {
        let mut state = self.lock();
        if state.journal.is_closed() {
            drop(state);
            used_too_late(id.as_str(), Some(caller));
        }
        if self.is_executing_here() {
            let fault = format!(
                "the step `{}` (at {caller}) was begun inside of another step: a step holds no steps. Take it out, and \
                 await it before or after; several steps go into a function that takes `&Step`",
                shown(id.as_str())
            );
            if self.is_detached() {
                drop(state);
                panic!("{fault}");
            }
            state.journal.stop(Stop::Misused(fault));
        }
        let was_released = state.journal.was_released(&id);
        let key = state.journal.claim(id, kind);
        drop(state);
        if was_released {
            tracing::warn!(
                run_id = %self.id(), function = self.log_name(),
                step = %shown(&key.id),
                at = %caller,
                "a step's future with the same id was dropped before it was polled, and does not count. In a request that polls \
                 it, this would be another step: give them ids of their own, or make a step's future where it is awaited"
            );
        }
        key
    }

    /// A step's future is dropped before it was ever polled: the handler has not come to that step,
    /// so the use does not count. Otherwise a `drop(step.run("x", …))` would make the next use of
    /// `x` another step than it was before.
    pub(crate) fn unclaim(&self, key: &StepKey) {
        let mut state = self.lock();
        if !state.journal.unclaim(key) {
            drop(state);
            tracing::warn!(
                run_id = %self.id(), function = self.log_name(),
                step = %shown(&key.id),
                "a step's future was dropped unpolled after a later use of its id was made. The later use keeps its number, \
                 and is another step in a request that does not make the first: make a step's future where it is awaited"
            );
        }
    }

    /// Lets a step take the outcome that is stored under an id that it had before.
    pub(crate) fn rename(&self, key: &mut StepKey, old: &StepId) {
        self.lock().journal.rename(key, old);
    }
}

#[track_caller]
pub(super) fn used_too_late(id: &str, caller: Option<&Location<'_>>) -> ! {
    let place = caller.map(|caller| format!(" at {caller}")).unwrap_or_default();
    panic!(
        "step `{}`{place} was used after its handler had ended or had been handed over to Inngest. A task that was \
         spawned from a handler outlives it: await steps in the handler itself, with `join!` for concurrency",
        shown(id)
    )
}
