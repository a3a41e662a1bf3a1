//! A step that failed, and asked to be tried again not before some time has passed, where Inngest
//! has no place for that.
//!
//! A first request's checkpoints have none: Inngest would use its own backoff. In a re-entry's
//! answer other operations would bring another re-entry earlier, which runs the step. So the run is
//! handed over with a sleep in the failure's place, named `stephttp:retry:<hash>`, and a hidden
//! step `stephttp:delayed:<hash>` says what that sleep is for:
//!
//! ```json
//! {"seconds": 30.0, "error": {"name": "RetryAfterError", "message": "rate limited"}}
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Journal;
use super::hidden::hidden;
use super::record::{Recorded, StepKey};
use crate::wire::limits::WAIT;
use crate::wire::{OpCode, OpError, OpOpts, StepHash, duration};

#[derive(Serialize)]
struct Note<'a> {
    seconds: f64,
    /// For people who look at the run.
    error: Option<&'a OpError>,
}

#[derive(Deserialize)]
struct Delayed {
    seconds: f64,
}

/// What hands a run over in the place of a failure: the hidden step, and the sleep.
pub(super) fn delay(failed: &Recorded, delay: Duration) -> (Recorded, Recorded) {
    let delay = delay.min(WAIT);
    let note = Note { seconds: delay.as_secs_f64(), error: failed.error() };
    (hidden(note_key(failed.hash()), &note), sleep(failed.hash(), delay))
}

fn sleep(step: StepHash, delay: Duration) -> Recorded {
    Recorded::ask(sleep_key(step), OpCode::Sleep, OpOpts::sleep(duration::format(delay)))
}

fn note_key(step: StepHash) -> StepKey {
    StepKey::hidden(format!("stephttp:delayed:{step}"))
}

fn sleep_key(step: StepHash) -> StepKey {
    StepKey::hidden(format!("stephttp:retry:{step}"))
}

/// The hidden steps that putting a step off leaves.
pub(crate) fn hidden_steps(step: StepHash) -> [StepHash; 2] {
    [note_key(step).hash, sleep_key(step).hash]
}

impl Journal {
    /// Whether a step's second attempt was put off.
    pub(super) fn was_delayed(&self, step: StepHash) -> bool {
        self.known.memo().contains(note_key(step).hash)
    }

    /// The sleep of a step whose second attempt is put off still.
    pub(super) fn delays(&self, step: StepHash) -> Option<Recorded> {
        let stored = self.known.memo().get(note_key(step).hash)?;
        if self.known.memo().contains(sleep_key(step).hash) {
            return None;
        }
        let Delayed { seconds } = stored.outcome().ok()?.ok()?;
        Some(sleep(step, Duration::try_from_secs_f64(seconds).unwrap_or_default()).race())
    }
}
