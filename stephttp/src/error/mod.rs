//! How a step says that it failed, and how its handler learns of it.

mod failure;
mod into_failure;
mod no_retry;
mod panicked;
mod result_ext;
mod step_error;

pub use failure::Failure;
pub(crate) use failure::Retry;
pub use into_failure::IntoFailure;
pub use no_retry::NoRetry;
pub(crate) use no_retry::is_final;
pub(crate) use panicked::panic_text;
pub use result_ext::ResultExt;
pub(crate) use step_error::STEP_TIMEOUT;
pub use step_error::StepError;
