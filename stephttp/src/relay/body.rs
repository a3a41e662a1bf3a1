//! A response of events.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep};

use crate::wire::realtime::{EVENT_STREAM, KEEP_ALIVE, KEEP_ALIVE_INTERVAL};

/// Bytes that are given to the connection at once, at most.
const FRAME_BYTES: usize = 64 * 1024;

/// Where events come from. Dropped when the client has left, or has had all of it.
pub(crate) trait Readable: Send + Unpin + 'static {
    /// Whole events, of so many bytes at most. An error breaks the connection off.
    fn poll_events(&self, most: usize, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>>;
}

/// A response whose body is what comes.
pub(crate) fn event_stream(events: impl Readable) -> Response {
    let mut response = Response::new(Body::new(EventBody { events, quiet: None, has_written: false }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // For nginx, which would hold the events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Events as they come, with a comment in each quiet time, so that nothing on the way takes the
/// connection for dead.
struct EventBody<R> {
    events: R,
    /// Made when there is something to wait for.
    quiet: Option<Pin<Box<Sleep>>>,
    has_written: bool,
}

impl<R> EventBody<R> {
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

impl<R: Readable> HttpBody for EventBody<R> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.events.poll_events(FRAME_BYTES, cx) {
            Poll::Ready(events) => {
                self.has_written = true;
                Poll::Ready(events.map(|events| events.map(Frame::data)))
            }
            Poll::Pending => {
                ready!(self.poll_quiet(cx));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(KEEP_ALIVE.as_bytes())))))
            }
        }
    }
}
