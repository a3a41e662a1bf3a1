//! What a subscriber of a stream gets, as a body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::Frame;
use inngest::wire::realtime::KEEP_ALIVE_INTERVAL;
use tokio::time::Interval;

use super::Closed;
use super::cut::LastWrite;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::realtime::{Item, Subscription};

/// A subscription as a body. It ends when the body is dropped: the client has gone.
#[derive(Debug)]
pub(super) struct Listening {
    engine: Arc<Engine>,
    subscription: Subscription,
    /// Where time is real, it has to be looked at.
    looks: Option<Interval>,
    /// Set once it breaks off.
    last: Option<LastWrite>,
}

impl Listening {
    pub(super) fn new(engine: Arc<Engine>, subscription: Subscription) -> Self {
        let real = engine.settings.clock == Clock::Real;
        let looks = real.then(|| tokio::time::interval(KEEP_ALIVE_INTERVAL));
        Self { engine, subscription, looks, last: None }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.engine.change(|state| state.realtime.subscribers.remove(self.subscription.id));
    }
}

impl HttpBody for Listening {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        loop {
            if let Some(last) = &mut self.last {
                return last.poll(cx).map(|closed| Some(Err(closed)));
            }
            match self.subscription.items.poll_recv(cx) {
                Poll::Ready(Some(Item::Bytes(bytes))) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Poll::Ready(Some(Item::Break) | None) => {
                    self.last = Some(LastWrite::default());
                    continue;
                }
                Poll::Pending => {}
            }
            let Some(looks) = &mut self.looks else { return Poll::Pending };
            if looks.poll_tick(cx).is_pending() {
                return Poll::Pending;
            }
            // Every change looks at what has become due.
            self.engine.change(|_| {});
        }
    }
}
