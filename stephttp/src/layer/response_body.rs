//! The response's body: passed on to the client, and kept as the run's result.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::result::{self, Audience};
use crate::run::Run;
use crate::wire::ApiResult;
use crate::wire::limits::STEP_OUTPUT_BYTES;

/// A body that, when the client has had it, reports the run as finished.
pub(super) struct ReportingBody {
    inner: Body,
    /// `None` once the run was reported.
    pending: Option<Pending>,
}

struct Pending {
    run: Arc<Run>,
    status: StatusCode,
    headers: result::Headers,
    frames: Vec<Bytes>,
    length: usize,
    seen: Seen,
}

#[derive(PartialEq, Eq)]
enum Seen {
    Nothing,
    Part,
    All,
    TooMuch,
    /// Some of it has passed while the function kept it to itself.
    Omitted,
}

impl ReportingBody {
    pub(super) fn new(inner: Body, run: Arc<Run>, status: StatusCode, headers: &HeaderMap) -> Self {
        let headers = result::headers(headers, Audience::Viewers);
        let seen = if inner.is_end_stream() { Seen::All } else { Seen::Nothing };
        Self { inner, pending: Some(Pending { run, status, headers, frames: Vec::new(), length: 0, seen }) }
    }
}

impl HttpBody for ReportingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        if let Some(pending) = &mut this.pending {
            match &frame {
                Some(Ok(frame)) => pending.keep(frame, this.inner.is_end_stream()),
                Some(Err(_)) => {}
                None => pending.end(),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The server drops the body when it has passed the last of it on, or when the client is gone.
impl Drop for ReportingBody {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.report();
        }
    }
}

impl Pending {
    fn keep(&mut self, frame: &Frame<Bytes>, at_end: bool) {
        if self.run.omits_response_body() {
            self.frames = Vec::new();
            if frame.is_data() {
                self.seen = Seen::Omitted;
            }
        }
        if self.seen == Seen::Omitted {
            return;
        }
        if let (Some(data), true) = (frame.data_ref(), self.seen != Seen::TooMuch) {
            self.length += data.len();
            if self.length > STEP_OUTPUT_BYTES {
                self.frames = Vec::new();
                self.seen = Seen::TooMuch;
            } else {
                self.frames.push(data.clone());
                self.seen = Seen::Part;
            }
        }
        if at_end {
            self.end();
        }
    }

    fn end(&mut self) {
        if matches!(self.seen, Seen::Nothing | Seen::Part) {
            self.seen = Seen::All;
        }
    }

    fn report(self) {
        let Self { run, status, mut headers, mut frames, length, mut seen } = self;
        // Said before the response has ended.
        if run.omits_response_body() || seen == Seen::Omitted {
            (frames, seen) = (Vec::new(), Seen::Omitted);
            result::omit_body(&mut headers);
        }
        let (run_id, elapsed) = (run.id(), run.elapsed());
        let held = frames.iter().map(Bytes::len).sum();
        run.report_finished(held, move || {
            let omitted = |why: &str| {
                tracing::info!(
                    %run_id,
                    status = status.as_u16(),
                    length,
                    "the response's body is not stored with its run: {why}"
                );
                String::new()
            };
            let body = match seen {
                // A HEAD request's response, say.
                Seen::Nothing | Seen::Omitted => String::new(),
                Seen::All => {
                    String::from_utf8(frames.concat()).unwrap_or_else(|_| omitted("it is not UTF-8"))
                }
                Seen::Part => omitted("the client did not take all of it"),
                Seen::TooMuch => omitted("it is over 4 MiB"),
            };
            let mut result = ApiResult::new(status.as_u16()).body(body).duration(elapsed);
            result.headers = headers;
            result
        });
    }
}
