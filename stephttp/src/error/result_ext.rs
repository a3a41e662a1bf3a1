//! Saying of a result whether its error is worth a retry.

use std::time::Duration;

use super::Failure;
use super::failure::Retry;

/// Says of any result whether, and when, its error is worth a retry.
///
/// The error becomes a [`Failure`] that keeps its name, its message and its causes:
///
/// ```
/// # use std::time::Duration;
/// use inngest::{Failure, ResultExt};
///
/// # #[derive(Debug, thiserror::Error)] #[error("the card was declined")] struct CardDeclined;
/// # fn charge() -> Result<u32, CardDeclined> { Ok(1) }
/// # fn fetch_rates() -> Result<u32, std::io::Error> { Ok(2) }
/// async fn checkout() -> Result<u32, Failure> {
///     // Trying again does not fill the card.
///     let charged = charge().no_retry()?;
///     // A service that is known to restart within a minute.
///     let rate = fetch_rates().retry_after(Duration::from_secs(60))?;
///     Ok(charged * rate)
/// }
/// ```
pub trait ResultExt<T>: Sized {
    /// The step fails for good with this error: the handler gets it at once.
    ///
    /// # Errors
    /// The result's own error, as a [`Failure`].
    fn no_retry(self) -> Result<T, Failure>;

    /// The step is tried again, but not before `delay` has passed; see [`Failure::retry_after`].
    ///
    /// A [`Failure`] that is not to be retried at all stays so.
    ///
    /// # Errors
    /// The result's own error, as a [`Failure`].
    fn retry_after(self, delay: Duration) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> ResultExt<T> for Result<T, E> {
    fn no_retry(self) -> Result<T, Failure> {
        self.map_err(|error| error.into().with_retry(Retry::Never))
    }

    fn retry_after(self, delay: Duration) -> Result<T, Failure> {
        self.map_err(|error| {
            let failure = error.into();
            if failure.is_retriable() { failure.with_retry(Retry::After(delay)) } else { failure }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("declined")]
    struct CardDeclined(#[source] std::io::Error);

    fn charge() -> Result<u8, CardDeclined> {
        Err(CardDeclined(std::io::Error::other("limit")))
    }

    #[test]
    fn the_error_keeps_its_name_and_causes() {
        let failure = charge().no_retry().unwrap_err();
        assert!(!failure.is_retriable());
        let wire = failure.to_wire();
        assert_eq!((wire.name.as_str(), wire.message.as_str()), ("CardDeclined", "declined"));
        assert_eq!(wire.cause.unwrap().message, "limit");
    }

    #[test]
    fn a_delay_does_not_revive_what_is_not_to_be_retried() {
        let delay = Duration::from_secs(30);
        assert_eq!(charge().retry_after(delay).unwrap_err().retry(), Retry::After(delay));
        assert_eq!(charge().no_retry().retry_after(delay).unwrap_err().retry(), Retry::Never);
        assert_eq!(charge().retry_after(delay).no_retry().unwrap_err().retry(), Retry::Never);
    }
}
