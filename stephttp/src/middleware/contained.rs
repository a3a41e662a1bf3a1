//! Middlewares that panic, or never end, where no handler is there to do so in their place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use super::Execution;
use crate::error::Failure;
use crate::untrusted::shown;

/// What a middleware may take where clients, or the reports of other runs, wait for it.
const MOST: Duration = Duration::from_secs(30);

/// What a middleware has done wrong. It is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MiddlewareFault {
    #[error("a middleware failed: {}", shown(&.0.to_string()))]
    Failed(Failure),
    #[error("a middleware panicked")]
    Panicked,
    #[error("a middleware was given up after {MOST:?}")]
    TooLong,
    /// Inngest keeps text only.
    #[error("what a middleware made of it is not UTF-8")]
    NotText,
}

/// Contains a panic, and gives up what takes too long.
pub(crate) async fn contained<T>(
    hook: impl Future<Output = Result<T, Failure>>,
) -> Result<T, MiddlewareFault> {
    let mut hook = std::pin::pin!(hook);
    let contained =
        std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| hook.as_mut().poll(cx))) {
            Ok(poll) => poll.map_err(MiddlewareFault::Failed),
            Err(_) => Poll::Ready(Err(MiddlewareFault::Panicked)),
        });
    tokio::time::timeout(MOST, contained).await.unwrap_or(Err(MiddlewareFault::TooLong))
}

/// Tells a middleware of something, or asks it for what the run does without. What it does wrong
/// changes nothing, and is only logged: `None` then.
pub(crate) async fn told<T>(when: &str, execution: &Execution, hook: impl Future<Output = T>) -> Option<T> {
    let outcome = contained(async { Ok(hook.await) }).await;
    let log = |fault: &MiddlewareFault| {
        let function = execution.function_id().map(|id| shown(id).to_string());
        tracing::error!(run_id = %execution.run_id(), function, "{when}: {fault}");
    };
    outcome.inspect_err(log).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_given_up() {
        let fault = contained(std::future::pending::<Result<(), Failure>>()).await.unwrap_err();
        assert_eq!(fault.to_string(), "a middleware was given up after 30s");
        let slow = async {
            tokio::time::sleep(MOST / 2).await;
            Ok(7)
        };
        assert_eq!(contained(slow).await.unwrap(), 7);
    }
}
