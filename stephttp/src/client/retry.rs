//! Which calls are tried again, how often and when.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::{ApiError, ApiErrorKind};
use crate::untrusted::shown;

/// How long a call may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A client, or Inngest, waits for the outcome.
    Waited,
    /// A client waits, and what fails is tried again with the next call.
    Once,
    /// Nobody waits: it is worth going on for a while.
    Background,
    /// What the client was set up with.
    AsSetUp,
}

/// How long a call may go on, in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of one attempt.
    pub(super) attempt: Duration,
    /// Of all attempts and the waits between them.
    pub(super) total: Option<Duration>,
    /// Attempts after the first.
    pub(super) retries: usize,
    /// The longest wait between two attempts.
    pub(super) longest_wait: Duration,
    /// The longest wait that the API can ask for with `Retry-After`; `None` to give up rather than
    /// to come too early.
    pub(super) longest_asked: Option<Duration>,
}

impl Default for Limits {
    /// What a client has unless it is set up otherwise: 100, 200, 400 and 800 ms, each with as much
    /// again of jitter.
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(10),
            total: Some(Duration::from_secs(30)),
            retries: 4,
            longest_wait: Duration::from_secs(5),
            longest_asked: None,
        }
    }
}

impl Patience {
    fn limits(self, set_up: &Limits) -> Limits {
        let waited = Limits {
            attempt: Duration::from_secs(5),
            total: None,
            // 100, 200 and 400 ms, each with as much again of jitter.
            retries: 3,
            longest_wait: Duration::from_secs(5),
            longest_asked: Some(Duration::from_secs(2)),
        };
        match self {
            Self::Waited => waited,
            Self::Once => Limits { retries: 0, ..waited },
            // From 100 ms to 5 s: half a minute in all when the API refuses at once.
            Self::Background => Limits {
                attempt: Duration::from_secs(10),
                retries: 9,
                longest_asked: Some(Duration::from_secs(30)),
                ..waited
            },
            Self::AsSetUp => *set_up,
        }
    }
}

/// The attempts of one call.
pub(super) struct Attempts {
    limits: Limits,
    delays: ExponentialBackoff,
    deadline: Option<Instant>,
    made: u32,
    /// One of them may have had its effect.
    unclear: bool,
    /// How many were answered with something that is of no use.
    unusable: u32,
    /// One of these was not understood.
    is_garbled: bool,
}

impl Attempts {
    pub(super) fn begin(patience: Patience, set_up: &Limits) -> Self {
        let limits = patience.limits(set_up);
        let delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_factor(2.0)
            .with_max_delay(limits.longest_wait)
            .with_max_times(limits.retries)
            .with_jitter();
        Self {
            delays: delays.build(),
            deadline: limits.total.and_then(|total| Instant::now().checked_add(total)),
            limits,
            made: 0,
            unclear: false,
            unusable: 0,
            is_garbled: false,
        }
    }

    /// Begins one more; returns how long it may take.
    pub(super) fn next(&mut self) -> Duration {
        self.made += 1;
        self.limits.attempt.min(self.left())
    }

    /// Notes how one ended.
    pub(super) fn note(&mut self, error: &ApiError) {
        self.unclear |= error.is_outcome_unclear();
        self.unusable += u32::from(error.kind() == ApiErrorKind::Answer);
    }

    /// Notes that one was answered with success and something that is not understood.
    pub(super) fn garbled(&mut self, problem: &str) -> ApiError {
        // It may quote the answer.
        let error = ApiError::answer(shown(problem).to_string());
        self.note(&error);
        self.is_garbled = true;
        error
    }

    pub(super) fn made(&self) -> u32 {
        self.made
    }

    pub(super) fn unclear(&self) -> bool {
        self.unclear
    }

    /// How long to wait before the next one, if there is to be one. `repeatable`: having the effect
    /// twice does no harm.
    pub(super) fn wait_after(&mut self, error: &ApiError, repeatable: bool) -> Option<Duration> {
        // Garbage once is an accident on the way. Twice, it is how whoever is there answers.
        let is_accident = error.kind() == ApiErrorKind::Answer && self.is_garbled && self.unusable == 1;
        if !(error.is_transient() || is_accident) || (self.unclear && !repeatable) {
            return None;
        }
        let delay = self.delays.next()?;
        let delay = match (error.retry_after(), self.limits.longest_asked) {
            (Some(asked), Some(longest)) => asked.min(longest),
            (Some(asked), None) => asked,
            (None, _) => delay,
        };
        // Waiting until there is no time left for an attempt would only hide what went wrong.
        (delay < self.left()).then_some(delay)
    }

    fn left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// Whether the same call may succeed later. What the API says of a run (404, 409, 410) or of the
/// call's content (400,
/// 413) will not change.
pub(crate) fn is_worth_retrying(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// The longest that an answer can ask to wait: nothing is down for a year, and whoever says so must
/// not decide that.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// `Retry-After`, in seconds or as a date; an hour at most.
pub(crate) fn parse_retry_after(value: &HeaderValue) -> Option<Duration> {
    read_retry_after(value).map(|asked| asked.min(LONGEST_RETRY_AFTER))
}

/// `Retry-After`, in seconds or as a date, whatever it says.
pub(crate) fn read_retry_after(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?;
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        // A number of more digits than any time has.
        Err(_) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => Some(Duration::MAX),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok(),
    }
}
