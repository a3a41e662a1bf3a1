//! The one door through which the attribute's expansion reaches the runtime. Not for use by hand: it changes without
//! notice, and the two crates are pinned to each other.

pub use inventory;

use crate::error::Failure;
use crate::function::{ApiFn, Registration, StepKind, StepMeta};
use crate::step::{Step, StepId};
use crate::wire::StepHash;

/// Tells the request's run which function it is in.
pub fn enter<F: ApiFn>(step: &Step) {
    step.enter(&const { F::OPTS });
}

/// A step id that was hashed at compile time.
#[must_use]
pub const fn step_id(id: &'static str, hash: [u8; 20]) -> StepId {
    StepId::hashed(id, StepHash::from_bytes(hash))
}

/// Fixes the error of a bare async block, which the compiler cannot infer through `?`.
pub fn typed<T, F: Future<Output = Result<T, Failure>>>(future: F) -> F {
    future
}

/// A row of [`ApiFn::STEPS`].
#[must_use]
pub const fn step_meta(id: &'static str, hash: [u8; 20], kind: StepKind) -> StepMeta {
    StepMeta::new(id, StepHash::from_bytes(hash), kind)
}

/// What is submitted to the inventory.
#[must_use]
pub const fn registration<F: ApiFn>(function: &'static str, file: &'static str, line: u32) -> Registration {
    Registration { opts: F::OPTS, steps: F::STEPS, function, file, line }
}
