//! What bounds a step's attempts: how long each may take, and how many there are.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Failed, RunStep};
use crate::error::{Retry, STEP_TIMEOUT};
use crate::journal::StepKey;
use crate::run::Run;
use crate::untrusted::shown;
use crate::wire::OpError;

impl<F, T> RunStep<F, T> {
    /// Sets a time limit for each attempt of the step. When the limit is over, the step's future is
    /// dropped, and the attempt has failed; the step is retried as after any failure. After the
    /// last attempt the handler gets a [`StepError`](crate::StepError) with the name `StepTimeout`,
    /// for which [`is_timeout`](crate::StepError::is_timeout) returns `true`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use inngest::{Failure, Step, StepError};
    /// # async fn charge() -> Result<u32, Failure> { Ok(7) }
    /// # async fn handler(step: Step) -> Result<(), StepError> {
    /// let charge = step.run("charge-card", charge()).timeout(Duration::from_secs(60)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// The limit counts from the first poll of the step's future, by tokio's clock. It does not
    /// include the time before the step may begin (because of other steps, or because too much
    /// waits for Inngest), or the time that [middlewares](crate::middleware::Middleware) take
    /// before and after the step. It does not apply to a stored result.
    ///
    /// It takes the place of the function's [`step_timeout`](crate::FnOpts::step_timeout) and of
    /// the [provider's](crate::SetupOpts::step_timeout); `Duration::MAX` is no limit. With a limit
    /// of zero, which is what is left of a deadline that is over, an attempt has failed before its
    /// future is polled: it counts as one whose time is over.
    ///
    /// **The limit takes effect only at an `.await`.** A future that blocks its thread, or computes
    /// without an `.await`, continues to the next one. The limit does not stop work that the future
    /// has started elsewhere, with `tokio::spawn`, `spawn_blocking` or a request to another
    /// service: give the service an [`idempotency_key`](crate::Step::idempotency_key).
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.set_timeout(limit);
        self
    }

    /// Sets how often the step is retried, if that is less than the function's
    /// [`retries`](crate::FnOpts::retries). The first attempt is not counted: with 0 the step has
    /// one attempt.
    ///
    /// ```
    /// # use inngest::{Failure, Step, StepError};
    /// # async fn charge() -> Result<u32, Failure> { Ok(7) }
    /// #[inngest::api_fn(id = "charge-twice-at-most", retries = 5)]
    /// async fn order(step: Step) -> Result<String, StepError> {
    ///     // Not more than twice, whatever comes of it.
    ///     let charge = step.run("charge-card", charge()).retries(1).await?;
    ///     Ok(format!("charge {charge}"))
    /// }
    /// # let _ = order;
    /// ```
    ///
    /// **The smaller of the two counts**: Inngest makes no more attempts than the function says.
    /// Attempts are counted with the run, whichever requests and processes make them, in the first
    /// request and in re-entries, alone and beside other branches. One that was cut off before its
    /// failure was saved, since its process died, is not counted.
    pub fn retries(mut self, retries: u8) -> Self {
        self.set_retries(retries);
        self
    }

    pub(in crate::step) fn set_timeout(&mut self, limit: Duration) {
        self.limits.timeout = Some(limit);
    }

    pub(in crate::step) fn set_retries(&mut self, retries: u8) {
        self.limits.retries = Some(retries);
    }
}

/// What a step says of its attempts, and the time of the one that is under way.
#[derive(Default)]
pub(super) struct Limits {
    /// Unless the step says it, the function's or the provider's, once its attempt has begun.
    timeout: Option<Duration>,
    retries: Option<u8>,
    has_begun: bool,
    /// Not among what a task may do in one go: a future that uses that up is to be stopped too.
    timer: Option<Pin<Box<Unconstrained<Sleep>>>>,
}

impl Limits {
    /// Retries that the step has of the function's.
    pub(super) fn retries(&self) -> Option<u8> {
        self.retries
    }

    /// The attempt begins, or goes on.
    fn begin(&mut self, run: &Run) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        self.timeout = self.timeout.or_else(|| run.step_timeout());
        // A time that no clock can show never comes. Without tokio, as in a unit test, there is no
        // clock.
        let end = self.timeout.and_then(|limit| Instant::now().checked_add(limit));
        let end = end.filter(|_| !self.has_no_time() && Handle::try_current().is_ok());
        self.timer = end.map(|end| Box::pin(unconstrained(sleep_until(end))));
    }

    /// Whether the attempt's time is over before it begins.
    fn has_no_time(&self) -> bool {
        self.timeout.is_some_and(|limit| limit.is_zero())
    }

    /// The limit, once the attempt has lasted so long.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let (Some(timer), Some(limit)) = (&mut self.timer, self.timeout) else { return Poll::Pending };
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(limit)
    }
}

/// Why an attempt has ended without an output.
pub(super) enum Cut {
    Panicked(Failed),
    /// Its time was over, which was so long.
    TimedOut(Duration),
}

impl Cut {
    pub(super) fn failed(self, key: &StepKey) -> Failed {
        match self {
            Self::Panicked(failed) => failed,
            Self::TimedOut(limit) => {
                let id = shown(&key.id);
                let message = if limit.is_zero() {
                    format!(
                        "the step `{id}` did not begin: its time limit is zero, so no time was left for it"
                    )
                } else {
                    format!("the step `{id}` did not end within its time limit of {limit:?}")
                };
                (Retry::Backoff, OpError::own(STEP_TIMEOUT, message))
            }
        }
    }
}

/// Polls a step's future, and drops it when its time is over.
pub(super) fn poll<F, O>(
    mut future: Pin<&mut Option<F>>,
    poll: fn(Pin<&mut F>, &mut Context<'_>) -> Poll<O>,
    limits: &mut Limits,
    run: &Run,
    cx: &mut Context<'_>,
) -> Poll<Result<O, Cut>> {
    limits.begin(run);
    if limits.has_no_time() {
        future.set(None);
        return Poll::Ready(Err(Cut::TimedOut(Duration::ZERO)));
    }
    let Some(under_way) = future.as_mut().as_pin_mut() else { unreachable!("its step has ended with it") };
    if let Poll::Ready(output) = poll(under_way, cx) {
        return Poll::Ready(Ok(output));
    }
    limits.poll_over(cx).map(|limit| {
        future.set(None);
        Err(Cut::TimedOut(limit))
    })
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Waker;

    use super::*;
    use crate::{Failure, Step, StepError};

    const MINUTE: Duration = Duration::from_secs(60);

    async fn hangs(limit: Duration) -> Result<(), StepError> {
        Step::detached().run("hangs", pending::<Result<(), Failure>>()).timeout(limit).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_ends_at_its_limit_by_tokios_clock() {
        let began = Instant::now();
        let error = hangs(MINUTE).await.unwrap_err();
        assert_eq!(began.elapsed(), MINUTE);
        assert!(error.is_timeout());
        assert_eq!(error.message(), "the step `hangs` did not end within its time limit of 60s");
        // One that ends just in time has ended.
        let ends = async {
            tokio::time::sleep(MINUTE).await;
            Ok::<_, Failure>(7)
        };
        assert_eq!(Step::detached().run("ends", ends).timeout(MINUTE).await.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_no_clock_can_show_is_none() {
        let year = Duration::from_secs(366 * 86_400);
        assert!(tokio::time::timeout(year, hangs(Duration::MAX)).await.is_err());
        assert!(hangs(100 * year).await.unwrap_err().is_timeout());
    }

    /// With or without a clock.
    #[test]
    fn with_a_limit_of_zero_nothing_is_polled() {
        let step = async {
            let never = std::future::poll_fn(|_| -> Poll<Result<(), Failure>> { panic!("it was polled") });
            Step::detached().run("late", never).timeout(Duration::ZERO).await
        };
        let mut step = std::pin::pin!(step);
        let Poll::Ready(outcome) = step.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("its time is over")
        };
        let error = outcome.unwrap_err();
        assert_eq!((error.name(), error.is_timeout()), (STEP_TIMEOUT, true));
        assert!(error.message().starts_with("the step `late` did not begin"), "{error}");
    }

    #[tokio::test]
    async fn an_id_that_is_none_counts_before_a_limit() {
        let step = Step::detached();
        let error = step.run("", async { Ok::<_, Failure>(()) }).timeout(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.name(), "InvalidStepId");
    }

    /// It never waits for anything but its turn.
    #[tokio::test]
    async fn a_future_that_uses_up_what_a_task_may_do_is_stopped() {
        let busy = async {
            loop {
                tokio::task::consume_budget().await;
            }
            #[expect(unreachable_code, reason = "it says what the step would give")]
            Ok::<_, Failure>(())
        };
        let limit = Duration::from_millis(20);
        let error = Step::detached().run("busy", busy).timeout(limit).await.unwrap_err();
        assert!(error.is_timeout());
    }

    #[test]
    fn without_tokio_there_is_no_limit() {
        let mut step = std::pin::pin!(hangs(MINUTE));
        assert!(step.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
}
