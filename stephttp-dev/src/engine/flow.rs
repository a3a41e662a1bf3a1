//! What comes after a step: when the app is asked what comes next, and when it is not, because
//! others are still open.

use std::collections::HashSet;

use super::State;
use super::op::IncomingOp;
use super::run::Run;
use super::source::Source;
use super::wait::Wait;
use super::work::{JobKey, JobKind, NewJob};
use crate::inspect::StepStatus;
use crate::notice::Notice;
use crate::timeline::BarOutcome;
use crate::violation::ViolationKind;

/// A step that has ended, as far as it decides about what comes next.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) hash: &'a str,
    /// Names the job by which the app is asked, together with the step: the server never makes two
    /// of one name.
    pub(crate) suffix: &'static str,
    /// The group whose steps share one job.
    pub(crate) group: Option<&'a str>,
    /// Whether the app is asked although others are open.
    pub(crate) race: bool,
    /// Whether the job by which the app is asked races with others, too. The server forgets that
    /// where a wait brings the job.
    pub(crate) races_on: bool,
    /// Whether others are open.
    pub(crate) pending: bool,
    /// Whether planning is forced, as far as whoever ends the step has seen.
    pub(crate) forced: bool,
}

impl State {
    /// Asks the app what comes next, unless others are open, or it has been asked for this already.
    pub(crate) fn discover(&mut self, run_id: &str, ended: &Ended<'_>) {
        let now = self.now();
        let Some(run) = self.runs.get_mut(run_id).filter(|run| run.stored) else { return };
        if ended.pending && !ended.race {
            return;
        }
        if run.request_version >= 2 && ended.forced {
            run.force_plan = false;
        }
        let name = match ended.group {
            Some(group) => format!("{group}-discover"),
            None => format!("{}{}", ended.hash, ended.suffix),
        };
        if run.takes_name(name) {
            let race = ended.races_on;
            self.work.schedule(run_id, NewJob { race, ..NewJob::plain(JobKind::Discovery, now) });
        }
    }

    /// After a step that the app ran.
    pub(crate) fn go_on(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>, pending: bool) {
        let race = op.races();
        let ended = Ended {
            hash: &op.id,
            suffix: "",
            group: source.group.as_deref().filter(|_| !race),
            race,
            races_on: race,
            pending,
            forced: source.forced,
        };
        self.discover(run_id, &ended);
    }

    /// A wait has come to something: `raw` is what the step's value is from now on. Drops its
    /// timer.
    pub(crate) fn settle(
        &mut self,
        wait: &Wait,
        raw: String,
        status: StepStatus,
        suffix: &'static str,
        shown: serde_json::Value,
    ) {
        let (run_id, hash) = (wait.run_id.as_str(), wait.hash.as_str());
        self.work.drop_timeout(run_id, hash);
        let moment = self.touch(run_id);
        let Some(run) = self.runs.get_mut(run_id).filter(|run| run.stored) else { return };
        if !run.settle(hash, raw, status, shown) {
            return;
        }
        let outcome = match status {
            StepStatus::TimedOut => BarOutcome::TimedOut,
            StepStatus::Failed => BarOutcome::Failed,
            _ => BarOutcome::Done,
        };
        run.close(hash, moment, outcome, None);
        let step = run.label(hash);
        let (pending, forced) = (!run.pending.is_empty(), run.force_plan);
        let notice = match status {
            StepStatus::TimedOut => Notice::TimedOut { run_id: run_id.to_owned(), step },
            _ => Notice::Woken { run_id: run_id.to_owned(), step },
        };
        self.log.notice(&notice);
        let group = wait.group.as_deref().filter(|_| !wait.race);
        let race = wait.race;
        self.discover(run_id, &Ended { hash, suffix, group, race, races_on: false, pending, forced });
        self.look_for_hang(run_id);
    }

    /// A sleep is over. Answers whether the app is to be called for it.
    pub(crate) fn wake(&mut self, key: JobKey) -> bool {
        let Some(job) = self.work.job(key) else { return false };
        let JobKind::SleepEnd(hash) = &job.kind else { return true };
        if job.attempt > 0 || job.again {
            return true;
        }
        let (run_id, hash, race) = (job.run_id.clone(), hash.clone(), job.race);
        let moment = self.touch(&run_id);
        let Some(run) = self.runs.get_mut(&run_id) else { return true };
        run.settle(&hash, "null".to_owned(), StepStatus::Completed, serde_json::Value::Null);
        run.close(&hash, moment, BarOutcome::Done, None);
        if !run.pending.is_empty() && !race {
            self.work.finish(key);
            self.look_for_hang(&run_id);
            return false;
        }
        if run.request_version >= 2 {
            run.force_plan = false;
        }
        true
    }

    /// Notes that a run is not going to be called again, and yet has not ended.
    pub(crate) fn look_for_hang(&mut self, run_id: &str) {
        let Some(run) = self.running(run_id).filter(|_| self.work.outstanding(run_id) == 0) else { return };
        let mut open: Vec<String> = run.pending.iter().map(|hash| run.label(hash)).collect();
        if open.is_empty() {
            return;
        }
        open.sort();
        let message = format!(
            "nothing is outstanding, but the server still counts as open: {}. That had been finished already when it was \
             reported together with others, or it never ends: the run hangs",
            open.join(", ")
        );
        self.log.violation(ViolationKind::RunHangs, Some(run_id), message);
    }
}

/// Takes note of operations that came together in a re-entry's answer: planning is forced from now
/// on, and what they leave open is waited for together. Answers the group's name.
pub(crate) fn gather(run: &mut Run, ops: &[IncomingOp], forced: bool) -> Option<String> {
    if ops.len() < 2 {
        return None;
    }
    if !forced {
        run.force_plan = true;
    }
    if run.request_version < 2 || !ops.iter().any(|op| op.code.plans()) {
        return None;
    }
    // The new group takes the place of an earlier one, and what is finished already counts as open.
    let open: HashSet<String> = ops.iter().map(|op| op.id.clone()).collect();
    let mut ids: Vec<&str> = open.iter().map(String::as_str).collect();
    ids.sort_unstable();
    let name = ids.join("+");
    run.pending = open;
    Some(name)
}
