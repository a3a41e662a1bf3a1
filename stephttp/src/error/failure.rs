//! What a step's future returns when it fails.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::StepError;
use super::step_error::Cause;
use crate::wire::OpError;

type BoxError = Box<dyn Error + Send + Sync>;

/// How many causes of an error are kept.
const CAUSES: usize = 16;

/// How many characters of an error's message, and of each cause's.
const MESSAGE_CHARS: usize = 16 * 1024;

/// Why a step failed, and whether trying again can help.
///
/// Any [`std::error::Error`] becomes a `Failure` that may be retried, so `?` works in a step as it
/// stands. Say more where retrying is wrong or must wait:
///
/// ```
/// # use std::time::Duration;
/// # use inngest::Failure;
/// # enum Declined { ForGood, TooManyRequests }
/// # fn charge() -> Result<u32, Declined> { Ok(1) }
/// async fn charge_card() -> Result<u32, Failure> {
///     match charge() {
///         Ok(receipt) => Ok(receipt),
///         Err(Declined::ForGood) => Err(Failure::non_retriable("the card was declined")),
///         Err(Declined::TooManyRequests) => Err(Failure::retry_after(Duration::from_secs(30), "rate limited")),
///     }
/// }
/// ```
///
/// Like the error types of anyhow and restate it does not implement [`Error`] itself: that is what
/// lets it be made from every type that does.
pub struct Failure {
    inner: Box<Inner>,
}

struct Inner {
    name: Cow<'static, str>,
    error: BoxError,
    retry: Retry,
}

/// Whether and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// While retries are left, with Inngest's backoff.
    Backoff,
    /// While retries are left, not before this has passed.
    After(Duration),
    /// Not at all.
    Never,
}

impl Failure {
    /// A failure that is retried with Inngest's backoff while retries are left.
    ///
    /// Takes a text, a boxed error, an `anyhow::Error`, or any error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self::with(Cow::Borrowed("Error"), error.into(), Retry::Backoff)
    }

    /// A failure that trying again cannot mend: the handler gets it at once.
    #[doc(alias = "NoRetryError")]
    pub fn non_retriable(error: impl Into<BoxError>) -> Self {
        Self::with(Cow::Borrowed("NonRetriableError"), error.into(), Retry::Never)
    }

    /// A failure that is retried, but not before `delay` has passed.
    ///
    /// It holds in every request, and the retry never comes early. It can come up to two seconds
    /// late. After a failure in a re-entry, Inngest takes no delay over 24 hours: a longer one
    /// counts as that. In the *first* request, the run is handed over with a sleep in the failure's
    /// place, which Inngest shows as `stephttp:retry:<hash>`. The attempts are as many as ever:
    /// `retries`, and the first.
    #[doc(alias = "RetryAtError")]
    pub fn retry_after(delay: Duration, error: impl Into<BoxError>) -> Self {
        Self::with(Cow::Borrowed("RetryAfterError"), error.into(), Retry::After(delay))
    }

    /// Whether this failure may be retried at all.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.inner.retry != Retry::Never
    }

    /// The same failure, not to be retried.
    pub(crate) fn no_retry(self) -> Self {
        self.with_retry(Retry::Never)
    }

    /// The same failure, to be retried in another way.
    pub(crate) fn with_retry(mut self, retry: Retry) -> Self {
        self.inner.retry = retry;
        self
    }

    pub(crate) fn retry(&self) -> Retry {
        self.inner.retry
    }

    fn with(name: Cow<'static, str>, error: BoxError, retry: Retry) -> Self {
        Self { inner: Box::new(Inner { name, error, retry }) }
    }

    /// The failure as it is stored and shown.
    pub(crate) fn to_wire(&self) -> OpError {
        let mut error = OpError::new(self.inner.name.clone(), text(&*self.inner.error));
        let mut cause = self.inner.error.source();
        let mut slot = &mut error.cause;
        for _ in 0..CAUSES {
            let Some(source) = cause else { break };
            slot = &mut slot.insert(Box::new(OpError::new(name(source), text(source)))).cause;
            cause = source.source();
        }
        error
    }
}

/// The name of a cause. What another step failed with has kept its own; of others only the text is
/// known.
fn name<'a>(error: &'a (dyn Error + 'static)) -> &'a str {
    if let Some(error) = error.downcast_ref::<StepError>() {
        return error.name();
    }
    error.downcast_ref::<Cause>().map(Cause::name).filter(|name| !name.is_empty()).unwrap_or("Error")
}

/// An error's message, cut where it gets out of hand: some hold a whole HTTP body.
fn text(error: &dyn Error) -> String {
    let text = error.to_string();
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        // `shop::billing::Declined<Card>` is known to people as `Declined`.
        let path = std::any::type_name::<E>();
        let path = path.split_once('<').map_or(path, |(path, _)| path);
        let name = path.rsplit("::").next().unwrap_or(path);
        Self::with(Cow::Borrowed(name), Box::new(error), Retry::Backoff)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.error.fmt(f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("name", &self.inner.name)
            .field("error", &self.inner.error)
            .field("retry", &self.inner.retry)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("charge failed")]
    struct ChargeFailed<T: fmt::Debug>(#[source] std::io::Error, T);

    #[test]
    fn any_error_is_a_retriable_failure_named_by_its_type_with_its_causes() {
        let failure = Failure::from(ChargeFailed(std::io::Error::other("connection reset"), 1_u8));
        assert!(failure.is_retriable());
        let wire = failure.to_wire();
        assert_eq!((wire.name.as_str(), wire.message.as_str()), ("ChargeFailed", "charge failed"));
        assert_eq!(wire.cause.unwrap().message, "connection reset");
    }

    #[test]
    fn texts_and_boxed_errors_are_failures_too() {
        let boxed: BoxError = "no".into();
        assert_eq!(Failure::new(boxed).to_string(), "no");
        assert!(!Failure::non_retriable(String::from("declined")).is_retriable());
        assert_eq!(
            Failure::retry_after(Duration::from_secs(3), "later").retry(),
            Retry::After(Duration::from_secs(3))
        );
    }
}
