//! Events that are sent outside of steps.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde::Serialize;
use tokio::time::Instant;
use ulid::Ulid;

use crate::app::App;
use crate::client::{ApiError, Extras, Patience, SendEventsError};
use crate::event::{Changing, Event, EventData, batch, to_wire};
use crate::middleware::SendContext;
use crate::wire::EventIdSeed;

/// Sends events outside of steps: [`Provider::events`](crate::Provider::events) gives it.
///
/// ```
/// use inngest::client::ApiError;
/// use inngest::{EventData, Provider};
/// use serde::Serialize;
///
/// #[derive(Serialize, EventData)]
/// #[event(name = "shop/closed")]
/// struct Closed {
///     day: String,
/// }
///
/// async fn close(inngest: &Provider, day: &str) -> Result<(), ApiError> {
///     let event_id = inngest.events().send(Closed { day: day.to_owned() }).await?;
///     println!("told as {event_id}");
///     Ok(())
/// }
/// ```
///
/// In a handler with steps, send with [`Step::send`](crate::Step::send): what is sent here is sent
/// anew in each re-entry.
///
/// Calls are made with the [event key](crate::SetupOpts::event_key), and tried again as [those of
/// the client](crate::client::ApiClient#retries). All attempts of a call give an event the same id,
/// for which Inngest starts a function once. It does not know that two *calls* send the same event;
/// give the event an [id](Event::id) of its own for that. A middleware sees each call, as
/// [`transform_sent_event`](crate::middleware::Middleware::transform_sent_event) and
/// [`after_send`](crate::middleware::Middleware::after_send). The call is not in
/// [`in_flight`](crate::Provider::in_flight): who awaits it waits for it.
///
/// Clones send the same way.
#[derive(Clone)]
pub struct Events {
    app: Arc<App>,
}

impl Events {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Sends an event of a type that says which it is, and gives the event's id.
    ///
    /// # Errors
    /// An [`ApiError`] of the kind [`Request`](crate::client::ApiErrorKind::Request), and no call,
    /// when the event makes no sense (data that is no JSON object or has a number that Inngest
    /// would round; over 3 MiB), when a middleware fails, and when there is no event key. Of
    /// another kind when the API refuses it, or cannot be reached in any attempt; after an [unclear
    /// outcome](ApiError::is_outcome_unclear) it may have been sent.
    ///
    /// # Cancellation
    /// Dropping the future may leave the event sent or not.
    pub async fn send<T: EventData + Serialize>(&self, data: T) -> Result<String, ApiError> {
        self.send_event(Event::of(data)).await
    }

    /// Sends an event, and gives its id.
    ///
    /// ```
    /// # use inngest::client::ApiError;
    /// # use inngest::{Event, Provider};
    /// # async fn close(inngest: &Provider, day: &str) -> Result<(), ApiError> {
    /// let event = Event::new("shop/closed", serde_json::json!({ "day": day }));
    /// // Twice in a day is once.
    /// inngest.events().send_event(event.id(format!("closed-{day}"))).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send), and when the event has no name, or one of Inngest's own.
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub async fn send_event<T: Serialize>(&self, event: Event<T>) -> Result<String, ApiError> {
        let ids = self.send_events(vec![event]).await?;
        ids.into_iter().next().ok_or_else(|| ApiError::answer("it has no id of the event"))
    }

    /// Sends events in one call, and gives their ids in the same order. Without events it makes no
    /// call. At most 5,000 events.
    ///
    /// ```
    /// # use inngest::client::ApiError;
    /// # use inngest::{Event, EventData, Provider};
    /// # use serde::Serialize;
    /// # #[derive(Serialize, EventData)]
    /// # #[event(name = "shop/closed")]
    /// # struct Closed { day: String }
    /// # async fn close(inngest: &Provider, days: Vec<Closed>) -> Result<(), ApiError> {
    /// let ids = inngest.events().send_events(days.into_iter().map(Event::of).collect()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`send_event`](Self::send_event). An event that makes no sense keeps all of them from
    /// being sent. One that the API alone refuses does not keep those before it.
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub async fn send_events<T: Serialize>(&self, events: Vec<Event<T>>) -> Result<Vec<String>, ApiError> {
        let (count, began) = (events.len(), Instant::now());
        let extras = Extras::new(HeaderMap::new());
        let events = to_wire(events).map_err(ApiError::request);
        let outcome = match events {
            Ok(events) => self.call(events, &extras).await,
            Err(error) => Err(error),
        };
        self.told(count, extras.attempts(), began.elapsed(), outcome.as_ref().err()).await;
        outcome
    }

    async fn call(&self, mut events: Vec<String>, extras: &Extras) -> Result<Vec<String>, ApiError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        if !self.app.middleware().is_empty() {
            for event in &mut events {
                *event = self.transformed(event).await.map_err(ApiError::request)?;
            }
        }
        // Each of them unlike those of other calls, and the same in all attempts of this one.
        let unique = Ulid::generate();
        let [.., a, b, c, d, e, f, g, h, i, j] = unique.0.to_be_bytes();
        let seed = EventIdSeed::new(unique.timestamp_ms().max(1), [a, b, c, d, e, f, g, h, i, j]);
        let client = self.app.client();
        let sent = client.send_events(batch(&events), events.len(), &seed, Patience::AsSetUp, Some(extras));
        sent.await.map_err(|error| match error {
            SendEventsError::NoKey => ApiError::request(error.to_string()),
            SendEventsError::Api(error) => error,
        })
    }

    /// The event as middlewares have it sent.
    async fn transformed(&self, event: &str) -> Result<String, String> {
        let Some((data, changing)) = Changing::take(event).map_err(|error| error.to_string())? else {
            return Ok(event.to_owned());
        };
        let data = self.app.middleware().transform_sent_event(data).await;
        changing.put(data.map_err(|fault| fault.to_string())?)
    }

    async fn told(&self, events: usize, attempts: u32, duration: Duration, error: Option<&ApiError>) {
        let middleware = self.app.middleware();
        if !middleware.is_empty() {
            let sent = SendContext::new(events, attempts, duration);
            middleware.after_send(&sent, error.map_or(Ok(()), Err)).await;
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
