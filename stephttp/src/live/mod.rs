//! What a handler tells its client before the response: [`Live`].

mod pipe;

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::Serialize;
use serde_json::value::RawValue;

pub use pipe::Pipe;

use crate::run::{CurrentRun, Run};
use crate::step::{Step, StepRejection};
use crate::streaming::{PUSH_BYTES, Pushed};
use crate::sync::lock;
use crate::untrusted::{Complaint, shown};
use crate::wire::StepHash;

/// A handler's line to its client while the run goes on: an extractor.
///
/// A client that sends `Accept: text/event-stream` gets one response from the first token to the
/// last, whichever process runs the steps: over retries, waits and deploys. Other clients get what
/// they get without it.
///
/// ```
/// use inngest::{Live, Step, StepError};
/// # use std::convert::Infallible;
/// # mod model {
/// #     pub fn tokens(_: &str) -> impl futures_core::Stream<Item = Result<String, std::io::Error>> + Send {
/// #         struct Empty;
/// #         impl futures_core::Stream for Empty {
/// #             type Item = Result<String, std::io::Error>;
/// #             fn poll_next(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> { None.into() }
/// #         }
/// #         Empty
/// #     }
/// # }
///
/// #[inngest::api_fn(id = "haiku")]
/// async fn haiku(step: Step, live: Live, subject: String) -> Result<String, StepError> {
///     live.push("thinking");
///     let haiku = step.run("write", live.pipe(model::tokens(&subject))).await?;
///     step.sleep("let-it-sink-in", std::time::Duration::from_secs(3_600)).await;
///     Ok(haiku)
/// }
/// ```
///
/// # What the client reads
///
/// Server-sent events, as the JS SDK's durable endpoints send them: its browser client,
/// `fetchWithStream`, reads them. Each `data` is JSON on one line.
///
/// | Event | `data` | Is |
/// |---|---|---|
/// | `inngest.metadata` | `{"runId": "01M8…"}` | the first |
/// | `inngest.stream` | `{"data": …, "hashedStepId": "86f7…"}` | a push, or a piece of a pipe; outside of steps without `hashedStepId` |
/// | `inngest.commit` | `{"hashedStepId": "86f7…"}` | the step has ended well: what it has streamed is final |
/// | `inngest.rollback` | `{"hashedStepId": "86f7…"}` | its code has failed, or begins again: what it has streamed and not committed is void |
/// | `inngest.redirect_info` | `{"runId": "01M8…", "url": "https://…"}` | where the stream goes on if this response ends without the run's |
/// | `inngest.response` | `{"status": "succeeded", "response": {"body": "…", "statusCode": 200, "headers": {…}}}` | the last: what the client would have had without a stream. `failed` from status 500 on |
///
/// The response's own status is always 200, once it has begun. It begins at the first push; a
/// handler that pushes nothing is answered when it ends or is handed over, and with its own
/// response if that is a 5xx.
///
/// # What is sent once, and what may be sent again
///
/// What a **step** streams belongs to it. A step that has ended is not run again, so later requests
/// of the run send nothing of it. One that fails is rolled back, and its next attempt streams anew.
///
/// Outside of steps, a handler comes to the same `push` in each request of its run. Such a push is
/// sent when the handler has come further than earlier requests surely have, and dropped before
/// that.
///
/// A push of a task that a step has spawned counts as outside of steps.
///
/// # What is lost
///
/// The stream is for showing progress; what is durable is the step's output. A [`push`](Self::push)
/// never waits: 256 KiB wait for a slow client at most, and what is pushed beyond that is dropped,
/// which is logged. [`pipe`](Self::pipe) waits instead. Neither ever fails a step: a client that
/// leaves, or an Inngest that cannot be reached, changes nothing of the run.
///
/// In unit tests, [`Live::detached`] is one that keeps what is pushed.
#[derive(Clone)]
pub struct Live {
    line: Line,
}

#[derive(Clone)]
enum Line {
    Run(Arc<Run>),
    Detached(Arc<Mutex<Vec<Box<RawValue>>>>),
}

impl Live {
    /// A line to nobody, for unit tests, which keeps what is [`pushed`](Self::pushed).
    ///
    /// ```
    /// use inngest::{Live, Step, StepError};
    ///
    /// #[inngest::api_fn(id = "greeting")]
    /// async fn greeting(step: Step, live: Live) -> Result<(), StepError> {
    ///     step.run("greet", async {
    ///         live.push("hello");
    ///         Ok(())
    ///     })
    ///     .await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let live = Live::detached();
    /// greeting(Step::detached(), live.clone()).await.unwrap();
    /// assert_eq!(live.pushed::<String>(), ["hello"]);
    /// # }
    /// ```
    #[must_use]
    pub fn detached() -> Self {
        Self { line: Line::Detached(Arc::default()) }
    }

    /// What was pushed on a [detached](Self::detached) line, and the pieces of its pipes, in order.
    /// Nothing on another.
    ///
    /// # Panics
    /// When something was pushed that is no `T`.
    #[must_use]
    #[track_caller]
    pub fn pushed<T: serde::de::DeserializeOwned>(&self) -> Vec<T> {
        let Line::Detached(pushed) = &self.line else { return Vec::new() };
        let read = |json: &RawValue| {
            serde_json::from_str(json.get()).unwrap_or_else(|error| {
                panic!("{json} was pushed, which is no `{}`: {error}", std::any::type_name::<T>())
            })
        };
        lock(pushed).iter().map(|json| read(json)).collect()
    }

    /// Sends a value to the client, as JSON; see [what is sent
    /// again](Self#what-is-sent-once-and-what-may-be-sent-again).
    ///
    /// It never waits and never fails. A value that cannot be written as JSON, or has over 15 KiB
    /// then, is not sent, and neither is one for which a slow client leaves no room; the log says
    /// so.
    pub fn push<T: Serialize + ?Sized>(&self, value: &T) {
        let run = match &self.line {
            Line::Detached(_) => None,
            Line::Run(run) if !run.stream().is_some_and(|stream| stream.is_read()) => return,
            Line::Run(run) => Some(run),
        };
        let json = match serde_json::value::to_raw_value(value) {
            Ok(json) if json.get().len() <= PUSH_BYTES => json,
            Ok(json) => {
                let length = json.get().len();
                return refused(
                    run,
                    &format!("as JSON it has {length} bytes, and {PUSH_BYTES} are the most"),
                );
            }
            Err(error) => {
                let error = error.to_string();
                return refused(run, &format!("it cannot be written as JSON: {}", shown(&error)));
            }
        };
        match &self.line {
            Line::Detached(pushed) => lock(pushed).push(json),
            Line::Run(run) => send(run, run.step_here(), &json),
        }
    }
}

/// Sends what a step, or none, has for the client.
fn send(run: &Run, step: Option<StepHash>, json: &RawValue) {
    let Some(stream) = run.stream() else { return };
    if step.is_none() && !run.tells_news() {
        return;
    }
    if stream.push(step, json) == Pushed::Full
        && let Some(left_out) = run.admits_line(Complaint::Stream)
    {
        let dropped = stream.take_dropped();
        tracing::warn!(
            run_id = %run.id(), function = run.log_name(), dropped, left_out,
            "pushes are dropped, since the client reads more slowly than they come; `pipe` waits instead"
        );
    }
}

fn refused(run: Option<&Arc<Run>>, why: &str) {
    let (id, function) = (run.map(|run| run.id().to_string()), run.and_then(|run| run.log_name()));
    if let Some(left_out) = run.map_or(Some(0), |run| run.admits_line(Complaint::Stream)) {
        tracing::error!(run_id = id, function, left_out, "a push is not sent: {why}");
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Line::Run(run) => f.debug_tuple("Live").field(run).finish(),
            Line::Detached(_) => f.write_str("Live(detached)"),
        }
    }
}

/// Rejected as a [`Step`] is: without [`Provider::layer`](crate::Provider::layer), with a 500.
impl<S: Sync> FromRequestParts<S> for Live {
    type Rejection = StepRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StepRejection> {
        // The request is a run's from here on, also if its handler takes no `Step`.
        Step::from_request_parts(parts, state).await?;
        let Some(CurrentRun(run)) = parts.extensions.get::<CurrentRun>() else {
            return Err(StepRejection::MissingLayer);
        };
        run.begin_stream(parts);
        Ok(Self { line: Line::Run(run.clone()) })
    }
}
