//! Reading the body of Inngest's answer, and passing it on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Sleep, sleep};

use crate::app::{App, FRAME, Full, OutputRoom, SMALL, Taken};
use crate::client::{ApiError, OutputBody};
use crate::untrusted::Complaint;
use crate::wire::RunId;
use crate::wire::limits::REENTRY_ANSWER_BYTES;

/// Bytes of a body that is read or passed on. An output has at most what a re-entry can answer
/// with; twice that, since it is Inngest that limits it, and this is only there for what has no
/// end.
const MOST: usize = 2 * REENTRY_ANSWER_BYTES;
/// The steps in which room is taken for a body of unknown length.
const STEP: usize = 1024 * 1024;
/// For how long Inngest may say nothing in the middle of a body that is passed on.
const SILENCE: Duration = Duration::from_secs(60);

/// An output's body, on its way to the client.
pub(super) enum Content {
    /// It was read whole.
    Whole(Bytes, Taken),
    /// It comes from Inngest as the client takes it.
    Passing(Box<Passing>),
    /// Nobody asks for it; it would have this length.
    Unread(Option<u64>),
}

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum Problem {
    /// It broke off, or does not come.
    Broken(ApiError),
    /// It is longer than any output.
    TooLong,
    /// The process holds too much for other clients.
    NoRoom,
}

impl From<Full> for Problem {
    fn from(Full: Full) -> Self {
        Self::NoRoom
    }
}

impl Content {
    /// Reads a body whole. Room for one of known length is taken at once; for another in steps,
    /// without waiting for more while something is held.
    pub(super) async fn whole(
        room: &OutputRoom,
        run_id: RunId,
        mut body: OutputBody,
    ) -> Result<Self, Problem> {
        check(&body)?;
        let (mut read, mut taken) = (Vec::new(), Taken::default());
        let mut space = SMALL;
        while let Some(data) = next(&mut body).await? {
            let length = read.len() + data.len();
            if length > MOST {
                return Err(Problem::TooLong);
            }
            if length > space {
                let more = body.size_hint().exact().map_or(STEP, saturating);
                let wanted = length.saturating_add(more).min(MOST);
                if space == SMALL {
                    taken = room.take(run_id, wanted).await?;
                } else {
                    room.adjust(run_id, &mut taken, wanted)?;
                }
                space = wanted;
                // No more than that: growing by doubling would take up to twice as much.
                read.reserve_exact(space - read.len());
            }
            read.extend_from_slice(&data);
        }
        read.shrink_to_fit();
        room.adjust(run_id, &mut taken, read.len())?;
        Ok(Self::Whole(read.into(), taken))
    }

    /// Takes a body's beginning: nothing was promised to the client before, so that another attempt
    /// can be made. A small one is read whole.
    pub(super) async fn begun(mut body: OutputBody) -> Result<Self, Problem> {
        check(&body)?;
        let is_small = body.size_hint().exact().is_none_or(|length| length <= SMALL as u64);
        let most = if is_small { SMALL } else { 0 };
        let mut read = Vec::new();
        while let Some(data) = next(&mut body).await? {
            read.extend_from_slice(&data);
            if read.len() > most {
                let left = MOST.saturating_sub(read.len());
                let begun = read.into();
                let passing =
                    Passing { begun, last: Bytes::new(), rest: body, left, silence: None, of: None };
                return Ok(Self::Passing(Box::new(passing)));
            }
        }
        Ok(Self::Whole(read.into(), Taken::default()))
    }

    /// What a run's client is given.
    pub(super) fn into_body(self, app: &Arc<App>, run_id: RunId) -> Body {
        match self {
            Self::Whole(bytes, taken) => app.output_room().body(run_id, bytes, taken),
            Self::Passing(passing) => Body::new(Passing { of: Some((app.clone(), run_id)), ..*passing }),
            Self::Unread(length) => Body::new(Unread(length)),
        }
    }
}

/// Whether a body says itself that it is too long.
fn check(body: &OutputBody) -> Result<(), Problem> {
    if body.size_hint().lower() > MOST as u64 { Err(Problem::TooLong) } else { Ok(()) }
}

fn saturating(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// What comes next of a body; `None` at its end.
async fn next(body: &mut OutputBody) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        match frame.map_err(Problem::Broken)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            // Nothing, or trailers, which results do not have.
            _ => {}
        }
    }
    Ok(None)
}

/// A body that comes from Inngest as the client takes it. When it breaks off, so does the client's
/// connection: what it has of it never looks complete.
pub(super) struct Passing {
    begun: Bytes,
    /// What `begun` is the rest of, kept until more has come: the connection to Inngest enlarges a
    /// buffer that nobody else holds by more than it needs, and then fills it.
    last: Bytes,
    rest: OutputBody,
    /// Bytes that may still come.
    left: usize,
    /// Runs while Inngest is waited for.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whose it is, for the log.
    of: Option<(Arc<App>, RunId)>,
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

    fn say_broken_off(&self, error: &ApiError) {
        if let Some((app, run_id)) = &self.of
            && let Some(left_out) = app.admits_line(Complaint::Output)
        {
            let error = error.report();
            tracing::warn!(%run_id, error, left_out, "a run's output broke off while it was passed on: its client's connection is closed");
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
                Some(Ok(data)) => {
                    this.last = data.clone();
                    this.begun = data;
                }
                Some(Err(error)) => {
                    this.say_broken_off(&error);
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
        // A copy: a part of what came would hold all of it, as long as the connection holds the
        // part.
        let frame = Bytes::copy_from_slice(&this.begun.split_to(this.begun.len().min(FRAME)));
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
