//! How a step says that it failed, and how its handler learns of it.

mod failure;
mod step_error;

pub use failure::Failure;
pub use step_error::StepError;

pub(crate) use failure::Retry;
