//! The response's body: passed on to the client, and kept as the run's result.
//!
//! What is kept counts in the backlog. A stream of events is not kept: it may never end. Where a
//! run is reported before its response ends, the body's end waits for that here.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::held_end::{End, Polled};
use super::linger::Linger;
use crate::checkpoint::{self, Taken};
use crate::delivery::KeptResponse;
use crate::exchange::result;
use crate::exchange::result::Audience;
use crate::run::Run;
use crate::untrusted::{Complaint, shown};
use crate::wire::ApiResult;
use crate::wire::headers::BODY_NOT_STORED;
use crate::wire::limits::STEP_OUTPUT_BYTES;

/// A body that, when the client has had it, reports the run as finished.
pub(super) struct ReportingBody {
    inner: Body,
    /// `None` once the run was reported.
    pending: Option<Pending>,
    end: End,
}

struct Pending {
    run: Arc<Run>,
    status: StatusCode,
    headers: result::Headers,
    /// How long the body is to be, where that is said. The server may not ask for more than that,
    /// so it may not see the end.
    announced: Option<u64>,
    kept: Kept,
    length: usize,
    seen: Seen,
    linger: Linger,
}

const TOO_MANY: &str = "too many responses were under way, see `SetupOpts::backlog_bytes`";

/// What is kept of a body.
enum Kept {
    Nothing,
    /// It has come in one piece.
    Whole(Bytes),
    /// What has come counts in the backlog.
    Parts(KeptResponse),
}

#[derive(PartialEq, Eq)]
enum Seen {
    Nothing,
    Part,
    All,
    TooMuch,
    /// It is not kept; the text says why.
    NotKept(&'static str),
    /// Its stream failed; the text says how.
    Broken(String),
    /// Some of it has passed while the function kept it to itself.
    Omitted,
}

impl ReportingBody {
    /// With what the response's head is to wait for, if that is what ends the response.
    pub(super) fn new(
        inner: Body,
        run: Arc<Run>,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> (Self, Option<Taken>) {
        let announced = inner.size_hint().exact().or_else(|| content_length(headers));
        let seen = match inner.is_end_stream() || announced == Some(0) {
            true => Seen::All,
            false if is_event_stream(headers) => Seen::NotKept("it is a stream of events"),
            false => Seen::Nothing,
        };
        // Servers do not ask for a body then.
        let ends_with_head = seen == Seen::All || !has_body(&run, status);
        let headers = result::headers(headers, Audience::Viewers);
        let (kept, linger) = (Kept::Nothing, Linger::default());
        let first = run.delivers_first();
        let pending = Pending { run, status, headers, announced, kept, length: 0, seen, linger };
        if first && ends_with_head {
            return (Self { inner, pending: None, end: End::Free }, pending.report());
        }
        let end = if first { End::Awaited } else { End::Free };
        (Self { inner, pending: Some(pending), end }, None)
    }
}

/// Server-sent events.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl HttpBody for ReportingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Some(end) = this.end.poll(cx) {
            return end;
        }
        let poll = Pin::new(&mut this.inner).poll_frame(cx);
        let Some(pending) = &mut this.pending else { return poll };
        let is_end = match &poll {
            Poll::Ready(Some(Ok(frame))) => pending.keep(frame, this.inner.is_end_stream()),
            Poll::Ready(Some(Err(error))) => {
                pending.break_off(error);
                true
            }
            Poll::Ready(None) => {
                pending.end();
                true
            }
            Poll::Pending => {
                // A stream may last for hours: the run's steps are not held until its end.
                pending.linger.poll(&pending.run, cx);
                false
            }
        };
        match poll {
            Poll::Ready(last) if is_end && this.end.is_awaited() => this.hold_end(last, cx),
            poll => poll,
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.end.is_to_come() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.end.with_held(self.inner.size_hint())
    }
}

impl ReportingBody {
    /// The body has come to its end, which waits for the run's report from here on.
    fn hold_end(&mut self, last: Polled, cx: &mut Context<'_>) -> Poll<Polled> {
        let has_length = self.pending.as_ref().is_some_and(Pending::has_all);
        self.end.free();
        let Some(taken) = self.pending.take().and_then(Pending::report) else { return Poll::Ready(last) };
        // Without a length it is known only afterwards that a frame of data was the last: what ends
        // the response is that no more comes.
        if !has_length && matches!(&last, Some(Ok(frame)) if frame.is_data()) {
            self.end.hold(taken, None);
            return Poll::Ready(last);
        }
        self.end.hold(taken, last);
        self.end.poll(cx).unwrap_or(Poll::Pending)
    }
}

/// The server drops the body when it has passed the last of it on, or when the client is gone.
impl Drop for ReportingBody {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            drop(pending.report());
        }
    }
}

impl Pending {
    /// Keeps a frame. Whether it is the last.
    fn keep(&mut self, frame: &Frame<Bytes>, at_end: bool) -> bool {
        let data = frame.data_ref();
        self.length += data.map_or(0, Bytes::len);
        // After trailers nothing comes, and servers do not ask.
        let is_last = at_end || frame.is_trailers() || self.has_all();
        if self.run.omits_response_body() {
            self.let_go();
            if frame.is_data() {
                self.seen = Seen::Omitted;
            }
        }
        if let (Some(data), Seen::Nothing | Seen::Part) = (data, &self.seen) {
            self.keep_data(data, is_last);
        }
        if is_last {
            self.end();
        }
        is_last
    }

    /// Whether as much has come as was announced.
    fn has_all(&self) -> bool {
        self.announced.is_some_and(|announced| self.length as u64 >= announced)
    }

    fn keep_data(&mut self, data: &Bytes, is_last: bool) {
        if self.length > STEP_OUTPUT_BYTES {
            self.let_go();
            self.seen = Seen::TooMuch;
        } else if is_last && self.seen == Seen::Nothing {
            // No client makes this last.
            self.kept = Kept::Whole(data.clone());
        } else if self.push(data) {
            self.seen = Seen::Part;
        } else {
            self.let_go();
            self.seen = Seen::NotKept(TOO_MANY);
        }
    }

    fn push(&mut self, data: &Bytes) -> bool {
        let Some(app) = self.run.app() else { return false };
        let responses = app.backlog().responses();
        if matches!(self.kept, Kept::Nothing) {
            self.kept = Kept::Parts(responses.begin());
        }
        let is_kept = matches!(&self.kept, Kept::Parts(response) if responses.push(response, data));
        app.backlog().changed();
        is_kept
    }

    /// Nothing of it will be stored.
    fn let_go(&mut self) {
        drop(self.take());
    }

    /// What is kept, which counts no longer here; `None` when it was let go of.
    fn take(&mut self) -> Option<Bytes> {
        match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Nothing => Some(Bytes::new()),
            Kept::Whole(bytes) => Some(bytes),
            Kept::Parts(response) => {
                let backlog = self.run.app()?.backlog();
                let joined = backlog.responses().take(&response);
                backlog.changed();
                Some(joined?.join())
            }
        }
    }

    fn end(&mut self) {
        if matches!(self.seen, Seen::Nothing | Seen::Part) {
            self.seen = Seen::All;
        }
    }

    fn break_off(&mut self, error: &axum::Error) {
        if self.seen != Seen::Omitted {
            if let Some(left_out) = self.run.admits_line(Complaint::ResponseBody) {
                let (run, length, error) = (&self.run, self.length, error.to_string());
                tracing::warn!(run_id = %run.id(), function = run.log_name(), length, error = %shown(&error), left_out, "the response's stream failed");
            }
            self.let_go();
            // It may quote what a handler passes on.
            self.seen = Seen::Broken(shown(&error.to_string()).to_string());
        }
    }

    fn report(mut self) -> Option<Taken> {
        let mut kept = self.take();
        let Self { run, status, mut headers, length, mut seen, .. } = self;
        // Said before the response has ended.
        if run.omits_response_body() || seen == Seen::Omitted {
            (kept, seen) = (None, Seen::Omitted);
        } else if std::thread::panicking() {
            (kept, seen) = (None, Seen::Broken("it panicked".to_owned()));
        } else if kept.is_none() && matches!(seen, Seen::Part | Seen::All) {
            seen = Seen::NotKept(TOO_MANY);
        }
        let kept = kept.unwrap_or_default();
        let is_expected = has_body(&run, status);
        let elapsed = run.elapsed();
        let line = run.clone();
        let held = kept.len();
        checkpoint::report_finished(&run, held, move || {
            let body = match seen {
                Seen::Omitted => Err(None),
                Seen::Nothing if !is_expected => Ok(String::new()),
                Seen::All => text(kept, &headers).map_err(Some),
                Seen::Nothing => Err(Some("the client took none of it".to_owned())),
                Seen::Part => Err(Some("the client did not take all of it".to_owned())),
                Seen::TooMuch => Err(Some("it is over 4 MiB".to_owned())),
                Seen::NotKept(why) => Err(Some(why.to_owned())),
                Seen::Broken(error) => Err(Some(format!("its stream failed: {error}"))),
            };
            let body = body.unwrap_or_else(|why| {
                result::omit_body(&mut headers);
                if let Some(why) = why {
                    if let Some(left_out) = line.admits_line(Complaint::ResponseBody) {
                        let status = status.as_u16();
                        tracing::info!(
                            run_id = %line.id(),
                            function = line.log_name(),
                            status,
                            length,
                            left_out,
                            "the response's body is not stored with its run: {why}"
                        );
                    }
                    headers.insert(BODY_NOT_STORED.into(), why.into());
                }
                String::new()
            });
            let mut result = ApiResult::new(status.as_u16()).body(body).duration(elapsed);
            result.headers = headers;
            result
        })
    }
}

/// Whether a response to this request, with this status, has a body, if the handler gives it one.
fn has_body(run: &Run, status: StatusCode) -> bool {
    let is_head = run.head().is_some_and(|head| head.method() == Method::HEAD);
    let never = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    !is_head && !status.is_informational() && !never.contains(&status)
}

/// The whole body as Inngest keeps it. The error says why it cannot.
fn text(body: Bytes, headers: &result::Headers) -> Result<String, String> {
    let encoding = headers.get(CONTENT_ENCODING.as_str()).filter(|_| !body.is_empty());
    if let Some(encoding) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(format!(
            "it has `content-encoding: {encoding}`. What a middleware compresses is stored as it was if that comes \
             after the stephttp layer: `.layer(inngest.layer()).layer(CompressionLayer::new())`"
        ));
    }
    String::from_utf8(body.into()).map_err(|_| "it is not UTF-8".to_owned())
}
