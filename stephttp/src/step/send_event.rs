//! `step.send_event` and `step.send_events`: telling others what happened.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use serde::Serialize;
use ulid::Ulid;

use super::Step;
use super::sending::{BoxFuture, Sending, extras, failure, limited};
use crate::app::App;
use crate::client::{Extras, Patience, SendEventsError};
use crate::error::{Failure, StepError};
use crate::event::{Changing, Event, EventData, batch, to_wire};
use crate::function::{StepId, StepKind};
use crate::middleware::{Chain, StepContext};
use crate::wire::{EventIdSeed, SentEvents};

/// The future of [`Step::send_event`].
#[must_use = "a step does nothing until it is awaited"]
pub struct SendEventStep {
    id: String,
    sending: Sending<SentEvents>,
}

/// The future of [`Step::send_events`].
#[must_use = "a step does nothing until it is awaited"]
pub struct SendEventsStep {
    sending: Sending<SentEvents>,
}

impl Step {
    /// Sends an event, and gives its id. Functions that it triggers start, and waits for it end.
    ///
    /// The call is made by this process, to Inngest's event API, with the [event
    /// key](crate::SetupOpts::event_key). It is a step like [`run`](Self::run): once its end is
    /// saved, the event is not sent again. A step that is tried again sends it under the same id,
    /// for which Inngest starts a function once.
    ///
    /// ```
    /// use inngest::{Event, Step, StepError};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// struct Placed<'a> {
    ///     order_id: &'a str,
    /// }
    ///
    /// #[inngest::api_fn(id = "place-order")]
    /// async fn place_order(step: Step) -> Result<String, StepError> {
    ///     step.send_event("tell", Event::new("shop/order.placed", Placed { order_id: "o-7" })).await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let event_id = place_order(Step::detached()).await.unwrap();
    /// assert_eq!(event_id.len(), 26);
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`StepError`] at once, without a retry, when the event makes no sense (no name, or one of
    /// Inngest's own; data that is no JSON object or has a number that Inngest would round; over 3
    /// MiB), when there is no event key, and when the API refuses it. When the API cannot be
    /// reached, or is overloaded, the step is retried. Also as [`run`](Self::run).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future may leave the event sent or not. The next attempt sends it under the
    /// same id.
    #[track_caller]
    pub fn send_event<T: Serialize>(&self, id: impl Into<StepId>, event: Event<T>) -> SendEventStep {
        let id = id.into();
        let text = id.as_str().to_owned();
        SendEventStep { id: text, sending: self.sending_events(id, vec![event], Location::caller()) }
    }

    /// Sends an event of a type that says which it is, and gives the event's id:
    /// [`send_event`](Self::send_event) with the name and version of [`EventData`].
    ///
    /// ```
    /// use inngest::{EventData, Step, StepError};
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize, EventData)]
    /// #[event(name = "shop/order.placed")]
    /// struct Placed {
    ///     order: String,
    /// }
    ///
    /// #[inngest::api_fn(id = "place")]
    /// async fn place(step: Step) -> Result<String, StepError> {
    ///     step.send("tell", Placed { order: "o-7".to_owned() }).await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// assert_eq!(place(Step::detached()).await.unwrap().len(), 26);
    /// # }
    /// ```
    ///
    /// With an id or a time of its own, it is sent as [`Event::of`]. So are several, by
    /// [`send_events`](Self::send_events).
    ///
    /// # Errors
    /// As [`send_event`](Self::send_event).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// As [`send_event`](Self::send_event).
    #[track_caller]
    pub fn send<T: EventData + Serialize>(&self, id: impl Into<StepId>, data: T) -> SendEventStep {
        self.send_event(id, Event::of(data))
    }

    /// Sends events in one call, and gives their ids in the same order. Without events it makes no
    /// call.
    ///
    /// Like [`send_event`](Self::send_event) in all else; at most 5,000 events. One that makes no
    /// sense keeps all of them from being sent.
    ///
    /// ```
    /// # use inngest::{Event, Step, StepError};
    /// async fn restock(step: &Step, articles: &[u32]) -> Result<Vec<String>, StepError> {
    ///     let event = |article| Event::new("shop/article.restocked", serde_json::json!({ "article": article }));
    ///     step.send_events("tell", articles.iter().map(event).collect()).await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`send_event`](Self::send_event).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// As [`send_event`](Self::send_event).
    #[doc(alias = "SendMany")]
    #[track_caller]
    pub fn send_events<T: Serialize>(&self, id: impl Into<StepId>, events: Vec<Event<T>>) -> SendEventsStep {
        SendEventsStep { sending: self.sending_events(id.into(), events, Location::caller()) }
    }

    fn sending_events<T: Serialize>(
        &self,
        id: StepId,
        events: Vec<Event<T>>,
        caller: &'static Location<'static>,
    ) -> Sending<SentEvents> {
        let count = events.len();
        let events = to_wire(events);
        let (run, text) = (self.run.clone(), id.as_str().to_owned());
        let call = |index: u32, hooked: Option<(Chain, Arc<StepContext>)>| -> BoxFuture<_> {
            let seed = Self::event_id_seed(&run, &text, index);
            let call = Call { app: run.app().cloned(), count, seed };
            Box::pin(async move {
                let mut events = events.map_err(|fault| Failure::from(InvalidEvent(fault)).no_retry())?;
                if let Some((chain, step)) = &hooked {
                    transform(chain, step, &mut events).await?;
                }
                let ids = if events.is_empty() {
                    Vec::new()
                } else {
                    call.make(batch(&events), hooked.as_ref().map(extras)).await?
                };
                Ok(SentEvents { ids })
            })
        };
        self.sending(id, call, StepKind::SendEvent, caller)
    }
}

limited!(SendEventStep, SendEventsStep);

/// An event makes no sense. The name is what the handler sees as the error's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct InvalidEvent(String);

struct Call {
    /// `None` without any server.
    app: Option<Arc<App>>,
    count: usize,
    seed: EventIdSeed,
}

impl Call {
    async fn make(self, body: Bytes, extras: Option<Extras>) -> Result<Vec<String>, Failure> {
        let Some(app) = self.app else {
            return Ok((0..self.count).map(|_| Ulid::generate().to_string()).collect());
        };
        let client = app.client();
        let sent = client.send_events(body, self.count, &self.seed, Patience::Waited, extras.as_ref()).await;
        sent.map_err(|error| match error {
            SendEventsError::NoKey => Failure::from(error).no_retry(),
            SendEventsError::Api(error) => failure(error),
        })
    }
}

/// Lets middlewares change the events' data.
async fn transform(chain: &Chain, step: &StepContext, events: &mut [String]) -> Result<(), Failure> {
    for event in events {
        let Some((data, changing)) = Changing::take(event).map_err(Failure::new)? else { continue };
        let data = chain.transform_event_data(step, data).await?;
        *event = changing.put(data).map_err(|fault| Failure::from(InvalidEvent(fault)).no_retry())?;
    }
    Ok(())
}

impl Future for SendEventStep {
    type Output = Result<String, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let SentEvents { ids } = ready!(Pin::new(&mut self.sending).poll(cx))?;
        Poll::Ready(ids.into_iter().next().ok_or_else(|| {
            let message = "the stored ids are empty: the step's type has changed while the run was in flight";
            StepError::new(&*self.id, crate::wire::OpError::new("StepOutputNotDeserializable", message))
        }))
    }
}

impl Future for SendEventsStep {
    type Output = Result<Vec<String>, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.sending).poll(cx).map_ok(|sent| sent.ids)
    }
}

impl fmt::Debug for SendEventStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendEventStep").field("sending", &self.sending).finish_non_exhaustive()
    }
}

impl fmt::Debug for SendEventsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendEventsStep").field("sending", &self.sending).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::limits::EVENTS;

    #[tokio::test]
    async fn without_a_server_ids_are_made_up() {
        let step = Step::detached();
        let event = |name: &str| Event::new(name, json!({}));
        assert_eq!(step.send_event("one", event("a")).await.unwrap().len(), 26);
        assert_eq!(step.send_events("two", vec![event("a"), event("b")]).await.unwrap().len(), 2);
        assert_eq!(step.send_events::<Value>("none", Vec::new()).await.unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn an_event_that_makes_no_sense_fails_its_step() {
        let step = Step::detached();
        let error = step.send_event("one", Event::new("inngest/x", ())).await.unwrap_err();
        assert_eq!((error.step_id(), error.name()), ("one", "InvalidEvent"));
        assert!(error.message().contains("`inngest/x`"), "{error}");
        let events = vec![Event::new("a", json!({})), Event::new("b", json!({"n": u64::MAX}))];
        let error = step.send_events("two", events).await.unwrap_err();
        assert!(error.message().contains("`b` (number 1") && error.message().contains("`data.n`"), "{error}");
        let events = vec![Event::new("a", ()); EVENTS + 1];
        assert!(step.send_events("three", events).await.unwrap_err().message().contains("5000"));
    }

    #[test]
    fn seeds_are_a_steps_own_and_repeat_with_its_run() {
        let step = Step::detached();
        let seed = |id: &str, index| Step::event_id_seed(&step.run, id, index).to_string();
        let (first, second, other) = (seed("a", 0), seed("a", 1), seed("b", 0));
        assert!(first != second && first != other && second != other);
        assert_eq!(first, seed("a", 0));
        let millis = first.split(',').next().unwrap().parse::<u64>().unwrap();
        assert!(millis > 1_700_000_000_000, "{first}");
    }
}
