//! Which calls are tried again, how often and when.

use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use http::{HeaderValue, StatusCode};

use super::ApiError;

/// How long a call may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A client, or Inngest, waits for the outcome.
    Waited,
    /// A client waits, and what fails is tried again with the next call.
    Once,
    /// Nobody waits: it is worth going on for a while.
    Background,
}

impl Patience {
    /// Of one attempt.
    pub(super) fn attempt_timeout(self) -> Duration {
        match self {
            Self::Waited | Self::Once => Duration::from_secs(5),
            Self::Background => Duration::from_secs(10),
        }
    }

    /// The longest wait between two attempts that the API can ask for with `Retry-After`.
    fn longest_delay(self) -> Duration {
        match self {
            Self::Waited | Self::Once => Duration::from_secs(2),
            Self::Background => Duration::from_secs(30),
        }
    }

    fn backoff(self) -> ExponentialBuilder {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_factor(2.0)
            .with_jitter();
        match self {
            Self::Once => backoff.with_max_times(0),
            // 100, 200 and 400 ms, each with as much again of jitter.
            Self::Waited => backoff.with_max_times(3),
            // From 100 ms to 5 s: half a minute in all when the API refuses at once.
            Self::Background => backoff.with_max_delay(Duration::from_secs(5)).with_max_times(9),
        }
    }
}

/// Runs attempts until one succeeds, fails for good, or patience is at its end.
pub(super) async fn retrying<T, F, Fut>(patience: Patience, attempt: F) -> Result<T, ApiError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, ApiError>>,
{
    attempt
        .retry(patience.backoff())
        .when(ApiError::may_pass)
        .adjust(|error, delay| match error {
            ApiError::RetryAfter { delay: asked, .. } => {
                delay.map(|_| (*asked).min(patience.longest_delay()))
            }
            _ => delay,
        })
        .notify(|error, delay| tracing::debug!(error = error.report(), ?delay, "calling Inngest again"))
        .await
}

/// Whether the same call may succeed later. What the API says of a run (404, 409, 410) or of the call's content (400,
/// 413) will not change.
pub(super) fn is_worth_retrying(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn parse_retry_after(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?;
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok(),
    }
}
