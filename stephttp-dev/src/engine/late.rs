//! What comes when a run is over, and dispatches that come more often than once.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use super::State;
use super::answer::{Answer, Verdict};
use super::dispatch::Outgoing;
use super::op::IncomingOp;
use super::run::{Ending, News, Origin};
use super::source::By;
use super::work::{Job, JobKind, NewJob};
use crate::violation::ViolationKind;

/// How long it may take until a request has heard what it was told.
const HEARING: Duration = Duration::from_millis(20);

/// What a test wants to go wrong with re-entries and outputs.
#[derive(Debug, Default)]
pub(crate) struct Mischief {
    /// How often every run is re-entered after its end.
    pub(crate) after_end: usize,
    /// Which re-entries are sent once more after their answers, by their places.
    pub(crate) duplicates: HashSet<usize>,
    /// How many of the next clients that wait for an output get nothing.
    pub(crate) empty_outputs: usize,
}

impl Mischief {
    /// Whether a client gets an empty output.
    pub(crate) fn empty_output(&mut self) -> bool {
        let empty = self.empty_outputs > 0;
        self.empty_outputs = self.empty_outputs.saturating_sub(1);
        empty
    }
}

impl State {
    /// Plans the re-entries of a run that has ended, where a test wants some. Of a run that was
    /// never re-entered there is none that could be late.
    pub(super) fn come_late(&mut self, run_id: &str) {
        let times = self.mischief.after_end;
        if times == 0 || !self.log.dispatches.iter().any(|dispatch| dispatch.run_id == run_id) {
            return;
        }
        let now = self.now();
        for _ in 0..times {
            self.work.schedule(run_id, NewJob::plain(JobKind::Discovery, now));
        }
    }

    /// An answer has been taken: its re-entry is sent once more, if a test wants that.
    pub(super) fn duplicate(&mut self, outgoing: &Outgoing, job: &Job) {
        if self.mischief.duplicates.remove(&outgoing.place) {
            let now = self.now();
            self.work.again(job, now);
        }
    }

    /// Takes the answer of a re-entry whose run is over. The server does not look whether it is.
    pub(super) fn answered_late(&mut self, outgoing: &Outgoing, answer: Result<Answer, String>) {
        self.work.finish(outgoing.job);
        // Without an answer there would be a retry, but by then the queue finds no run and drops
        // the job.
        let Ok(answer) = answer else { return };
        let run_id = outgoing.run_id.as_str();
        let judged = answer.judge();
        for (kind, message) in judged.wrong {
            // That the run ends by it is told below.
            if kind != ViolationKind::PlainAnswer {
                self.log.violation(kind, Some(run_id), message);
            }
        }
        match judged.verdict {
            Verdict::Retry(_) => {}
            // An empty output leaves the run as it is.
            Verdict::End { reply, .. } if answer.status.is_success() && reply.raw().is_empty() => {}
            Verdict::End { status, reply, response } => {
                let at = self.now();
                self.end(run_id, Ending { status, at, reply, response, at_checkpoint: false });
            }
            Verdict::Ops(ops) => {
                let origin = Origin::Dispatch(outgoing.request_id.clone());
                self.too_late(run_id, &ops, &origin, outgoing.step_id.as_deref());
                if let Some(op) = ops.iter().find(|op| op.code.ends()) {
                    self.complete(run_id, op, By::Answer { may_retry: false });
                }
            }
        }
    }

    /// Ends a run that has ended: the server writes status and output once more.
    pub(super) fn end_again(&mut self, run_id: &str, ending: Ending) {
        let Some(run) = self.runs.get_mut(run_id) else { return };
        let Some(known) = &run.ending else { return };
        let same_output = known.reply.raw() == ending.reply.raw()
            || (known.response.is_some() && known.response == ending.response);
        if known.status == ending.status && same_output {
            return;
        }
        let message = format!(
            "an answer to a re-entry that came when the run was over ends the run again: {} becomes {}, and the output is \
             that answer's. Only `[]`, `[None]`, an empty body or a failure with `{}: false` leave such a run as it is",
            known.status.as_str(),
            ending.status.as_str(),
            inngest::wire::headers::NO_RETRY
        );
        run.ending = Some(ending);
        self.log.violation(ViolationKind::FinalizedAgain, Some(run_id), message);
    }

    /// Operations for a run that has ended: nothing happens, but mistakes are noted. `targeted` is
    /// the step that the reporting re-entry was asked to run: it could not know, so it is forgiven.
    pub(crate) fn too_late(
        &mut self,
        run_id: &str,
        ops: &[IncomingOp],
        origin: &Origin,
        targeted: Option<&str>,
    ) {
        for op in ops.iter().filter(|op| op.code.ran() && targeted != Some(op.id.as_str())) {
            self.report(run_id, op, origin);
        }
    }

    /// The same in a call, which is answered with 400. A step that began before that is nobody's
    /// mistake.
    pub(crate) fn refuse_late(
        &mut self,
        run_id: &str,
        ops: &[IncomingOp],
        origin: &Origin,
        targeted: Option<&str>,
    ) {
        let Some(run) = self.runs.get_mut(run_id) else { return };
        let told = run.tell_of_end(origin, SystemTime::now());
        for op in ops.iter().filter(|op| op.code.ran() && targeted != Some(op.id.as_str())) {
            let news = self.report(run_id, op, origin);
            let knew = told.is_some_and(|told| op.began.is_none_or(|began| began > told + HEARING));
            if knew && news == News::New {
                let message = format!(
                    "step `{}` began after its request had been told that the run has ended: the server drops it",
                    op.label()
                );
                self.log.violation(ViolationKind::RunEnded, Some(run_id), message);
            }
        }
    }
}
