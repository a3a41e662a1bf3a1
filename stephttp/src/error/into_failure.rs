//! What steps can fail with.

use super::Failure;

/// The error of a step's future: whatever converts into a [`Failure`], which is every
/// [`std::error::Error`] that can be sent between threads, and what the program implements
/// `From<..> for Failure` for.
///
/// A text, a boxed error and an `anyhow::Error` are no such errors. [`Failure::new`] takes them:
///
/// ```
/// # use inngest::{Failure, Step, StepError};
/// # type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// async fn charge() -> Result<u32, BoxError> {
///     Ok(7)
/// }
///
/// # async fn handler(step: Step) -> Result<(), StepError> {
/// let charge = step.run("charge", async { charge().await.map_err(Failure::new) }).await?;
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "a step cannot fail with `{Self}`, which is no `std::error::Error`",
    label = "write `async {{ call().await.map_err(Failure::new) }}`, which takes a text, a boxed error or an `anyhow::Error`",
    note = "for a type of your own, implement `std::error::Error`, or `From<..> for Failure`"
)]
pub trait IntoFailure {
    /// The failure.
    fn into_failure(self) -> Failure;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Failure>> IntoFailure for E {
    fn into_failure(self) -> Failure {
        self.into()
    }
}
