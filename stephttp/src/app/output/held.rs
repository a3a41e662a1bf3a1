//! A body that is held for its client.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::pace::Pace;
use super::room::{FRAME, Taken};
use crate::sync::lock;
use crate::wire::RunId;

/// What is held for a client, and how it takes it.
#[derive(Debug)]
pub(crate) struct Held {
    run_id: RunId,
    /// `None` when the client was cut off.
    content: Mutex<Option<Content>>,
}

#[derive(Debug)]
struct Content {
    /// What the client has yet to take.
    rest: Bytes,
    /// Room for all of it, which stays while there is any.
    taken: Taken,
    pace: Pace,
}

impl Held {
    pub(crate) fn new(run_id: RunId, bytes: Bytes, taken: Taken) -> Arc<Self> {
        let content = Content { rest: bytes, taken, pace: Pace::begin() };
        Arc::new(Self { run_id, content: Mutex::new(Some(content)) })
    }

    pub(crate) fn run_id(&self) -> RunId {
        self.run_id
    }

    /// The bytes that it holds, if its client is slow.
    pub(crate) fn held_by_a_slow_client(&self) -> Option<usize> {
        self.content().as_ref().filter(|content| content.pace.is_slow()).map(|content| content.taken.bytes())
    }

    /// Lets go of it: what its client gets breaks off.
    pub(crate) fn cut_off(&self) {
        let content = self.content().take();
        drop(content);
    }

    fn content(&self) -> MutexGuard<'_, Option<Content>> {
        lock(&self.content)
    }
}

/// Gives a client what is held for it.
pub(crate) struct HeldBody(pub(crate) Arc<Held>);

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        let mut content = self.0.content();
        let Some(Content { rest, pace, .. }) = &mut *content else { return Poll::Ready(Some(Err(TooSlow))) };
        if rest.is_empty() {
            return Poll::Ready(None);
        }
        // A copy: a part of the whole would hold the whole, as long as the connection holds the
        // part.
        let frame = Bytes::copy_from_slice(&rest.split_to(rest.len().min(FRAME)));
        pace.took(frame.len());
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.content().as_ref().is_some_and(|content| content.rest.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.0.content() {
            Some(content) => SizeHint::with_exact(content.rest.len() as u64),
            None => SizeHint::default(),
        }
    }
}

/// The client takes its output too slowly, and others wait for room.
#[derive(Debug, thiserror::Error)]
#[error("the client takes the output too slowly, and others wait for the room that it needs")]
pub(crate) struct TooSlow;
