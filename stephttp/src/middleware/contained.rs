//! Panics of middlewares where no handler is there to panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::error::Failure;

/// Contains a panic. The error is for the log.
pub(crate) async fn contained<T>(hook: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
    let mut hook = std::pin::pin!(hook);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| hook.as_mut().poll(cx))) {
        Ok(poll) => poll.map(|outcome| outcome.map_err(|failure| format!("a middleware failed: {failure}"))),
        Err(_) => Poll::Ready(Err("a middleware panicked".to_owned())),
    })
    .await
}
