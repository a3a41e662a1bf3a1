//! The client's response, when it is a stream of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep};

use super::relay::Relay;
use crate::exchange::result::{self, Audience};
use crate::journal::{Outstanding, failure};
use crate::layer::answer;
use crate::layer::handing_over;
use crate::run::Run;
use crate::streaming::RunStream;
use crate::wire::ApiResult;
use crate::wire::limits::REENTRY_ANSWER_BYTES;
use crate::wire::realtime::{
    EVENT_STREAM, KEEP_ALIVE, KEEP_ALIVE_INTERVAL, Outcome, Response as RunResponse,
};

/// Bytes that are given to the connection at once, at most.
const FRAME_BYTES: usize = 64 * 1024;

/// What is left of a request when its handler's time is over.
pub(in crate::layer) enum Rest {
    /// The run goes on at Inngest.
    Waits(Vec<Outstanding>),
    /// The run has ended with a response.
    Answered(Response),
    /// The run has ended without one.
    Failed(&'static str),
}

/// Answers the client with the run's stream, while the rest of the request goes on in a task of its
/// own: it does not end when the client leaves.
pub(in crate::layer) fn respond(
    run: &Arc<Run>,
    stream: Arc<RunStream>,
    rest: impl Future<Output = Rest> + Send + 'static,
) -> Response {
    let (writer, of_run) = (stream.clone(), run.clone());
    let task = run.clone().in_background(async move {
        let rest = rest.await;
        end(&of_run, &writer, rest).await;
        // Whatever has come between: the client does not wait for more.
        writer.close();
    });
    if task.is_none() {
        return answer::unavailable("the server is shutting down");
    }
    let mut response = Response::new(Body::new(EventBody::new(stream)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // For nginx, which would hold the events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

async fn end(run: &Arc<Run>, stream: &RunStream, rest: Rest) {
    match rest {
        Rest::Waits(outstanding) => hand_over(run, stream, outstanding).await,
        Rest::Answered(response) => tell(stream, run, response).await,
        Rest::Failed(message) => tell_result(stream, failure(message)),
    }
}

/// The client is told where the run goes on, or told here what becomes of it.
async fn hand_over(run: &Arc<Run>, stream: &RunStream, outstanding: Vec<Outstanding>) {
    run.remember_stream();
    let relay = Relay::begin(run, stream).await;
    match handing_over::to_its_end(run.clone(), outstanding).await {
        Ok(_) => {
            if let Some(relay) = relay {
                relay.pass_on(run, stream).await;
            }
        }
        // It says why, and when to try again.
        Err(refusal) => tell(stream, run, refusal).await,
    }
}

/// The run's response, in an event: as the handler has given it, whatever Inngest is given.
async fn tell(stream: &RunStream, run: &Run, response: Response) {
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, REENTRY_ANSWER_BYTES).await {
        Ok(body) => String::from_utf8(body.into()).map_err(|_| "the response's body is not UTF-8"),
        Err(_) => Err("the response's body broke off, or is over 8 MiB"),
    };
    match body {
        Ok(body) => {
            let mut result = ApiResult::new(parts.status.as_u16()).body(body);
            result.headers = result::headers(&parts.headers, Audience::Client(&run.whose()));
            tell_result(stream, result);
        }
        Err(why) => {
            tracing::error!(run_id = %run.id(), function = run.log_name(), "a stream cannot tell its run's response: {why}");
            tell_result(stream, failure(why));
        }
    }
}

pub(super) fn tell_result(stream: &RunStream, result: ApiResult<'_>) {
    let outcome = if result.status >= 500 { Outcome::Failed } else { Outcome::Succeeded };
    stream.respond(&RunResponse::new(outcome, result));
}

/// Events as they come, with a comment in each quiet time, so that nothing on the way takes the
/// connection for dead.
struct EventBody {
    stream: Arc<RunStream>,
    /// Made when there is something to wait for.
    quiet: Option<Pin<Box<Sleep>>>,
    has_written: bool,
}

impl EventBody {
    fn new(stream: Arc<RunStream>) -> Self {
        Self { stream, quiet: None, has_written: false }
    }

    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let quiet = self.quiet.get_or_insert_with(|| Box::pin(tokio::time::sleep(KEEP_ALIVE_INTERVAL)));
        loop {
            ready!(quiet.as_mut().poll(cx));
            quiet.as_mut().reset(Instant::now() + KEEP_ALIVE_INTERVAL);
            if !std::mem::take(&mut self.has_written) {
                return Poll::Ready(());
            }
        }
    }
}

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.stream.poll_take(FRAME_BYTES, cx) {
            Poll::Ready(events) => {
                self.has_written = true;
                Poll::Ready(events.map(|events| Ok(Frame::data(events))))
            }
            Poll::Pending => {
                ready!(self.poll_quiet(cx));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(KEEP_ALIVE.as_bytes())))))
            }
        }
    }
}

/// The client has left, or has had all of it.
impl Drop for EventBody {
    fn drop(&mut self) {
        self.stream.hang_up();
    }
}
