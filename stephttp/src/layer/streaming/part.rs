//! What a re-entry has for its run's client, published through Inngest.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use tokio::task::JoinHandle;
use tokio::time::Instant;

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

/// How long a re-entry's answer waits, while nothing comes forward, until Inngest has what was
/// published: the next request of the run may publish more as soon as it is given. In looks, so
/// that a process that had no time itself does not take that for Inngest's fault.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(250);

/// How long it waits at most.
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// How often it is tried to publish the run's response.
const RESPONSES: u32 = 4;

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
        let Some(mut publishing) = self.publishing.take() else { return };
        let began = Instant::now();
        let (mut taken, mut in_vain) = (self.stream.taken(), 0);
        while tokio::time::timeout(LOOK, &mut publishing).await.is_err() {
            let before = std::mem::replace(&mut taken, self.stream.taken());
            in_vain = if taken > before { 0 } else { in_vain + 1 };
            if in_vain < LOOKS && began.elapsed() < MOST_PATIENCE {
                continue;
            }
            // What comes after the answer could come after another request's.
            self.stream.hang_up();
            if let Some(left_out) = run.admits_line(Complaint::Stream) {
                tracing::warn!(
                    run_id = %run.id(), function = run.log_name(), left_out,
                    "Inngest is too slow to take what the run's client is to read, which lacks the rest of it"
                );
            }
            return;
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
    let mut attempts = 0;
    loop {
        let again = if poll_fn(|cx| stream.poll_readable(cx)).await {
            None
        } else {
            // Readers stop at the first of several responses, so it may come twice.
            let Some(response) = stream.response().filter(|_| (1..RESPONSES).contains(&attempts)) else {
                return;
            };
            Some(response)
        };
        let Some(app) = run.app() else { return };
        let part =
            PartBody { stream: stream.clone(), head: Some(stream.part_head(attempts > 0)), again, sent: 0 };
        let published = tokio::select! {
            biased;
            published = app.client().publish_part(run.id(), part) => published,
            // It was given up: what has not been taken is broken off.
            () = poll_fn(|cx| stream.poll_unread(cx)) => return,
        };
        let Err(error) = published else {
            attempts = 0;
            continue;
        };
        attempts += 1;
        if let Some(left_out) = run.admits_line(Complaint::Stream) {
            tracing::warn!(
                run_id = %run.id(), function = run.log_name(), error = error.report(), left_out,
                "what the run's client is to read could not be published"
            );
        }
        stream.tear();
        if !error.is_transient() {
            return stream.hang_up();
        }
        // Whoever reads may be back.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// One call's body: whole events, up to its limit.
struct PartBody {
    stream: Arc<RunStream>,
    head: Option<Bytes>,
    /// The run's response, once more.
    again: Option<Bytes>,
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
        if let Some(response) = self.again.take() {
            self.sent = FULL;
            return Poll::Ready(Some(Ok(Frame::data(response))));
        }
        if self.sent >= FULL {
            return Poll::Ready(None);
        }
        let events = ready!(self.stream.poll_take(EVENT_BYTES, cx));
        let Some(events) = events else { return Poll::Ready(None) };
        // In one piece, so that nobody's events come between.
        let mut chunk = BytesMut::from(self.stream.by().as_bytes());
        chunk.extend_from_slice(&events);
        self.sent += chunk.len();
        Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
    }
}
