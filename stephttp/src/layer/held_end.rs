//! The end of a response's body, where it waits for its run's report.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::checkpoint::Taken;

/// What a body gives when it is polled.
pub(super) type Polled = Option<Result<Frame<Bytes>, axum::Error>>;

/// The end of a body.
pub(super) enum End {
    /// It is passed on as it comes.
    Free,
    /// It has not come, and is going to wait.
    Awaited,
    /// It has come, and waits.
    Held(Box<Held>),
}

/// An end that waits.
pub(super) struct Held {
    taken: Taken,
    last: Polled,
}

impl End {
    /// Whether it is to wait once it has come.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Self::Awaited)
    }

    /// Whether the body must be polled once more.
    pub(super) fn is_to_come(&self) -> bool {
        !matches!(self, Self::Free)
    }

    /// It does not wait any more.
    pub(super) fn free(&mut self) {
        *self = Self::Free;
    }

    /// It has come: a last frame, an error, or that there is no more.
    pub(super) fn hold(&mut self, taken: Taken, last: Polled) {
        *self = Self::Held(Box::new(Held { taken, last }));
    }

    /// The end, when it has waited for long enough; `None` as long as it has not come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Poll<Polled>> {
        let Self::Held(held) = self else { return None };
        Some(match Pin::new(&mut held.taken).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let last = held.last.take();
                *self = Self::Free;
                Poll::Ready(last)
            }
        })
    }

    /// What is left of a body, with what is held of it.
    pub(super) fn with_held(&self, mut left: SizeHint) -> SizeHint {
        if let Self::Held(held) = self
            && let Some(Ok(frame)) = &held.last
            && let Some(data) = frame.data_ref()
        {
            let (length, upper) = (data.len() as u64, left.upper());
            left.set_lower(left.lower().saturating_add(length));
            if let Some(upper) = upper {
                left.set_upper(upper.saturating_add(length));
            }
        }
        left
    }
}
