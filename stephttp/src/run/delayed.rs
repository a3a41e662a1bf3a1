//! A step that failed in a first request, and asked to be tried again not before some time has passed.
//!
//! The first request's checkpoints have no place for that delay: Inngest would use its own backoff. So the run is handed over
//! with a sleep in the failure's place, and a hidden step says whose sleep it is:
//!
//! ```json
//! {"step": "51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d", "seconds": 30.0, "error": {"name": "RetryAfterError", "message": "rate limited"}}
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::handover::hidden;
use super::memo::Memo;
use super::record::{Recorded, StepKey};
use super::state::State;
use crate::wire::{OpCode, OpError, OpOpts, StepHash, duration};

/// The hidden step that names the delayed step.
pub(super) const DELAYED: &str = "stephttp:delayed";

#[derive(Serialize)]
struct Note<'a> {
    step: StepHash,
    seconds: f64,
    /// For people who look at the run.
    error: Option<&'a OpError>,
}

#[derive(Deserialize)]
struct Delayed {
    step: StepHash,
    seconds: f64,
}

/// What hands a run over in the place of a failure: the hidden step, and the sleep.
pub(super) fn delay(failed: &Recorded, delay: Duration) -> (Recorded, Recorded) {
    let note = Note { step: failed.hash(), seconds: delay.as_secs_f64(), error: failed.error() };
    (hidden(StepKey::hidden(DELAYED), &note), sleep(failed.hash(), delay))
}

fn sleep(step: StepHash, delay: Duration) -> Recorded {
    Recorded::ask(sleep_key(step), OpCode::Sleep, OpOpts::sleep(duration::format(delay)))
}

fn sleep_key(step: StepHash) -> StepKey {
    StepKey::hidden(format!("stephttp:retry:{step}"))
}

/// The step whose second attempt was put off, and for how long.
fn delayed(memo: &Memo) -> Option<(StepHash, Duration)> {
    let stored = memo.get(StepKey::hidden(DELAYED).hash)?;
    let Delayed { step, seconds } = stored.outcome().ok()?.ok()?;
    Some((step, Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// The step whose second attempt was put off.
pub(super) fn delayed_step(memo: &Memo) -> Option<StepHash> {
    delayed(memo).map(|(step, _)| step)
}

impl State {
    pub(super) fn delayed_step(&self) -> Option<StepHash> {
        delayed_step(&self.memo)
    }

    /// The hidden steps that putting a step off has left.
    pub(super) fn delay_hashes(&self) -> impl Iterator<Item = StepHash> {
        let sleep = self.delayed_step().map(|step| sleep_key(step).hash);
        sleep.into_iter().chain([StepKey::hidden(DELAYED).hash])
    }

    /// The sleep of a step whose second attempt is put off still.
    pub(super) fn delays(&self, step: StepHash) -> Option<Recorded> {
        let (put_off, delay) = delayed(&self.memo)?;
        (put_off == step && !self.memo.contains(sleep_key(step).hash)).then(|| sleep(step, delay).race())
    }
}
