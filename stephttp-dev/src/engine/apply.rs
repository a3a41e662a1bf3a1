//! What operations do to a run.

use super::State;
use super::flow;
use super::op::{Code, IncomingOp};
use super::run::{Origin, Run};
use super::source::{By, Source};
use super::work::Job;
use crate::violation::ViolationKind;

/// What came of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    Done,
    /// The job has to be tried again; says why.
    Retry(String),
    /// The run fails at once, with this error.
    Fail {
        name: &'static str,
        message: String,
        stack: String,
    },
    /// Something was not stored, because it or the run's state is too large.
    TooLarge,
}

impl Applied {
    /// What counts of two things.
    pub(crate) fn and(self, other: Self) -> Self {
        let rank = |applied: &Self| match applied {
            Self::Done => 0,
            // A retry of the job includes whatever else went wrong.
            Self::Retry(_) => 1,
            Self::Fail { .. } => 2,
            Self::TooLarge => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

impl State {
    /// Does what operations say to a run that is going. `job` is the one that they answer. Calls to
    /// third parties are left to be made, under the ticket.
    pub(crate) fn apply(
        &mut self,
        run_id: &str,
        ops: &[IncomingOp],
        by: By,
        origin: &Origin,
        job: Option<&Job>,
        ticket: u64,
    ) -> Applied {
        let end = ops.iter().find(|op| op.code.ends());
        let Some(run) = self.runs.get_mut(run_id) else { return Applied::Done };
        ops.iter().for_each(|op| run.came(op));
        let forced = job.map_or(run.force_plan, |job| job.forced);
        let new_group = match by {
            By::Async => None,
            By::Checkpoint => {
                run.force_plan |= ops.len() > 1;
                None
            }
            By::Answer { .. } => flow::gather(run, ops, forced),
        };
        let source = Source {
            by,
            origin,
            ends: end.is_some(),
            forced,
            race: job.is_some_and(|job| job.race),
            group: job.and_then(|job| job.group.clone()),
            new_group,
            ticket,
        };
        let mut applied = Applied::Done;
        for first in [true, false] {
            for op in ops.iter().filter(|op| op.code.goes_first() == first) {
                self.check(run_id, op);
                if self.running(run_id).is_none() {
                    break;
                }
                let one = self.apply_one(run_id, op, &source);
                applied = applied.and(self.lost(run_id, op, by, one));
            }
            if first && applied != Applied::Done {
                // What goes first has failed: the rest is not looked at.
                return applied;
            }
        }
        if let Some(op) = end {
            self.complete(run_id, op, by);
            return Applied::Done;
        }
        applied
    }

    fn apply_one(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        match op.code {
            Code::StepRun => self.step_ran(run_id, op, source),
            Code::StepError => self.step_failed(run_id, op, source),
            Code::StepFailed => self.step_failed_for_good(run_id, op, source),
            Code::StepPlanned => self.plan(run_id, op, source),
            Code::Sleep => self.sleep(run_id, op, source),
            Code::WaitForEvent => self.wait_for_event(run_id, op, source),
            Code::WaitForSignal => self.wait_for_signal(run_id, op, source),
            Code::InvokeFunction => self.invoke(run_id, op, source),
            Code::Gateway | Code::AiGateway => self.call_out(run_id, op, source),
            Code::DiscoveryRequest => {
                self.go_on(run_id, op, source, false);
                Applied::Done
            }
            Code::None | Code::RunComplete | Code::SyncRunComplete | Code::Unsupported(_) => Applied::Done,
        }
    }

    /// In a checkpoint nothing is tried again: the server logs what went wrong with a wait, and the
    /// run hangs.
    pub(crate) fn lost(&mut self, run_id: &str, op: &IncomingOp, by: By, applied: Applied) -> Applied {
        let why = match &applied {
            Applied::Retry(why) => why.clone(),
            Applied::Fail { message, stack, .. } if stack.is_empty() => message.clone(),
            Applied::Fail { message, stack, .. } => format!("{message}: {stack}"),
            Applied::Done | Applied::TooLarge => return applied,
        };
        if by != By::Checkpoint || !op.code.plans() {
            return applied;
        }
        let message = format!(
            "{} `{}` in a checkpoint: {why}. The server only logs that, and nothing ever comes of the operation",
            op.code.as_str(),
            op.label()
        );
        self.log.violation(ViolationKind::LostOperation, Some(run_id), message);
        Applied::Done
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
}
