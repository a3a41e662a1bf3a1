//! `step.wait_for`: a wait for an event of a type that says which it is.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Condition, Step, WaitForEventStep};
use crate::error::StepError;
use crate::event::{Event, EventData};
use crate::function::StepId;

/// The future of [`Step::wait_for`]. Set its options before it is awaited.
#[must_use = "a wait does nothing until it is awaited"]
pub struct WaitForStep<T> {
    wait: WaitForEventStep<T>,
    /// Of the wait. Kept here, so that a `T` that cannot be read is an error once, at the call.
    poll: PollWait<T>,
}

type PollWait<T> =
    fn(Pin<&mut WaitForEventStep<T>>, &mut Context<'_>) -> Poll<Result<Option<Event<T>>, StepError>>;

/// What an event that comes can be read into: everything that is [`DeserializeOwned`].
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be read from the event that comes",
    label = "not `Deserialize`",
    note = "put `#[derive(serde::Deserialize)]` on the type; it owns its data"
)]
pub trait Receivable: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Receivable for T {}

impl Step {
    /// Waits until an event of a type comes that says which it is: [`wait_for_event`] with the name
    /// of [`EventData`], and filters that know its fields. `None` when none came in time.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use inngest::{EventData, Step, StepError};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, EventData)]
    /// #[event(name = "shop/paid")]
    /// struct Paid {
    ///     order: String,
    ///     cents: u32,
    /// }
    ///
    /// #[inngest::api_fn(id = "collect")]
    /// async fn collect(step: Step) -> Result<String, StepError> {
    ///     let order = "o-7".to_owned();
    ///     let paid = step
    ///         .wait_for::<Paid>("payment")
    ///         .matching(|paid| paid.order.eq(&order).and(paid.cents.ge(100)))
    ///         .timeout(Duration::from_secs(14 * 86_400))
    ///         .await?;
    ///     Ok(paid.map_or("not paid".to_owned(), |paid| format!("{} cents", paid.data.cents)))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let step = Step::detached_with([("payment", serde_json::json!({ "order": "o-7", "cents": 990 }))]);
    /// assert_eq!(collect(step).await.unwrap(), "990 cents");
    /// # }
    /// ```
    ///
    /// A field that the event does not have, and a value of another type than the field's, do not
    /// compile. The version is not looked at: an event of an older one comes too, and must be
    /// readable as a `T`.
    ///
    /// # Errors
    /// As [`wait_for_event`].
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// As [`wait_for_event`].
    ///
    /// [`wait_for_event`]: Self::wait_for_event
    #[track_caller]
    pub fn wait_for<T: EventData + Receivable>(&self, id: impl Into<StepId>) -> WaitForStep<T> {
        WaitForStep { wait: self.wait_for_event(id, T::NAME), poll: Future::poll }
    }
}

impl<T: EventData> WaitForStep<T> {
    /// How long to wait: 366 days unless set, which is also the most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait = self.wait.timeout(timeout);
        self
    }

    /// Waits for an event whose fields are such. `condition` is given all of them, each a
    /// [`Field`](super::Field). Several conditions must all hold.
    ///
    /// ```
    /// # use inngest::{EventData, Step, StepError};
    /// # use serde::Deserialize;
    /// # #[derive(Deserialize, EventData)]
    /// # #[event(name = "shop/paid")]
    /// # struct Paid { order: String, cents: u32 }
    /// async fn paid(step: &Step, order: &str) -> Result<bool, StepError> {
    ///     let wait = step.wait_for::<Paid>("payment");
    ///     let large = wait.matching(|paid| paid.order.eq(order).or(paid.cents.gt(10_000)));
    ///     Ok(large.await?.is_some())
    /// }
    /// ```
    ///
    /// This does not compile, since there is no such field:
    ///
    /// ```compile_fail
    /// # use inngest::{EventData, Step, StepError};
    /// # use serde::Deserialize;
    /// # #[derive(Deserialize, EventData)]
    /// # #[event(name = "shop/paid")]
    /// # struct Paid { order: String, cents: u32 }
    /// # async fn paid(step: &Step, order: &str) {
    /// let wait = step.wait_for::<Paid>("payment").matching(|paid| paid.ordr.eq(order));
    /// # }
    /// ```
    pub fn matching(mut self, condition: impl FnOnce(T::Fields) -> Condition) -> Self {
        self.wait.condition(condition(T::fields()).into_expression());
        self
    }

    /// Waits for an event for which a CEL expression holds: for what fields cannot say. See
    /// [`WaitForEventStep::filter`].
    pub fn filter(mut self, expression: impl Into<String>) -> Self {
        self.wait = self.wait.filter(expression);
        self
    }
}

impl<T> Future for WaitForStep<T> {
    type Output = Result<Option<Event<T>>, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let poll = self.poll;
        poll(Pin::new(&mut self.wait), cx)
    }
}

impl<T> fmt::Debug for WaitForStep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForStep").field("wait", &self.wait).finish_non_exhaustive()
    }
}
