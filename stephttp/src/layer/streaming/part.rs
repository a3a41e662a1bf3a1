//! What a re-entry has for its run's client, published through Inngest.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use http_body_util::Full;
use tokio::task::JoinHandle;

use super::direct::tell_result;
use crate::journal::Ending;
use crate::run::Run;
use crate::streaming::RunStream;
use crate::untrusted::Complaint;
use crate::wire::ApiResult;
use crate::wire::headers::BODY_NOT_STORED;
use crate::wire::realtime::{EVENT_BYTES, PART_BYTES};

/// Bytes of a response's body that is published, as JSON. Whoever reads the stream asks Inngest for
/// a longer one.
const RESPONSE_BYTES: usize = 256 * 1024;

/// After so many bytes no other event goes into a part: the largest still fits.
const FULL: usize = PART_BYTES - RESPONSE_BYTES - 64 * 1024;

/// How long a re-entry's answer waits until Inngest has what was published: the next request of the
/// run may publish more as soon as it is given.
const PATIENCE: Duration = Duration::from_secs(2);

/// After a part that was not taken.
const WAIT_AFTER_FAILURE: Duration = Duration::from_millis(250);

/// How often the run's end is published again. What passes the stream on asks for it else.
const RESPONSE_ATTEMPTS: usize = 3;

/// A re-entry's part of the stream, which is under way.
pub(in crate::layer) struct Part {
    stream: Arc<RunStream>,
    publishing: Option<JoinHandle<()>>,
}

/// Begins to publish what the run's handler will have for the client, if the client reads it. No
/// call is made before there is something.
pub(in crate::layer) fn publish(run: &Arc<Run>) -> Option<Part> {
    let stream = run.stream()?.clone();
    let (of_run, read) = (run.clone(), stream.clone());
    let publishing = run.clone().in_background(async move { publish_all(&of_run, &read).await });
    Some(Part { stream, publishing })
}

impl Part {
    /// The re-entry ends so. Returns when Inngest has all that was published, or after a while.
    pub(in crate::layer) async fn end(mut self, run: &Run, ending: &Ending) {
        if let Ending::Finished(result) = ending {
            tell_result(&self.stream, publishable(result));
        }
        self.stream.close();
        let Some(publishing) = self.publishing.take() else { return };
        if tokio::time::timeout(PATIENCE, publishing).await.is_err()
            && let Some(left_out) = run.admits_line(Complaint::Stream)
        {
            tracing::warn!(
                run_id = %run.id(), function = run.log_name(), left_out,
                "Inngest is slow to take what the run's client is to read: it may read it out of order"
            );
        }
    }
}

/// The re-entry was dropped: nothing more is to come.
impl Drop for Part {
    fn drop(&mut self) {
        self.stream.close();
    }
}

/// A result, without a body that no part has room for.
fn publishable(result: &ApiResult<'static>) -> ApiResult<'static> {
    let mut result = result.clone();
    let is_long = result.body.len() > RESPONSE_BYTES / 6
        && serde_json::to_string(&result.body).is_ok_and(|json| json.len() > RESPONSE_BYTES);
    if is_long {
        result.body = "".into();
        result.headers.insert(BODY_NOT_STORED.into(), "it is too long for the stream".into());
    }
    result
}

async fn publish_all(run: &Arc<Run>, stream: &Arc<RunStream>) {
    while poll_fn(|cx| stream.poll_readable(cx)).await {
        let Some(app) = run.app() else { return };
        let part = PartBody { stream: stream.clone(), head: Some(stream.part_head()), sent: 0 };
        let Err(error) = app.client().publish_part(run.id(), part).await else { continue };
        let may_pass = error.is_transient();
        if let Some(left_out) = run.admits_line(Complaint::Stream) {
            tracing::warn!(
                run_id = %run.id(), function = run.log_name(), error = error.report(), left_out,
                "what the run's client is to read could not be published"
            );
        }
        if let Some(response) = stream.response() {
            if may_pass {
                publish_response(run, stream, response).await;
            }
            return;
        }
        stream.tear();
        if !may_pass {
            return stream.hang_up();
        }
        tokio::time::sleep(WAIT_AFTER_FAILURE).await;
    }
}

/// The run's end, which may not have arrived: a client stops at the first that it reads.
async fn publish_response(run: &Run, stream: &RunStream, response: Bytes) {
    let Some(app) = run.app() else { return };
    for _ in 0..RESPONSE_ATTEMPTS {
        tokio::time::sleep(WAIT_AFTER_FAILURE).await;
        let events = [stream.part_head(), response.clone()].concat();
        if app.client().publish_part(run.id(), Full::from(events)).await.is_ok() {
            return;
        }
    }
}

/// One call's body: whole events, up to its limit.
struct PartBody {
    stream: Arc<RunStream>,
    head: Option<Bytes>,
    sent: usize,
}

impl HttpBody for PartBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(head) = self.head.take() {
            self.sent += head.len();
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        if self.sent >= FULL {
            return Poll::Ready(None);
        }
        let events = ready!(self.stream.poll_take(EVENT_BYTES, cx));
        self.sent += events.as_ref().map_or(0, Bytes::len);
        Poll::Ready(events.map(|events| Ok(Frame::data(events))))
    }
}
