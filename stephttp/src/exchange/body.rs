//! The request's body: passed on to the handler, and kept for re-entries.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::sync::lock;
use crate::untrusted::Joined;
use crate::wire::limits::REQUEST_BODY_BYTES;

/// What is kept of the body of a request whose handler has not asked for a `Step`: a middleware
/// below the layer may read the body before the handler's extractors do.
const UNTRACKED_BYTES: usize = 64 * 1024;

/// How long a client may take to send the rest of a body that its handler did not read.
const REST: Duration = Duration::from_secs(10);

/// What has been seen of a request's body.
#[derive(Default)]
pub(crate) struct RequestBody {
    kept: Mutex<Kept>,
    /// Locked by who reads the rest.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    bytes: Joined,
    /// Also when it is too long, and nothing of it is kept.
    length: usize,
    seen: Seen,
}

#[derive(Default)]
enum Seen {
    /// There was none, or all of it has been seen.
    #[default]
    Complete,
    /// It is being read.
    Reading,
    /// Its reader let go of it; this is the rest.
    Unread(Body),
    /// It has more bytes than Inngest keeps; the text says how many.
    TooLong(String),
    /// It cannot be kept; the text says why.
    Lost(String),
    /// The function keeps it to itself: runs have an empty one.
    Omitted,
}

/// Why a request's body cannot be kept with its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// It has not been read to its end.
    Incomplete,
    /// It has more bytes than Inngest keeps; the text says how many.
    TooLong(String),
    /// For good; the text says why.
    Lost(String),
}

impl RequestBody {
    /// The whole body, reading what the handler left.
    pub(crate) async fn complete(&self) -> Result<Bytes, BodyFault> {
        let _reading = self.reading.lock().await;
        let rest = self.lock().take_rest();
        if let Some(mut rest) = rest {
            let reading = async {
                while let Some(frame) = rest.frame().await {
                    match frame {
                        Ok(frame) => self.keep(frame.data_ref(), REQUEST_BODY_BYTES),
                        Err(error) => {
                            return self
                                .lose(format!("the rest of the request's body did not come: {error}"));
                        }
                    }
                    if !matches!(self.lock().seen, Seen::Reading) {
                        return;
                    }
                }
                self.lock().end();
            };
            if tokio::time::timeout(REST, reading).await.is_err() {
                self.lose(format!("the rest of the request's body did not come within {REST:?}"));
            }
        }
        self.seen()
    }

    /// The whole body, if it has been read.
    pub(crate) fn seen(&self) -> Result<Bytes, BodyFault> {
        let mut kept = self.lock();
        match &kept.seen {
            Seen::Reading | Seen::Unread(_) => Err(BodyFault::Incomplete),
            Seen::TooLong(reason) => Err(BodyFault::TooLong(reason.clone())),
            Seen::Lost(reason) => Err(BodyFault::Lost(reason.clone())),
            Seen::Complete => Ok(kept.bytes.join()),
            Seen::Omitted => Ok(Bytes::new()),
        }
    }

    /// From now on it counts as empty, and nothing of it is held. What the handler has not read is
    /// let go of.
    pub(crate) fn omit(&self) {
        let mut kept = self.lock();
        let former = std::mem::take(&mut *kept);
        kept.seen = Seen::Omitted;
        drop(kept);
        // A body may do what it likes when it is dropped: not under the lock.
        drop(former);
    }

    /// Bytes that are kept.
    pub(crate) fn kept_length(&self) -> usize {
        self.lock().bytes.len()
    }

    /// Lets go of what the handler did not read, as it would have without the layer.
    pub(crate) fn release(&self) {
        let mut kept = self.lock();
        if matches!(kept.seen, Seen::Unread(_)) {
            kept.seen = Seen::Reading;
        }
    }

    fn keep(&self, data: Option<&Bytes>, limit: usize) {
        let mut kept = self.lock();
        if let (Some(data), Seen::Reading) = (data, &kept.seen) {
            kept.length += data.len();
            if kept.length > limit {
                kept.bytes = Joined::default();
                kept.seen = too_long(limit);
            } else {
                kept.bytes.push(data);
            }
        }
    }

    fn lose(&self, reason: String) {
        let mut kept = self.lock();
        if !matches!(kept.seen, Seen::Omitted) {
            kept.bytes = Joined::default();
            kept.seen = Seen::Lost(reason);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}

impl Kept {
    /// What the handler left unread, to be read now.
    fn take_rest(&mut self) -> Option<Body> {
        match std::mem::replace(&mut self.seen, Seen::Reading) {
            Seen::Unread(rest) => Some(rest),
            other => {
                self.seen = other;
                None
            }
        }
    }

    /// All of it has been seen.
    fn end(&mut self) {
        if matches!(self.seen, Seen::Reading) {
            self.seen = Seen::Complete;
        }
    }
}

fn too_long(limit: usize) -> Seen {
    if limit < REQUEST_BODY_BYTES {
        return Seen::Lost(format!(
            "the request's body was read, over {limit} bytes of it, before the handler asked for its `Step`: put the \
             stephttp layer below the middleware that reads bodies"
        ));
    }
    Seen::TooLong(format!(
        "the request's body has more than {limit} bytes, the most that Inngest can keep with a run"
    ))
}

/// Whose request a body is.
pub(crate) trait Keeps: Send + Sync {
    /// What is kept of the body.
    fn body(&self) -> &RequestBody;

    /// Whether the request may turn out to be recorded.
    fn may_be_recorded(&self) -> bool;
}

/// Keeps what passes through.
pub(crate) fn keep(keeper: Arc<dyn Keeps>, body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    keeper.body().lock().seen = Seen::Reading;
    Body::new(KeptBody { inner: Some(body), keeper })
}

struct KeptBody {
    /// `None` once it has ended.
    inner: Option<Body>,
    keeper: Arc<dyn Keeps>,
}

impl KeptBody {
    fn end(&mut self) {
        self.inner = None;
        self.keeper.body().lock().end();
    }
}

impl HttpBody for KeptBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(&mut *inner).poll_frame(cx));
        let at_end = inner.is_end_stream();
        match &frame {
            Some(Ok(frame)) => {
                let limit = if self.keeper.may_be_recorded() { REQUEST_BODY_BYTES } else { UNTRACKED_BYTES };
                self.keeper.body().keep(frame.data_ref(), limit);
                if at_end {
                    self.end();
                }
            }
            Some(Err(error)) => self.keeper.body().lose(format!("the request's body broke off: {error}")),
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for KeptBody {
    fn drop(&mut self) {
        let Some(rest) = self.inner.take() else { return };
        let mut kept = self.keeper.body().lock();
        // A handler may take its `Step` after its body was dropped. If it takes none, the layer
        // lets go of the rest.
        if matches!(kept.seen, Seen::Reading) {
            kept.seen = Seen::Unread(rest);
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("length", &self.lock().length).finish_non_exhaustive()
    }
}
