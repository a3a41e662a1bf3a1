//! What operations do to a run.

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::Value;
use stephttp::wire::limits;

use super::State;
use super::delay;
use super::op::{Code, IncomingOp};
use super::result::ApiOutput;
use super::run::{Ending, News, Origin, Reply, Run};
use super::work::JobKind;
use crate::inspect::{RunStatus, StepStatus};
use crate::notice::Notice;
use crate::violation::ViolationKind;

/// How operations came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// In the first request, by `/v1/checkpoint` or `/steps`.
    Checkpoint,
    /// While a re-entry goes on, by `/async`.
    Async,
    /// In a re-entry's answer; says whether a failed step may be tried again.
    Answer { may_retry: bool },
}

/// What came of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    Done,
    /// The job has to be tried again; says why.
    Retry(String),
    /// Something was not stored, because it or the run's state is too large.
    TooLarge,
}

impl State {
    /// Does what operations say to a run that is going.
    pub(crate) fn apply(&mut self, run_id: &str, ops: &[IncomingOp], by: By, origin: &Origin) -> Applied {
        let now = self.now();
        let count = ops.iter().filter(|op| op.code != Code::None).count();
        let end = ops.iter().find(|op| op.code.ends());
        if let Some(run) = self.runs.get_mut(run_id) {
            plan_together(run, ops, count, by);
        }
        let mut applied = Applied::Done;
        for op in ops {
            self.check(run_id, op);
            if self.running(run_id).is_none() {
                break;
            }
            let one = match op.code {
                Code::StepRun => self.step_ran(run_id, op, by, origin, end.is_some()),
                Code::StepError => self.step_failed(run_id, op, by, origin, end.is_some()),
                Code::StepFailed => self.step_failed_for_good(run_id, op, by, origin, end.is_some()),
                Code::StepPlanned => self.plan(run_id, op, now),
                Code::Sleep => self.sleep(run_id, op, by, now),
                Code::DiscoveryRequest => {
                    self.discover_once(run_id, op, now);
                    Applied::Done
                }
                Code::None | Code::RunComplete | Code::SyncRunComplete | Code::Unsupported(_) => {
                    Applied::Done
                }
            };
            // A retry of the job includes whatever else went wrong.
            if applied != Applied::TooLarge && one != Applied::Done {
                applied = one;
            }
        }
        if let Some(op) = end {
            self.complete(run_id, op, by);
            return Applied::Done;
        }
        applied
    }

    /// Notes what is wrong with an operation in itself.
    fn check(&mut self, run_id: &str, op: &IncomingOp) {
        if op.code == Code::None {
            return;
        }
        let (name, label) = (op.code.as_str(), op.label());
        if !op.has_proper_id() {
            let message = format!("{name} `{label}` has the id `{}`, not 40 lower-case hex digits", op.id);
            self.log.violation(ViolationKind::BadStepId, Some(run_id), message);
        }
        if matches!(op.code, Code::StepError | Code::StepFailed) && op.error.is_none() {
            let message = format!("{name} `{label}` has no `error`");
            self.log.violation(ViolationKind::MissingError, Some(run_id), message);
        }
        if Run::takes_reserved_id(op) {
            let message = format!("{name} has the id `complete`, which is the one of the run's result");
            self.log.violation(ViolationKind::ReservedStepId, Some(run_id), message);
        }
    }

    fn step_ran(&mut self, run_id: &str, op: &IncomingOp, by: By, origin: &Origin, ends: bool) -> Applied {
        let stored = op.stored_output();
        match self.report(run_id, op, origin) {
            // The server ignores a step that it has; an answer that repeats what was saved still asks to go on.
            News::Repeated => {
                self.go_on(run_id, by, ends);
                return Applied::Done;
            }
            News::RanTwice(_) => return Applied::Done,
            News::New => {}
        }
        if !self.store(run_id, op, stored, by) {
            return Applied::TooLarge;
        }
        let step = op.label();
        if let Some(run) = self.runs.get_mut(run_id) {
            let value = op.data.as_ref().and_then(|data| serde_json::from_str(data.get()).ok());
            run.show(op, StepStatus::Completed, Some(value.unwrap_or(Value::Null)));
        }
        self.log.notice(&Notice::StepSaved { run_id: run_id.to_owned(), step });
        self.go_on(run_id, by, ends);
        Applied::Done
    }

    fn step_failed(&mut self, run_id: &str, op: &IncomingOp, by: By, origin: &Origin, ends: bool) -> Applied {
        let retries = self.runs.get(run_id).map_or(0, |run| run.retries);
        let may_retry = match by {
            By::Checkpoint => retries > 0 && !ends,
            By::Answer { may_retry } => may_retry,
            By::Async => false,
        };
        if !may_retry {
            return self.step_failed_for_good(run_id, op, by, origin, ends);
        }
        if self.report(run_id, op, origin) != News::New {
            return Applied::Done;
        }
        if let Some(run) = self.runs.get_mut(run_id) {
            run.show(op, StepStatus::Retrying, op.error.clone());
        }
        let reason = format!("step {} failed: {}", op.label(), op.message());
        if by != By::Checkpoint {
            return Applied::Retry(reason);
        }
        let after = self.backoff.first();
        let due = self.now() + after;
        self.work.schedule(run_id, JobKind::Retry, due);
        self.log.notice(&Notice::RetryScheduled { run_id: run_id.to_owned(), after, reason });
        Applied::Done
    }

    fn step_failed_for_good(
        &mut self,
        run_id: &str,
        op: &IncomingOp,
        by: By,
        origin: &Origin,
        ends: bool,
    ) -> Applied {
        match self.report(run_id, op, origin) {
            News::Repeated => {
                self.go_on(run_id, by, ends);
                return Applied::Done;
            }
            News::RanTwice(_) => return Applied::Done,
            News::New => {}
        }
        if !self.store(run_id, op, op.stored_error(), by) {
            return Applied::TooLarge;
        }
        if let Some(run) = self.runs.get_mut(run_id) {
            run.show(op, StepStatus::Failed, op.error.clone());
        }
        let (step, error) = (op.label(), op.message());
        self.log.notice(&Notice::StepFailed { run_id: run_id.to_owned(), step, error });
        if by == By::Checkpoint && !ends {
            // A failure for good is the one finished step after which the server takes over from the first request.
            let now = self.now();
            self.work.schedule(run_id, JobKind::Discovery, now);
        } else {
            self.go_on(run_id, by, ends);
        }
        Applied::Done
    }

    /// Notes that a step ran, and whether it had before.
    fn report(&mut self, run_id: &str, op: &IncomingOp, origin: &Origin) -> News {
        let register =
            op.user_id.as_ref().is_some_and(|id| self.registers.iter().any(|prefix| id.starts_with(prefix)));
        let Some(run) = self.runs.get_mut(run_id) else { return News::New };
        let news = run.news(op, origin);
        if let News::RanTwice(how) = news
            && !register
        {
            let message = format!(
                "{} for step `{}`, which had been saved before, came again {how}: the step ran twice",
                op.code.as_str(),
                op.label()
            );
            self.log.violation(ViolationKind::StepRanTwice, Some(run_id), message);
        }
        news
    }

    /// Stores a step's value, unless it is too large; ends a run that has too many.
    fn store(&mut self, run_id: &str, op: &IncomingOp, value: String, by: By) -> bool {
        let Some(run) = self.runs.get_mut(run_id) else { return false };
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
            return false;
        }
        if run.memo.len() >= limits::RUN_STEPS {
            let message = format!("step `{}` is one too many: the server completes the run", op.label());
            self.log.violation(ViolationKind::TooManySteps, Some(run_id), message);
            let text = "function has too many steps";
            let name = "InngestErrFunctionOverflowed";
            let output = serde_json::json!({"error": text, "name": name, "message": text}).to_string();
            self.end_raw(run_id, RunStatus::Completed, output.into());
            return true;
        }
        run.memo_bytes = total;
        run.memo.insert(op.id.clone(), value);
        run.pending.remove(&op.id);
        true
    }

    /// After a finished step: looks for the next, unless others of its group are still to be done.
    fn go_on(&mut self, run_id: &str, by: By, ends: bool) {
        let in_answer = matches!(by, By::Answer { .. });
        if in_answer && !ends && self.running(run_id).is_some_and(|run| run.pending.is_empty()) {
            let now = self.now();
            self.work.schedule(run_id, JobKind::Discovery, now);
        }
    }

    fn plan(&mut self, run_id: &str, op: &IncomingOp, now: SystemTime) -> Applied {
        let Some(run) = self.runs.get_mut(run_id) else { return Applied::Done };
        if !run.memo.contains_key(&op.id) && run.scheduled.insert(op.id.clone()) {
            run.show(op, StepStatus::Planned, None);
            self.work.schedule(run_id, JobKind::Planned(op.id.clone()), now);
            self.log.notice(&Notice::StepPlanned { run_id: run_id.to_owned(), step: op.label() });
        }
        Applied::Done
    }

    fn sleep(&mut self, run_id: &str, op: &IncomingOp, by: By, now: SystemTime) -> Applied {
        let Some(run) = self.runs.get_mut(run_id) else { return Applied::Done };
        if run.memo.contains_key(&op.id) || run.scheduled.contains(&op.id) {
            return Applied::Done;
        }
        let wanted =
            op.opts.get("duration").and_then(Value::as_str).or(op.name.as_deref()).unwrap_or_default();
        match delay::sleep(wanted, now) {
            Ok(duration) => {
                run.scheduled.insert(op.id.clone());
                run.show(op, StepStatus::Waiting, None);
                self.work.schedule(run_id, JobKind::SleepEnd(op.id.clone()), now + duration);
                self.log.notice(&Notice::Sleeping { run_id: run_id.to_owned(), step: op.label(), duration });
                Applied::Done
            }
            Err(why) => {
                let message = format!("sleep `{}`: {why}", op.label());
                self.log.violation(ViolationKind::BadSleep, Some(run_id), message.clone());
                if matches!(by, By::Answer { .. }) { Applied::Retry(message) } else { Applied::Done }
            }
        }
    }

    fn discover_once(&mut self, run_id: &str, op: &IncomingOp, now: SystemTime) {
        let Some(run) = self.runs.get_mut(run_id) else { return };
        if run.scheduled.insert(op.id.clone()) {
            self.work.schedule(run_id, JobKind::Discovery, now);
        }
    }

    /// Ends a run by an operation, in a checkpoint or in an array.
    fn complete(&mut self, run_id: &str, op: &IncomingOp, by: By) {
        let data =
            op.data.as_ref().and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or(Value::Null);
        let sync = op.code == Code::SyncRunComplete;
        let output = ApiOutput::read(if sync { data.get("data").unwrap_or(&Value::Null) } else { &data });
        for (kind, message) in &output.wrong {
            self.log.violation(*kind, Some(run_id), message.clone());
        }
        let at_checkpoint = !matches!(by, By::Answer { .. });
        let failed = match (at_checkpoint, sync) {
            (true, false) => !output.present || output.status >= 500,
            (_, true) => output.status >= 500,
            (false, false) => false,
        };
        let raw = if !at_checkpoint {
            let message =
                format!("{} in an array: the waiting client gets `null` with 200", op.code.as_str());
            self.log.violation(ViolationKind::ResultInArray, Some(run_id), message);
            Bytes::from_static(b"null")
        } else if sync {
            let message = "SyncRunComplete at a checkpoint: the run's output is empty";
            self.log.violation(ViolationKind::MissingResult, Some(run_id), message);
            Bytes::new()
        } else {
            output.body.clone().into()
        };
        let ending = Ending {
            status: if failed { RunStatus::Failed } else { RunStatus::Completed },
            at: self.now(),
            reply: Reply::Raw(raw),
            response: if at_checkpoint && !sync { output.response() } else { None },
            at_checkpoint,
        };
        self.end(run_id, ending);
    }

    /// Ends a run with raw bytes as its output.
    pub(crate) fn end_raw(&mut self, run_id: &str, status: RunStatus, raw: Bytes) {
        let at = self.now();
        self.end(run_id, Ending { status, at, reply: Reply::Raw(raw), response: None, at_checkpoint: false });
    }

    /// Operations for a run that has ended: nothing happens, but mistakes are noted. `targeted` is the step that the
    /// reporting re-entry was asked to run: it could not know, so it is forgiven.
    pub(crate) fn too_late(
        &mut self,
        run_id: &str,
        ops: &[IncomingOp],
        origin: &Origin,
        targeted: Option<&str>,
        noted: bool,
    ) {
        for op in ops.iter().filter(|op| op.code.ran() && targeted != Some(op.id.as_str())) {
            let news = self.report(run_id, op, origin);
            if noted && news == News::New {
                let message = format!(
                    "{} for step `{}` came after the run had ended: the server drops it and answers 200",
                    op.code.as_str(),
                    op.label()
                );
                self.log.violation(ViolationKind::RunEnded, Some(run_id), message);
            }
        }
    }
}

/// Takes note of steps that were planned together, and sets the wish for planning.
fn plan_together(run: &mut Run, ops: &[IncomingOp], count: usize, by: By) {
    match by {
        By::Async => {}
        By::Checkpoint => run.force_plan |= count > 1,
        By::Answer { .. } => {
            run.force_plan = count > 1 || (run.force_plan && run.request_version < 2);
            if count > 1 {
                // After a group that was planned in a re-entry the server goes on once, when all of it is done.
                let open = ops.iter().filter(|op| op.code.plans() && !run.memo.contains_key(&op.id));
                run.pending.extend(open.map(|op| op.id.clone()));
            }
        }
    }
}
