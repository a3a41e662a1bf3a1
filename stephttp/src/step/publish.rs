//! `step.publish`: telling those who listen to a topic.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;

use super::Step;
use super::sending::{BoxFuture, Sending, extras, failure, limited};
use crate::client::{Message, Patience, PublishInClear};
use crate::error::{Failure, StepError};
use crate::function::{StepId, StepKind};
use crate::middleware::{Chain, StepContext};

/// The future of [`Step::publish`].
#[must_use = "a step does nothing until it is awaited"]
pub struct PublishStep {
    sending: Sending<()>,
}

impl Step {
    /// Publishes a message to a topic of a channel, for those who listen to it now: a page that
    /// shows how an order goes on, say. Inngest does not keep it.
    ///
    /// A channel is what the messages are about, such as `order/{id}`, and a topic is a kind of
    /// them. A program chooses both, and need not make them known. Who may listen gets a
    /// [token](crate::Realtime::token), and then, for each message, a server-sent event without a
    /// name, whose data has `data`, `channel`, `topic`, `created_at` and `run_id`.
    ///
    /// The call is made by this process, with the signing key. It is a step like
    /// [`run`](Self::run): once its end is saved, the message is not published again. When the
    /// process dies before that, or an answer is lost on its way, it is: let those who listen take
    /// it twice. What does not matter so much can be published without a step, and without its
    /// checkpoint: [`Realtime::publish`](crate::Realtime::publish). To the run's own client speaks
    /// [`Live`](crate::Live).
    ///
    /// ```
    /// use inngest::{Failure, Step, StepError};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// struct Status<'a> {
    ///     order: &'a str,
    ///     paid: bool,
    /// }
    ///
    /// #[inngest::api_fn(id = "pay")]
    /// async fn pay(step: Step) -> Result<(), StepError> {
    ///     step.run("charge", async { Ok::<_, Failure>(()) }).await?;
    ///     let status = Status { order: "o-7", paid: true };
    ///     step.publish("tell", "orders/o-7", "status", &status).await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// pay(Step::detached()).await.unwrap();
    /// # }
    /// ```
    ///
    /// A message passes through Inngest in clear, whatever middlewares make of the rest of the run.
    ///
    /// # Errors
    /// A [`StepError`] at once, without a retry, when the channel's or the topic's name is empty,
    /// or the topic's begins with `$`, as Inngest's own do; when the data cannot be written as
    /// JSON, or has over 512 KiB so; when a middleware
    /// [seals](crate::middleware::Middleware::seals) what runs hold, and the app does not
    /// [say](crate::SetupOpts::stream_in_clear) that this may be; and when the API refuses it. When
    /// the API cannot be reached, or is overloaded, the step is retried. Also as
    /// [`run`](Self::run).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future may leave the message published or not.
    #[doc(alias = "realtime")]
    #[track_caller]
    pub fn publish(
        &self,
        id: impl Into<StepId>,
        channel: impl Into<String>,
        topic: impl Into<String>,
        data: impl Serialize,
    ) -> PublishStep {
        let message = Message::new(channel.into(), topic.into(), &data);
        let (app, run_id) = (self.run.app().cloned(), self.run.id());
        let call = |_: u32, hooked: Option<(Chain, Arc<StepContext>)>| -> BoxFuture<_> {
            Box::pin(async move {
                let message = message.map_err(|fault| Failure::from(fault).no_retry())?;
                let Some(app) = app else { return Ok(()) };
                if !app.sends_in_clear() {
                    return Err(Failure::from(PublishInClear).no_retry());
                }
                let (client, extras) = (app.client(), hooked.as_ref().map(extras));
                let published = client.publish(message, Some(run_id), Patience::Waited, extras.as_ref());
                published.await.map_err(failure)
            })
        };
        PublishStep { sending: self.sending(id.into(), call, StepKind::Publish, Location::caller()) }
    }
}

limited!(PublishStep);

impl Future for PublishStep {
    type Output = Result<(), StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.sending).poll(cx)
    }
}

impl fmt::Debug for PublishStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishStep").field("sending", &self.sending).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_server_nobody_is_told_and_nonsense_fails_all_the_same() {
        let step = Step::detached();
        step.publish("tell", "channel", "topic", 1).await.unwrap();
        let error = step.publish("tell", "channel", "", 1).await.unwrap_err();
        assert_eq!((error.step_id(), error.name()), ("tell", "InvalidMessage"));
        assert!(error.message().contains("the topic"), "{error}");
    }
}
