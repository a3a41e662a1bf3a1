//! Why operations were not delivered.

use http::StatusCode;

use crate::client::{ApiError, report};
use crate::middleware::MiddlewareFault;

/// Why operations were not delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// Inngest could not be reached, or refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What was to be sent cannot be written as JSON.
    #[error("what was to be sent cannot be written as JSON")]
    Unfit(#[source] serde_json::Error),
    /// The run cannot be created yet: its request is not known as a whole.
    #[error("the handler still reads the request's body")]
    TooEarly,
    /// The process or its runtime stops, or the task that was to deliver panicked.
    #[error("the process stopped before Inngest had it")]
    Stopped,
    /// Too much waited to be sent: for too long, where there were steps to wait.
    #[error("too much waited for Inngest: the run's operations were dropped")]
    Dropped,
    /// A middleware could not transform what was to be stored.
    #[error("what was to be stored could not be transformed")]
    Middleware(#[source] MiddlewareFault),
    /// The run has more steps, or remembers more, than it can go on with.
    #[error("{0}")]
    OverLimit(String),
    /// The request has more than Inngest keeps of one.
    #[error("{0}")]
    TooLarge(String),
    /// A run was created without a token for its output.
    #[error("Inngest gave no token for the run's output")]
    NoToken,
}

impl DeliveryError {
    pub(crate) fn is(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Api(error) if error.is(wanted))
    }

    /// Whether Inngest may have it all the same.
    pub(crate) fn leaves_unclear(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_outcome_unclear())
    }

    /// The error with its causes, in one line.
    pub(crate) fn report(&self) -> String {
        report(self)
    }
}
