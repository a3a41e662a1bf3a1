//! Middlewares that panic, or never end, where no handler is there to do so in their place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use crate::error::Failure;
use crate::untrusted::shown;

/// What a middleware may take where clients, or the reports of other runs, wait for it.
const MOST: Duration = Duration::from_secs(30);

/// Contains a panic, and gives up what takes too long. The error is for the log.
pub(crate) async fn contained<T>(hook: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
    let mut hook = std::pin::pin!(hook);
    let contained =
        std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| hook.as_mut().poll(cx))) {
            Ok(poll) => {
                let fault =
                    |failure: Failure| format!("a middleware failed: {}", shown(&failure.to_string()));
                poll.map(|outcome| outcome.map_err(fault))
            }
            Err(_) => Poll::Ready(Err("a middleware panicked".to_owned())),
        });
    let too_long = |_| Err(format!("a middleware was given up after {MOST:?}"));
    tokio::time::timeout(MOST, contained).await.unwrap_or_else(too_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_given_up() {
        let fault = contained(std::future::pending::<Result<(), Failure>>()).await.unwrap_err();
        assert_eq!(fault, "a middleware was given up after 30s");
        let slow = async {
            tokio::time::sleep(MOST / 2).await;
            Ok(7)
        };
        assert_eq!(contained(slow).await, Ok(7));
    }
}
