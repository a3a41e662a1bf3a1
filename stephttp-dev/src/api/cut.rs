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
}

impl Cut {
    pub(super) fn after(bytes: usize, body: Body) -> Self {
        Self { left: bytes, body }
    }
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(Some(Err(Closed.into())));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(frame) => frame?,
            // It was no longer than that.
            None => return Poll::Ready(Some(Err(Closed.into()))),
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
