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
use crate::streaming::PUSH_BYTES;
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
/// | `stephttp.resume` | `{"runId": "01M8…", "url": "/runs/01M8…/stream?token=…"}` | where a client whose connection breaks [gets the stream again](#coming-back); JS's client skips it |
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
/// # After the first request
///
/// A handler that waits, or whose step is to be tried again, is handed over: later requests of the
/// run go on, in whichever process Inngest reaches. The client's response stays open all the same.
/// The process that it came to subscribes to the run's stream at Inngest, before Inngest is told of
/// the wait, so that nothing is missed, and passes on what later requests publish there, up to the
/// run's response. The client needs no second request, no CORS and no token: `curl -N` will do.
///
/// Each such client holds two connections, its own and one to Inngest, of which a process has
/// [`SetupOpts::stream_relays`](crate::SetupOpts::stream_relays) at most. A client beyond them is
/// given an `inngest.redirect_info` before its response ends: a URL of Inngest's own, where the
/// rest can be read, with a token for that. So is one whose process ends
/// ([`Provider::drain`](crate::Provider::drain)), or finds no way to Inngest's stream. JS's client
/// goes there by itself.
///
/// **Anyone who has such a URL of a self-hosted Inngest can read the streams of other runs**, as
/// far as they know the runs' ids: that server takes any realtime token in place of the key when it
/// is asked for more of them. Where clients are strangers, keep its address out of their reach; the
/// relay needs no more than the app's own connection.
///
/// ## Coming back
///
/// An app with an [output route](crate::Provider::output_route) also has
/// `GET /runs/{run_id}/stream?token=…` beside it, and its clients are told their URL of it by
/// `stephttp.resume` once the run is handed over. It is relative to the URL of the response. There
/// a client whose connection broke, or that comes later, gets
///
/// 1. `inngest.metadata`, which says: the stream begins anew, what is not committed is void;
/// 2. each text that a step has piped and ended with, in pieces, with its `inngest.commit`;
/// 3. what is published from then on, up to the response.
///
/// A client keeps what it has of committed steps and skips what comes of those once more. What was
/// pushed before is not sent again: it is stored nowhere. No step's output is sent but the text
/// that its one [`pipe`](Self::pipe) has sent before, and the run keeps: not what a
/// [`Middleware`](crate::middleware::Middleware) has changed before it was stored. To know those,
/// the run keeps a hidden step for each of its first piped steps, up to its 250th step.
///
/// Of a step that is under way when the client comes, nothing is shown before its end, so that no
/// text is cut: then it comes whole. When that step is the run's last, its text is in the response
/// alone, if the handler puts it there. Of a run that has ended there is the response.
///
/// After the hand-over events have an `id`. A client that sends the last one as `Last-Event-ID`, as
/// `EventSource` does by itself, goes on with the next event, without an `inngest.metadata`, as
/// long as it comes to the same process, within 30 seconds, and 256 KiB have not come since. A
/// process that holds many streams keeps less of each, 32 MiB in all.
///
/// ## What a client can rely on
///
/// | | |
/// |---|---|
/// | the response | comes, in the stream, or where the client comes back to |
/// | a step's text | is shown whole, and once: of the attempt that ended first, should a process have died before that was saved |
/// | what was rolled back | is not shown |
/// | what is published while Inngest, or the process that passes it on, fails | may be missing, until the client comes back and the run goes on |
/// | a push outside of steps | may come again, when a request of the run is repeated |
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
    if !stream.push(step, json)
        && let Some(left_out) = run.admits_line(Complaint::Stream)
    {
        tracing::warn!(
            run_id = %run.id(), function = run.log_name(), left_out,
            "pushes are dropped, since the client reads more slowly than they come; `pipe` waits instead"
        );
    }
}

fn refused(run: Option<&Arc<Run>>, why: &str) {
    let (id, function) = (run.map(|run| run.id().to_string()), run.and_then(|run| run.log_name()));
    if let Some(left_out) = run.map_or(Some(0), |run| run.admits_line(Complaint::Stream)) {
        tracing::error!(
            run_id = id.map(tracing::field::display),
            function,
            left_out,
            "a push is not sent: {why}"
        );
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
