//! Why a call to Inngest's API failed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use url::{Position, Url};

use super::retry::is_worth_retrying;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a call to Inngest's API failed, after all its attempts.
///
/// `Display` says what to do. No key is in it.
pub struct ApiError {
    // On the heap, since a call's `Result` is moved about more often than it is an error.
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ApiErrorKind,
    status: Option<StatusCode>,
    message: String,
    retry_after: Option<Duration>,
    source: Option<BoxError>,
    /// Host and port of the API; empty if the call was not made, or if only the rest of its answer
    /// is known.
    api: String,
    /// Which key was sent.
    credential: Credential,
    attempts: u32,
    unclear: bool,
}

/// What kind of failure an [`ApiError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// The call was not made: the server would refuse it, or take it and drop what it holds.
    Request,
    /// There was no connection, or it broke off before the whole answer had come.
    Unreachable,
    /// The answer did not come in time.
    TimedOut,
    /// The API refused the key: 401 or 403. With a fallback key, it refused both.
    KeyRefused,
    /// The API refused for another reason; see [`ApiError::status`].
    Status,
    /// The answer was not understood, or too large.
    Answer,
}

/// What a call shows to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    SigningKey,
    /// It is part of the address.
    EventKey,
    /// So is this, which is a client's.
    RunToken,
}

impl ApiError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ApiErrorKind {
        self.inner.kind
    }

    /// The status of the API's last answer, if there was one that refused.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.inner.status
    }

    /// What the API said, or what is wrong with the call or its answer; empty if it could not be
    /// reached.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// How many requests were made, the first included. 0: the call was not made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.inner.attempts
    }

    /// Whether the call may have had its effect all the same: an answer was lost on its way, say,
    /// in the last attempt or in one before.
    #[must_use]
    pub fn is_outcome_unclear(&self) -> bool {
        self.inner.unclear
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.inner.kind {
            ApiErrorKind::Unreachable | ApiErrorKind::TimedOut => true,
            ApiErrorKind::Status => self.inner.status.is_some_and(is_worth_retrying),
            ApiErrorKind::Request | ApiErrorKind::KeyRefused | ApiErrorKind::Answer => false,
        }
    }

    /// For how long the API asks to wait, by `Retry-After`; an hour at most.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    fn new(kind: ApiErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                status: None,
                message: message.into(),
                retry_after: None,
                source: None,
                api: String::new(),
                credential: Credential::SigningKey,
                attempts: 0,
                unclear: false,
            }),
        }
    }

    /// There was no answer, or not the whole of it.
    pub(super) fn broken(error: reqwest::Error) -> Self {
        let was_sent = !error.is_connect();
        // A client of the user's own may have less patience than the call.
        let is_timeout = error.is_timeout() && was_sent;
        let kind = if is_timeout { ApiErrorKind::TimedOut } else { ApiErrorKind::Unreachable };
        let mut this = Self::new(kind, "");
        // Events' URLs hold a key, and outputs' a token.
        this.inner.source = Some(error.without_url().into());
        this.inner.unclear = was_sent;
        this
    }

    pub(crate) fn timed_out() -> Self {
        let mut this = Self::new(ApiErrorKind::TimedOut, "");
        this.inner.unclear = true;
        this
    }

    pub(super) fn refused(status: StatusCode, message: String, retry_after: Option<Duration>) -> Self {
        let is_key = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let kind = if is_key { ApiErrorKind::KeyRefused } else { ApiErrorKind::Status };
        let mut this = Self::new(kind, message);
        this.inner.status = Some(status);
        this.inner.retry_after = retry_after;
        // What fails inside of the server may have done its work before.
        this.inner.unclear = status.is_server_error();
        this
    }

    /// A call that is not made.
    pub(crate) fn request(problem: impl Into<String>) -> Self {
        Self::new(ApiErrorKind::Request, problem)
    }

    /// An answer that makes no sense, though it says that the call was taken.
    pub(crate) fn answer(problem: impl Into<String>) -> Self {
        let mut this = Self::new(ApiErrorKind::Answer, problem);
        this.inner.unclear = true;
        this
    }

    /// Adds where the call went.
    pub(super) fn at(mut self, url: &Url) -> Self {
        url[Position::BeforeHost..Position::AfterPort].clone_into(&mut self.inner.api);
        self
    }

    /// Adds what the whole call knows: `unclear` is whether one of its attempts left it so.
    pub(super) fn of_call(self, url: &Url, credential: Credential, attempts: u32, unclear: bool) -> Self {
        let mut this = self.at(url);
        (this.inner.credential, this.inner.attempts, this.inner.unclear) = (credential, attempts, unclear);
        this
    }

    pub(crate) fn is(&self, wanted: StatusCode) -> bool {
        self.inner.status == Some(wanted)
    }

    /// Whether Inngest cannot be used at all for now.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self.inner.kind, ApiErrorKind::Unreachable | ApiErrorKind::TimedOut)
            || self.inner.status.is_some_and(|status| status.is_server_error())
    }

    /// Whether the key was refused.
    pub(crate) fn is_refused_key(&self) -> bool {
        self.inner.kind == ApiErrorKind::KeyRefused
    }

    /// The error with its causes, in one line.
    pub(crate) fn report(&self) -> String {
        report(self)
    }
}

/// An error with its causes, in one line.
pub(crate) fn report(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, status, message, retry_after, api, credential, attempts, unclear, .. } =
            &*self.inner;
        match (kind, status) {
            (ApiErrorKind::Request, _) => write!(f, "Inngest was not called: {message}")?,
            (ApiErrorKind::Unreachable, _) if api.is_empty() => {
                f.write_str("Inngest could not be reached")?;
            }
            (ApiErrorKind::TimedOut, _) if api.is_empty() => f.write_str("Inngest did not answer in time")?,
            (ApiErrorKind::Unreachable, _) => {
                write!(f, "Inngest could not be reached at {api}: does the server run, at this address?")?;
            }
            (ApiErrorKind::TimedOut, _) => write!(f, "Inngest, at {api}, did not answer in time")?,
            (ApiErrorKind::KeyRefused | ApiErrorKind::Status, Some(status)) => {
                write!(f, "Inngest answered {status}")?;
                if !message.is_empty() {
                    write!(f, ": {message}")?;
                }
            }
            _ => write!(f, "Inngest's answer could not be read: {message}")?,
        }
        match (kind, credential) {
            (ApiErrorKind::KeyRefused, Credential::SigningKey) => f.write_str(
                ". It does not accept the signing key: check INNGEST_SIGNING_KEY and INNGEST_SIGNING_KEY_FALLBACK, or \
                 the options that stand for them",
            )?,
            (ApiErrorKind::KeyRefused, Credential::EventKey) => f.write_str(
                ". It does not accept the event key: check INNGEST_EVENT_KEY, or the option that stands for it",
            )?,
            _ => {}
        }
        if let Some(delay) = retry_after {
            write!(f, " (asking to wait {delay:?})")?;
        }
        match (attempts, unclear) {
            (0 | 1, false) => Ok(()),
            (0 | 1, true) => f.write_str(" (it may have taken the call all the same)"),
            (_, false) => write!(f, " ({attempts} attempts)"),
            (_, true) => write!(f, " ({attempts} attempts; it may have taken the call all the same)"),
        }
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, status, message, retry_after, source, api, attempts, unclear, credential: _ } =
            &*self.inner;
        f.debug_struct("ApiError")
            .field("kind", kind)
            .field("status", status)
            .field("message", message)
            .field("retry_after", retry_after)
            .field("source", source)
            .field("api", api)
            .field("attempts", attempts)
            .field("unclear", unclear)
            .finish()
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}
