//! A body whose connection breaks off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::Frame;

use super::Closed;

/// The beginning of a body, and an error after that.
#[derive(Debug)]
pub(super) struct Cut {
    left: usize,
    body: Body,
    last: LastWrite,
}

/// Lets the connection write what it was given before it hears of an error: it would drop that.
#[derive(Debug, Default)]
pub(super) struct LastWrite(bool);

impl LastWrite {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(Closed);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Cut {
    pub(super) fn after(bytes: usize, body: Body) -> Self {
        Self { left: bytes, body, last: LastWrite::default() }
    }
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let frame = match self.left {
            0 => None,
            _ => ready!(Pin::new(&mut self.body).poll_frame(cx)),
        };
        let Some(frame) = frame.transpose()? else {
            // That was all, also if it was less.
            self.left = 0;
            return self.last.poll(cx).map(|closed| Some(Err(closed.into())));
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(mut data) => {
                data.truncate(self.left);
                self.left -= data.len();
                Frame::data(data)
            }
            Err(other) => other,
        })))
    }
}
