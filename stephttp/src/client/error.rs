//! Why a call to the checkpoint API failed.

use std::time::Duration;

use http::StatusCode;

use super::retry::is_worth_retrying;

/// Why a call to the checkpoint API failed, after all its attempts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No whole answer came.
    #[error("Inngest could not be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The API refused.
    #[error("Inngest answered {status}: {message}")]
    Status { status: StatusCode, message: String },
    /// The API refused for now, and said for how long.
    #[error("Inngest answered {status}: {message} (asking to wait {delay:?})")]
    RetryAfter { status: StatusCode, message: String, delay: Duration },
    /// The API's answer makes no sense.
    #[error("Inngest's answer could not be read: {0}")]
    Answer(String),
    /// The first request's body could not be kept.
    #[error("{0}")]
    Request(String),
    /// The process or its runtime stops, or the task that was to deliver panicked.
    #[error("the process stopped before Inngest had it")]
    Stopped,
    /// Too much waited to be sent: for too long, where there were steps to wait.
    #[error("too much waited for Inngest: the run's operations were dropped")]
    Dropped,
    /// The run has too many steps to go on.
    #[error("{0}")]
    TooManySteps(String),
    /// A run was created without a token for its output.
    #[error("Inngest gave no token for the run's output")]
    NoToken,
}

impl ApiError {
    pub(crate) fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreachable(error.into())
    }

    pub(crate) fn is(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Status { status, .. } | Self::RetryAfter { status, .. } if *status == wanted)
    }

    /// Whether Inngest cannot be used at all for now.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status { status, .. } | Self::RetryAfter { status, .. } => status.is_server_error(),
            _ => false,
        }
    }

    /// Whether the call may have had its effect all the same.
    pub(crate) fn leaves_unclear(&self) -> bool {
        self.is_outage() || matches!(self, Self::Answer(_))
    }

    /// Whether the same call may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::RetryAfter { .. } => true,
            Self::Status { status, .. } => is_worth_retrying(*status),
            _ => false,
        }
    }

    /// For how long the API asks to wait.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self {
            Self::RetryAfter { delay, .. } => Some(*delay),
            _ => None,
        }
    }

    /// Whether the signing key was refused.
    pub(crate) fn is_refused_key(&self) -> bool {
        self.is(StatusCode::UNAUTHORIZED) || self.is(StatusCode::FORBIDDEN)
    }

    /// The error with its causes, in one line.
    pub(crate) fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
