//! Waiting for a run to end.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Asked;
use super::read::{Answer, Failure, Output, Unavailable, read};
use crate::app::App;
use crate::untrusted::Complaint;
use crate::wire::RunId;

/// How long a request that comes while the process drains is kept: longer than not at all, since
/// the client may be back at once.
const DRAINING_WAIT: Duration = Duration::from_secs(1);

/// When an output that is empty is asked for again. Inngest stores that a run has ended before it
/// stores its output.
const EMPTY_DELAYS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
];
/// What that may take, beyond the time that a request has.
const EMPTY_PATIENCE: Duration = Duration::from_secs(5);

/// How long it is tried to reach Inngest.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(30);
/// An answer that took so long to come says that Inngest was there until then.
const LONG: Duration = Duration::from_secs(5);

/// What reading an answer may take, beyond the time that a request has; with the usual wait it
/// stays below 30 seconds.
const READING: Duration = Duration::from_secs(4);

/// What waiting has come to.
pub(super) enum Found {
    Ended(Output),
    /// Not yet.
    Running,
    Failed(Failure),
    /// Inngest cannot be asked; perhaps it says when it can. Or the process holds too many outputs.
    Unavailable(Option<Duration>),
}

/// Waits until the run has ended, as long as one request may, and the process does not drain.
pub(super) async fn wait(app: &App, asked: &Asked) -> Found {
    let most = app.settings().output.max_wait;
    if app.is_draining() {
        return Waiting::new(most.min(DRAINING_WAIT)).wait(app, asked).await;
    }
    tokio::select! {
        biased;
        waited = Waiting::new(most).wait(app, asked) => waited,
        () = app.drained() => Found::Running,
    }
}

/// The same, for no longer than this.
pub(super) async fn for_so_long(app: &App, asked: &Asked, most: Duration) -> Found {
    Waiting::new(most).wait(app, asked).await
}

/// Logs that there was no room for an output.
pub(super) fn say_full(app: &App, run_id: RunId) {
    if let Some(left_out) = app.admits_line(Complaint::Output) {
        tracing::warn!(
            %run_id,
            left_out,
            "a client does not get its run's output for now: two others are being given it, or outputs that clients are being \
             given fill the 32 MiB that there are for them"
        );
    }
}

/// One request's patience.
struct Waiting {
    deadline: Instant,
    delays: ExponentialBackoff,
    /// Since when Inngest cannot be asked.
    failing: Option<Instant>,
    empty: usize,
}

impl Waiting {
    fn new(most: Duration) -> Self {
        Self { deadline: later(Instant::now(), most), delays: delays(), failing: None, empty: 0 }
    }

    async fn wait(mut self, app: &App, asked: &Asked) -> Found {
        let Asked { run_id, token, wanted, .. } = asked;
        let run_id = *run_id;
        let complain = || app.admits_line(Complaint::Output);
        loop {
            let began = Instant::now();
            let asking = app.client().ask_for_output(run_id, token);
            let answer = timeout_at(self.deadline, asking).await;
            if began.elapsed() >= LONG {
                (self.failing, self.delays) = (None, delays());
            }
            let answer = match answer {
                Ok(answer) => answer,
                Err(_) if self.failing.is_some() => return Found::Unavailable(None),
                Err(_) => return Found::Running,
            };
            let answer = match answer {
                Ok(answer) => {
                    let reading = read(app, run_id, answer, *wanted);
                    match timeout_at(later(self.deadline, READING), reading).await {
                        Ok(answer) => answer,
                        Err(_) => {
                            if let Some(left_out) = complain() {
                                tracing::warn!(%run_id, left_out, "a client does not get its run's output for now: it comes too slowly from Inngest");
                            }
                            return Found::Unavailable(None);
                        }
                    }
                }
                Err(error) if error.is_transient() => {
                    Answer::Unavailable(Unavailable { why: error.report(), after: None })
                }
                Err(error) => {
                    if let Some(left_out) = complain() {
                        tracing::error!(%run_id, error = error.report(), left_out, "a run's output cannot be read");
                    }
                    Answer::Failed(Failure::Unusable)
                }
            };
            let again = match answer {
                Answer::Ended(output) => return Found::Ended(output),
                Answer::Failed(failure) => return Found::Failed(failure),
                Answer::Empty => match self.after_empty() {
                    Some(again) => again,
                    None => {
                        if let Some(left_out) = complain() {
                            tracing::info!(%run_id, left_out, "the run has no output: it was cancelled, or Inngest has lost it");
                        }
                        return Found::Failed(Failure::NoOutput);
                    }
                },
                Answer::Running => self.after_running(began),
                Answer::Busy => {
                    say_full(app, run_id);
                    return Found::Unavailable(None);
                }
                Answer::Unavailable(Unavailable { why, after }) => match self.after_failure(after) {
                    Some(again) => {
                        tracing::debug!(%run_id, why, "asking again for a run's output");
                        again
                    }
                    None => {
                        if let Some(left_out) = complain() {
                            tracing::warn!(%run_id, why, left_out, "a client does not get its run's output for now");
                        }
                        return Found::Unavailable(after);
                    }
                },
            };
            sleep_until(again.min(self.deadline)).await;
            if again >= self.deadline {
                return Found::Running;
            }
        }
    }

    /// `None`: there is none.
    fn after_empty(&mut self) -> Option<Instant> {
        let now = Instant::now();
        if self.empty == 0 {
            self.deadline = self.deadline.max(later(now, EMPTY_PATIENCE));
        }
        let delay = EMPTY_DELAYS.get(self.empty)?;
        self.empty += 1;
        self.failing = None;
        Some(now + *delay)
    }

    /// Inngest has held the question for five minutes; or something else did not, and is not asked
    /// without a pause.
    fn after_running(&mut self, began: Instant) -> Instant {
        self.failing = None;
        let now = Instant::now();
        let delay = if began.elapsed() >= LONG { Duration::ZERO } else { self.next_delay() };
        now + delay
    }

    /// `None`: enough.
    fn after_failure(&mut self, asked_for: Option<Duration>) -> Option<Instant> {
        let now = Instant::now();
        let failing = *self.failing.get_or_insert(now);
        let again = later(now, asked_for.unwrap_or_default().max(self.next_delay()));
        (again < self.deadline && again.duration_since(failing) < OUTAGE_PATIENCE).then_some(again)
    }

    fn next_delay(&mut self) -> Duration {
        // It has no end.
        self.delays.next().unwrap_or(LONG)
    }
}

/// From 100 ms to 5 s, each with as much again of jitter.
fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_factor(2.0)
        .with_max_delay(LONG)
        .without_max_times()
        .with_jitter()
        .build()
}

/// An instant, or one that is as good as never.
fn later(now: Instant, after: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 86_400);
    now + after.min(FAR)
}
