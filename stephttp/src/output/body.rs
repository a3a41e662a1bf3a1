//! Reading the body of Inngest's answer, and passing it on.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Sleep, sleep, timeout};

use super::room::{FRAME, Full, Room, SMALL, Taken};
use crate::client::{ApiError, OutputBody};

/// Bytes of an output: what a re-entry can answer with is half of it.
const MOST: usize = 16 * 1024 * 1024;
/// What reading a body whole may take.
const READING: Duration = Duration::from_secs(60);
/// For how long Inngest may say nothing in the middle of a body.
const SILENCE: Duration = Duration::from_secs(60);

/// An output's body, on its way to the client.
pub(super) enum Content {
    /// It was read whole.
    Whole(Bytes, Taken),
    /// It comes from Inngest as the client takes it.
    Passing(Passing),
    /// Nobody asks for it; it would have this length.
    Unread(Option<u64>),
}

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// It broke off, or does not come.
    Broken(ApiError),
    /// It is longer than any output.
    TooLong,
    /// The process holds too much for other clients.
    NoRoom,
}

impl From<Full> for Fault {
    fn from(Full: Full) -> Self {
        Self::NoRoom
    }
}

impl Content {
    /// Reads a body whole.
    pub(super) async fn whole(room: &Room, mut body: OutputBody) -> Result<Self, Fault> {
        check(&body)?;
        let mut read = BytesMut::new();
        let mut taken = Taken::default();
        if !read_until(&mut body, &mut read, SMALL).await? {
            let whole =
                body.size_hint().exact().map_or(MOST, |rest| saturating(rest).saturating_add(read.len()));
            taken = room.take(whole).await?;
            if let Some(rest) = body.size_hint().exact() {
                read.reserve(saturating(rest));
            }
            if !read_until(&mut body, &mut read, MOST).await? {
                return Err(Fault::TooLong);
            }
            // Of what nobody knew the length.
            room.adjust(&mut taken, read.len()).await?;
        }
        // What has grown by doubling holds up to twice as much.
        let is_loose = read.capacity() > read.len() + SMALL;
        let whole = if is_loose { Bytes::copy_from_slice(&read) } else { read.freeze() };
        Ok(Self::Whole(whole, taken))
    }

    /// Takes a body's beginning: nothing was promised to the client before, so that another attempt can be made. A small one is
    /// read whole.
    pub(super) async fn begun(mut body: OutputBody) -> Result<Self, Fault> {
        check(&body)?;
        let is_small = body.size_hint().exact().is_none_or(|length| length <= SMALL as u64);
        let mut read = BytesMut::new();
        if read_until(&mut body, &mut read, if is_small { SMALL } else { 1 }).await? {
            return Ok(Self::Whole(read.freeze(), Taken::default()));
        }
        let left = MOST.saturating_sub(read.len());
        Ok(Self::Passing(Passing { begun: read.freeze(), rest: body, left, silence: None }))
    }

    pub(super) fn into_body(self, room: &Room) -> Body {
        match self {
            Self::Whole(bytes, taken) => room.body(bytes, taken),
            Self::Passing(passing) => Body::new(passing),
            Self::Unread(length) => Body::new(Unread(length)),
        }
    }
}

/// Whether a body says itself that it is too long.
fn check(body: &OutputBody) -> Result<(), Fault> {
    if body.size_hint().lower() > MOST as u64 { Err(Fault::TooLong) } else { Ok(()) }
}

fn saturating(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Reads on until there is more than so much, or all; says whether it is all. Small frames are joined.
async fn read_until(body: &mut OutputBody, read: &mut BytesMut, most: usize) -> Result<bool, Fault> {
    let reading = async {
        while read.len() <= most {
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        read.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(Fault::Broken(error)),
                None => return Ok(true),
            }
        }
        Ok(false)
    };
    timeout(READING, reading).await.unwrap_or_else(|_| Err(Fault::Broken(ApiError::timed_out())))
}

/// A body that comes from Inngest as the client takes it. When it breaks off, so does the client's connection: what it has of it
/// never looks complete.
pub(super) struct Passing {
    begun: Bytes,
    rest: OutputBody,
    /// Bytes that may still come.
    left: usize,
    /// Runs while Inngest is waited for.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Passing {
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ApiError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.rest).poll_frame(cx) else {
                let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(SILENCE)));
                ready!(silence.as_mut().poll(cx));
                return Poll::Ready(Some(Err(ApiError::timed_out())));
            };
            self.silence = None;
            let Some(frame) = frame.transpose()? else { return Poll::Ready(None) };
            match frame.into_data() {
                Ok(data) if data.len() > self.left => {
                    return Poll::Ready(Some(Err(ApiError::answer("it is longer than any output"))));
                }
                Ok(data) if !data.is_empty() => {
                    self.left -= data.len();
                    return Poll::Ready(Some(Ok(data)));
                }
                // Nothing, or trailers, which results do not have.
                _ => {}
            }
        }
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = ApiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ApiError>>> {
        let this = &mut *self;
        if this.begun.is_empty() {
            match ready!(this.poll_rest(cx)) {
                Some(Ok(data)) => this.begun = data,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let frame = this.begun.split_to(this.begun.len().min(FRAME));
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.begun.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, begun) = (self.rest.size_hint(), self.begun.len() as u64);
        match rest.exact() {
            Some(rest) => SizeHint::with_exact(begun.saturating_add(rest)),
            None => SizeHint::default(),
        }
    }
}

/// A body that is not sent.
struct Unread(Option<u64>);

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
