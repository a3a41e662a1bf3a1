//! What steps are made of: their futures, what is given to them, and what comes of them.
//!
//! [`Step`] begins them; the table of [what each does](crate#steps) is on the crate's page.

// One file a tool.
mod ai_infer;
mod cel;
mod condition;
mod configure;
pub(crate) mod extractor;
mod fetch;
mod fetch_request;
mod field;
mod future;
mod inference;
mod invoke;
mod outcome;
mod publish;
mod rejection;
mod request_parts;
mod run;
mod send_event;
mod sending;
mod signal;
mod sleep;
mod storable;
mod wait;
mod wait_for;
mod wait_for_event;

pub use crate::error::IntoFailure;
pub use crate::function::step_id::StepId;
pub use ai_infer::AiInferStep;
pub use condition::Condition;
pub use configure::ConfigureError;
pub(crate) use extractor::Step;
pub use fetch::FetchStep;
pub use fetch_request::FetchRequest;
pub use field::{ComparableWith, CustomForm, Field, Nested, Ordered};
pub use future::StepFuture;
pub use inference::Inference;
pub use invoke::InvokeStep;
pub use outcome::StepOutcome;
pub use publish::PublishStep;
pub use rejection::StepRejection;
pub use run::RunStep;
pub use send_event::{SendEventStep, SendEventsStep};
pub use signal::{SendSignalStep, SignalConflict, WaitForSignalStep};
pub use sleep::SleepStep;
pub use storable::Storable;
pub use wait_for::{Receivable, WaitForStep};
pub use wait_for_event::WaitForEventStep;
