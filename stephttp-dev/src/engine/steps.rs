//! Operations about steps that the app runs, and sleeps.

use inngest::wire::limits;
use serde_json::Value;

use super::State;
use super::apply::Applied;
use super::delay;
use super::flow::Ended;
use super::number::{as_read, lossy_integers};
use super::op::IncomingOp;
use super::run::{News, Origin};
use super::source::{By, Source};
use super::work::{JobKind, NewJob};
use crate::inspect::{RunStatus, StepStatus};
use crate::json;
use crate::notice::Notice;
use crate::timeline::{BarKind, BarOutcome};
use crate::violation::ViolationKind;

/// Whether something was stored, and what the run has open then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Not, because it is too large.
    TooLarge,
    Yes {
        pending: bool,
    },
}

/// The server's limit: a run with so many steps is not called back.
const TOO_MANY_STEPS: usize = limits::RUN_STEPS + 1;

impl State {
    pub(super) fn step_ran(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let value = op.stored_output();
        let news = self.report(run_id, op, source.origin);
        let finished = self.runs.get(run_id).is_some_and(|run| run.memo.contains_key(&op.id));
        if news != News::New && finished {
            // The first value stays. The server goes on all the same, unless it has for this step
            // already. What is the same as before tells it whether others are open; what differs
            // does not.
            let same = self.runs.get(run_id).is_some_and(|run| run.memo.get(&op.id) == Some(&value));
            let pending = same && self.runs.get(run_id).is_some_and(|run| !run.pending.is_empty());
            self.go_on_after_answer(run_id, op, source, pending);
            return Applied::Done;
        }
        let Stored::Yes { pending } = self.store(run_id, op, value, source.by) else {
            return Applied::TooLarge;
        };
        let step = op.label();
        if let Some(run) = self.runs.get_mut(run_id) {
            let value = op.data.as_ref().and_then(|data| json::read(data.get()).ok());
            run.show(op, StepStatus::Completed, Some(value.unwrap_or(Value::Null)));
        }
        if news == News::New {
            self.draw_attempt(run_id, op, source.origin, BarOutcome::Done);
        }
        self.log.notice(&Notice::StepSaved { run_id: run_id.to_owned(), step });
        self.go_on_after_answer(run_id, op, source, pending);
        Applied::Done
    }

    fn go_on_after_answer(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>, pending: bool) {
        if matches!(source.by, By::Answer { .. }) && !source.ends {
            self.go_on(run_id, op, source, pending);
        }
    }

    pub(super) fn step_failed(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let retries = self.runs.get(run_id).map_or(0, |run| run.retries);
        let may_retry = match source.by {
            By::Checkpoint => retries > 0 && !source.ends,
            By::Answer { may_retry } => may_retry,
            By::Async => false,
        };
        if !may_retry || op.no_retry() {
            return self.step_failed_for_good(run_id, op, source);
        }
        let news = self.report(run_id, op, source.origin);
        if news == News::New {
            self.draw_attempt(run_id, op, source.origin, BarOutcome::Retried);
        }
        let Some(run) = self.runs.get_mut(run_id) else { return Applied::Done };
        if news == News::New {
            run.show(op, StepStatus::Retrying, op.error.clone());
        } else if run.creation == 0 {
            return Applied::Done;
        }
        let reason = format!("step {} failed: {}", op.label(), op.message());
        if source.by != By::Checkpoint {
            return Applied::Retry(reason);
        }
        let after = self.backoff.first();
        let due = self.now() + after;
        let run = self.runs.get_mut(run_id);
        if run.is_some_and(|run| run.takes_name(format!("{}-sync-retry", op.id))) {
            self.work.schedule(run_id, NewJob::plain(JobKind::Retry, due));
            self.note_retry(run_id, after, reason);
        }
        Applied::Done
    }

    pub(super) fn step_failed_for_good(
        &mut self,
        run_id: &str,
        op: &IncomingOp,
        source: &Source<'_>,
    ) -> Applied {
        let value = op.stored_error();
        let news = self.report(run_id, op, source.origin);
        let finished = self.runs.get(run_id).is_some_and(|run| run.memo.contains_key(&op.id));
        let pending = if news == News::New || !finished {
            let Stored::Yes { pending } = self.store(run_id, op, value, source.by) else {
                return Applied::TooLarge;
            };
            if let Some(run) = self.runs.get_mut(run_id) {
                run.show(op, StepStatus::Failed, op.error.clone());
            }
            if news == News::New {
                self.draw_attempt(run_id, op, source.origin, BarOutcome::Failed);
            }
            let (step, error) = (op.label(), op.message());
            self.log.notice(&Notice::StepFailed { run_id: run_id.to_owned(), step, error });
            pending
        } else {
            let Some(run) = self.runs.get(run_id) else { return Applied::Done };
            if run.memo.get(&op.id) != Some(&value) {
                // Unlike a step's output, another error is refused, and the job is tried again.
                return Applied::Retry(format!("step {} had been finished with another outcome", op.label()));
            }
            !run.pending.is_empty()
        };
        // Whether it goes on is said by the job, not by the operation.
        if !source.ends && source.by != By::Async {
            let hash = op.id.as_str();
            let (race, races_on, forced) = (source.race, op.races(), source.forced);
            let suffix = "-failure";
            self.discover(run_id, &Ended { hash, suffix, group: None, race, races_on, pending, forced });
        }
        Applied::Done
    }

    /// Notes that a step ran, and whether it had before.
    pub(super) fn report(&mut self, run_id: &str, op: &IncomingOp, origin: &Origin) -> News {
        let register =
            op.user_id.as_ref().is_some_and(|id| self.registers.iter().any(|prefix| id.starts_with(prefix)));
        let twins = self.log.twins(origin);
        let Some(run) = self.runs.get_mut(run_id) else { return News::New };
        let news = run.news(op, origin, &twins);
        if let News::RanTwice(how) = news
            && !register
        {
            let message = format!(
                "{} for step `{}`, which had been saved before, came again {how}: the step ran twice",
                op.code.as_str(),
                op.label()
            );
            self.log.violation(ViolationKind::StepRanTwice, Some(run_id), message);
            let outcome = if op.error.is_some() { BarOutcome::Failed } else { BarOutcome::Done };
            self.draw_attempt(run_id, op, origin, outcome);
        }
        news
    }

    /// Stores a step's value, unless it is too large. How many there are is looked at when the run
    /// is re-entered.
    pub(super) fn store(&mut self, run_id: &str, op: &IncomingOp, value: String, by: By) -> Stored {
        let Some(run) = self.runs.get_mut(run_id) else { return Stored::TooLarge };
        let (length, total) = (value.len(), run.memo_bytes + value.len());
        if length > limits::STEP_OUTPUT_BYTES || total > limits::RUN_STATE_BYTES {
            let what = if length > limits::STEP_OUTPUT_BYTES {
                format!(
                    "the output of step `{}` has {length} bytes, of {} allowed",
                    op.label(),
                    limits::STEP_OUTPUT_BYTES
                )
            } else {
                format!(
                    "with step `{}` the run has {total} bytes, of {} allowed",
                    op.label(),
                    limits::RUN_STATE_BYTES
                )
            };
            let effect = match by {
                By::Checkpoint => "the server drops it and answers 200",
                By::Async => "the server answers 413",
                By::Answer { .. } => "the server completes the run with an empty output",
            };
            self.log.violation(ViolationKind::TooLarge, Some(run_id), format!("{what}: {effect}"));
            return Stored::TooLarge;
        }
        let (lossy, unreadable) =
            (if op.code.ran() { lossy_integers(&value) } else { Vec::new() }, as_read(&value).err());
        run.keep(&op.id, value);
        self.note_lossy(lossy, Some(run_id), &format!("step `{}`", op.label()));
        if let Some(number) = unreadable {
            let message = format!(
                "step `{}` has the number {number}, which no float can hold: the server cannot read the run's state any more",
                op.label()
            );
            self.log.violation(ViolationKind::LossyNumber, Some(run_id), message);
        }
        let Some(run) = self.runs.get(run_id) else { return Stored::Yes { pending: false } };
        Stored::Yes { pending: !run.pending.is_empty() }
    }

    /// Ends a run that is to be re-entered and has as many steps as a run may have; answers whether
    /// it did.
    pub(super) fn overflow(&mut self, run_id: &str) -> bool {
        let Some(run) = self.running(run_id).filter(|run| run.memo.len() >= TOO_MANY_STEPS) else {
            return false;
        };
        let message = format!(
            "the run has {} steps and is to be re-entered, with {} allowed by then: the server completes it",
            run.memo.len(),
            limits::RUN_STEPS
        );
        self.log.violation(ViolationKind::TooManySteps, Some(run_id), message);
        let output = serde_json::json!({
            "error": "function has too many steps",
            "name": "InngestErrFunctionOverflowed",
            "message": format!("The function run exceeded the step limit of {TOO_MANY_STEPS} steps."),
        });
        self.end_raw(run_id, RunStatus::Completed, output.to_string().into());
        true
    }

    pub(super) fn plan(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let now = self.now();
        let Some(run) = self.runs.get_mut(run_id) else { return Applied::Done };
        if run.takes_name(format!("{}-plan", op.id)) {
            if !run.memo.contains_key(&op.id) {
                run.show(op, StepStatus::Planned, None);
            }
            let (race, group) = (op.races(), source.new_group.clone());
            let kind = JobKind::Planned(op.id.clone());
            self.work.schedule(run_id, NewJob { kind, due: now, race, group });
            self.log.notice(&Notice::StepPlanned { run_id: run_id.to_owned(), step: op.label() });
        }
        Applied::Done
    }

    pub(super) fn sleep(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let now = self.now();
        let wanted =
            op.opts.get("duration").and_then(Value::as_str).or(op.name.as_deref()).unwrap_or_default();
        let duration = match delay::sleep(wanted, now) {
            Ok(duration) => duration,
            Err(why) => {
                let message = format!("sleep `{}`: {why}", op.label());
                self.log.violation(ViolationKind::BadSleep, Some(run_id), message.clone());
                return match source.by {
                    By::Answer { .. } if why.is_too_long() => too_long(message),
                    By::Answer { .. } => Applied::Retry(message),
                    By::Checkpoint | By::Async => Applied::Done,
                };
            }
        };
        let Some(run) = self.runs.get_mut(run_id) else { return Applied::Done };
        if run.takes_name(op.id.clone()) {
            if !run.memo.contains_key(&op.id) {
                run.show(op, StepStatus::Waiting, None);
            }
            let due = now + duration;
            self.draw_wait(run_id, op, BarKind::Sleep, String::new(), Some(due));
            let kind = JobKind::SleepEnd(op.id.clone());
            self.work.schedule(run_id, NewJob { kind, due, race: op.races(), group: None });
            self.log.notice(&Notice::Sleeping { run_id: run_id.to_owned(), step: op.label(), duration });
        }
        Applied::Done
    }
}

/// What becomes of a run that wants to wait for longer than a year.
pub(super) fn too_long(message: String) -> Applied {
    Applied::Fail { name: "InngestErrTimeoutTooLong", message, stack: String::new() }
}
