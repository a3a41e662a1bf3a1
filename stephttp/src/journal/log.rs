//! The log of a run: what has happened next, as its requests have agreed on it.
//!
//! Hidden steps `stephttp:order:0`, `:1`, … hold it. Inngest keeps the first value that is saved
//! under an id (docs/protocol.md 2.2), so of several requests that each propose what comes next one
//! is taken, and all read back which. A request that is alone writes without asking, and so does
//! one whose job holds the run. The latter may be mistaken: where two processes have worked on one
//! job, somebody who believes to be alone may be at work beside it. So what it writes says whose it
//! is, and a job whose hold is followed by what another has written holds the run no more.
//!
//! Each of these steps holds an array. Beside the [decisions](Decision) about the order of results
//! there are:
//!
//! ```json
//! {"claimed": ["<hash>"], "by": "<job>"}
//! {"released": ["<hash>"]}
//! {"held_by": "<job>"}
//! {"left_by": "<job>"}
//! {"by": "<job>"}
//! {"failed": "<hash>", "attempt": 1, "retry": "sleep", "delay": 30000, "error": {"name": "Error", "message": "no"}}
//! {"scheduled": "<hash>", "by": "<job>", "after": 1}
//! {"erred_in": "<job>"}
//! {"recovered_in": "<job>"}
//! {"ended_in": "<job>"}
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::hidden::{hidden, order_step};
use super::memo::Memo;
use super::record::Recorded;
use super::{Complaint, Journal, Mode};
use crate::wire::{OpError, StepHash, StepMap};

/// One thing that has happened next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum LogEntry {
    Decided(Decision),
    /// This job runs these steps, and no other does. A retry of the job, whose process may have
    /// died, finds its claims again.
    Claimed {
        claimed: Vec<StepHash>,
        by: String,
    },
    /// The job that has claimed these steps leaves them to others.
    Released {
        released: Vec<StepHash>,
    },
    /// Nothing else is under way: this job runs every step that it comes to, and decides alone.
    /// Until somebody else writes to the log.
    Held {
        held_by: String,
    },
    /// The job that has held the run leaves it to others.
    Left {
        left_by: String,
    },
    /// A step has failed, and will be tried again.
    Failed {
        failed: StepHash,
        attempt: u32,
        retry: RetryBy,
        /// Milliseconds until it is to be tried again, if the step says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delay: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<LoggedError>,
    },
    /// This job has Inngest try a step again that was [postponed](RetryBy::Postponed): its
    /// dispatches after this one run the step.
    Scheduled {
        scheduled: StepHash,
        by: String,
        after: u32,
    },
    /// The handler has failed in this job, which tries it again.
    Erred {
        erred_in: String,
    },
    /// It has come to something else since, or another job sees to it.
    Recovered {
        recovered_in: String,
    },
    /// The handler has failed in this job, which has no other attempt: it ends the run.
    Ended {
        ended_in: String,
    },
    /// Whose proposal this is, or what who holds the run has written. Last: the others have more
    /// than that.
    Proposed {
        by: String,
    },
}

/// Who tries a step again that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RetryBy {
    /// A job that Inngest makes for it, since it failed in the client's request: that attempt
    /// counts as one of the job's.
    First,
    /// The job in which it failed: Inngest dispatches the job again.
    Job,
    /// Whoever comes after a sleep.
    Sleep,
    /// Another job, which has Inngest dispatch it again: a job's retry is one step's.
    Postponed,
}

impl RetryBy {
    /// Whether a job has the step still.
    pub(super) fn is_of_a_job(self) -> bool {
        matches!(self, Self::First | Self::Job)
    }
}

/// For people who look at the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LoggedError {
    name: String,
    message: String,
    /// It is this SDK's: a step's time was over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    own: bool,
}

/// Characters of a message that are kept.
const MESSAGE: usize = 1_000;

impl LoggedError {
    pub(super) fn of(error: &OpError) -> Self {
        let message = error.message.chars().take(MESSAGE).collect();
        Self { name: error.name.clone(), message, own: error.is_own() }
    }

    pub(super) fn to_op(&self) -> OpError {
        let (name, message) = (self.name.clone(), self.message.clone());
        if self.own { OpError::own(name, message) } else { OpError::new(name, message) }
    }
}

/// What the log says about steps. Their order is [`Order`](super::order::Order)'s.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many hidden steps hold it.
    steps: usize,
    claims: StepMap<Claim>,
    /// The job that holds the run.
    holder: Option<String>,
    failures: StepMap<Failures>,
    /// The jobs that try a handler again which has failed.
    erring: Vec<String>,
    /// A job is to end the run, since the handler has failed.
    is_ending: bool,
}

#[derive(Debug)]
struct Claim {
    by: String,
    /// Only dispatches with a greater number run the step.
    after: u32,
}

/// How often a step has failed, and what becomes of it.
#[derive(Debug)]
pub(super) struct Failures {
    pub(super) attempts: u32,
    pub(super) retry: RetryBy,
    pub(super) delay: Option<u64>,
    pub(super) error: Option<LoggedError>,
}

/// Who runs a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    /// This job; in dispatches after this number.
    This(u32),
    Another,
}

impl Log {
    /// What is stored of it, and the decisions among that.
    pub(super) fn read(memo: &Memo, complaints: &mut Vec<Complaint>) -> (Self, Vec<Decision>) {
        let mut log = Self::default();
        let mut decisions = Vec::new();
        while let Some(stored) = memo.get(order_step(log.steps).hash) {
            match stored.outcome::<Vec<LogEntry>>() {
                Ok(Ok(entries)) => {
                    log.let_go_of_holder(&entries);
                    entries.into_iter().for_each(|entry| log.note(entry, &mut decisions));
                }
                _ => {
                    complaints.push(Complaint::UnreadableOrder(order_step(log.steps).id.into_owned()));
                }
            }
            log.steps += 1;
        }
        (log, decisions)
    }

    /// Nobody waits any more for the job that holds the run, nor for what it has claimed, if
    /// somebody else has written this: it may have left the run in the same place of the log, where
    /// it is not stored.
    fn let_go_of_holder(&mut self, entries: &[LogEntry]) {
        let is_of = |holder: &String| {
            entries.iter().any(|entry| matches!(entry, LogEntry::Proposed { by } if by == holder))
        };
        if let Some(holder) = self.holder.take_if(|holder| !is_of(holder)) {
            let released = self.claims_of(&holder).collect();
            self.note(LogEntry::Released { released }, &mut Vec::new());
        }
    }

    fn note(&mut self, entry: LogEntry, decisions: &mut Vec<Decision>) {
        match entry {
            LogEntry::Decided(decision) => decisions.push(decision),
            LogEntry::Claimed { claimed, by } => {
                for step in claimed {
                    self.claims.insert(step, Claim { by: by.clone(), after: 0 });
                }
            }
            LogEntry::Released { released } => {
                for step in released {
                    // Its retry has been asked for, and may not have come.
                    if self.claims.remove(&step).is_some_and(|claim| claim.after > 0)
                        && let Some(failures) = self.failures.get_mut(&step)
                    {
                        failures.retry = RetryBy::Postponed;
                    }
                }
            }
            LogEntry::Proposed { .. } => {}
            LogEntry::Erred { erred_in } => self.erring.push(erred_in),
            LogEntry::Recovered { recovered_in } => self.erring.retain(|job| *job != recovered_in),
            LogEntry::Ended { .. } => self.is_ending = true,
            LogEntry::Held { held_by } => self.holder = Some(held_by),
            LogEntry::Left { .. } => self.holder = None,
            LogEntry::Failed { failed, attempt, retry, delay, error } => {
                if !retry.is_of_a_job() {
                    self.claims.remove(&failed);
                }
                self.failures.insert(failed, Failures { attempts: attempt, retry, delay, error });
            }
            LogEntry::Scheduled { scheduled, by, after } => {
                self.claims.insert(scheduled, Claim { by, after });
                if let Some(failures) = self.failures.get_mut(&scheduled) {
                    failures.retry = RetryBy::Job;
                }
            }
        }
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    pub(super) fn owner(&self, step: StepHash, job: &str) -> Owner {
        match self.claims.get(&step) {
            Some(claim) if claim.by == job => Owner::This(claim.after),
            Some(_) => Owner::Another,
            None => match &self.holder {
                None => Owner::Nobody,
                Some(holder) if holder == job => Owner::This(0),
                Some(_) => Owner::Another,
            },
        }
    }

    /// Whether another job holds the run.
    pub(super) fn is_held_elsewhere(&self, job: &str) -> bool {
        self.holder.as_deref().is_some_and(|holder| holder != job)
    }

    /// Whether a job holds the run.
    pub(super) fn is_held_by(&self, job: &str) -> bool {
        self.holder.as_deref() == Some(job)
    }

    /// Whether nothing is under way but in one job: `is_stored` says of steps that they have ended.
    pub(super) fn is_quiet_but_for(&self, job: &str, is_stored: impl Fn(StepHash) -> bool) -> bool {
        self.claims.iter().all(|(step, claim)| claim.by == job || is_stored(*step))
            && self.failures.keys().all(|step| is_stored(*step))
            && !self.has_erred_elsewhere(job)
    }

    /// Whether the handler has failed in this job, which tries it again.
    pub(super) fn has_erred(&self, job: &str) -> bool {
        self.erring.iter().any(|erring| erring == job)
    }

    /// Whether another job tries a handler again that has failed.
    pub(super) fn has_erred_elsewhere(&self, job: &str) -> bool {
        self.erring.iter().any(|erring| erring != job)
    }

    /// Whether a job is to end the run, since the handler has failed.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// The steps that a job has claimed.
    pub(super) fn claims_of<'a>(&'a self, job: &'a str) -> impl Iterator<Item = StepHash> + 'a {
        self.claims.iter().filter(move |(_, claim)| claim.by == job).map(|(step, _)| *step)
    }

    /// The steps of which it says that they have failed, or that a job has come to them.
    pub(super) fn known(&self) -> impl Iterator<Item = StepHash> {
        self.failures.keys().chain(self.claims.keys()).copied()
    }

    /// Whether the run knows of a step that has not ended.
    pub(super) fn knows(&self, step: StepHash) -> bool {
        self.failures.contains_key(&step) || self.claims.contains_key(&step)
    }

    /// Whether a job's attempts count the one in the client's request: it was made for a step that
    /// failed there, or has failed in the job since, and has not ended. `is_stored` says which
    /// have.
    pub(super) fn is_for_the_first(&self, job: &str, is_stored: impl Fn(StepHash) -> bool) -> bool {
        self.failures.iter().any(|(step, failures)| {
            failures.retry == RetryBy::First && !is_stored(*step) && self.owner(*step, job) != Owner::Another
        })
    }

    /// Whether any step has failed before.
    pub(super) fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// How a step has failed so far, if it has.
    pub(super) fn failures(&self, step: StepHash) -> Option<&Failures> {
        if self.failures.is_empty() { None } else { self.failures.get(&step) }
    }

    /// How long to wait before a step is tried again, as its last failure said.
    pub(super) fn delay(&self, step: StepHash) -> Duration {
        let delay = self.failures(step).and_then(|failures| failures.delay);
        Duration::from_millis(delay.unwrap_or_default())
    }

    pub(super) fn attempts(&self, step: StepHash) -> u32 {
        self.failures(step).map_or(0, |failures| failures.attempts)
    }

    /// All steps that have failed before, with how often.
    pub(super) fn failed(&self) -> impl Iterator<Item = (StepHash, u32)> {
        self.failures.iter().map(|(step, failures)| (*step, failures.attempts))
    }
}

impl Journal {
    /// Whether this request alone decides what comes next.
    pub(super) fn decides(&self) -> bool {
        self.mode != Mode::Shared || self.is_holding()
    }

    /// Whether this request's job holds a shared run.
    pub(super) fn is_holding(&self) -> bool {
        self.log.is_held_by(&self.job.id)
    }

    /// Whether the n-th hidden step of the log is not what this request has proposed for it.
    pub(super) fn has_lost(&self, n: usize) -> bool {
        let by = LogEntry::Proposed { by: self.job.id.clone() };
        let stored = self.known.memo().get(order_step(n).hash);
        let entries = stored.and_then(|stored| stored.outcome::<Vec<LogEntry>>().ok()?.ok());
        entries.is_some_and(|entries| !entries.contains(&by))
    }

    /// The next hidden step of the log, with these entries. Whoever stores it first decides.
    pub(super) fn log_step(&self, entries: &[LogEntry]) -> Recorded {
        hidden(order_step(self.log.steps), &entries)
    }

    /// Takes to heart what this request writes to the log.
    pub(super) fn note(&mut self, entries: &[LogEntry]) {
        entries.iter().for_each(|entry| self.log.note(entry.clone(), &mut Vec::new()));
    }

    /// Writes to the log without asking: no other request does, as far as is known here.
    pub(super) fn write(&mut self, entries: &[LogEntry]) {
        if entries.is_empty() {
            return;
        }
        if self.is_full() {
            self.complaints.push(Complaint::FullOrder);
            return;
        }
        if let Some(mark) = self.marks_fork() {
            self.record(mark);
        }
        let op = if self.is_holding() {
            let by = self.job.id.clone();
            self.log_step(&[entries, &[LogEntry::Proposed { by }]].concat())
        } else {
            self.log_step(entries)
        };
        self.log.steps += 1;
        self.note(entries);
        self.record(op);
    }

    /// Lets the decisions of this request be stored with what is sent next.
    pub(super) fn store_order(&mut self) {
        let decisions = self.order.take_unstored();
        let entries: Vec<_> = decisions.into_iter().map(LogEntry::Decided).collect();
        self.write(&entries);
    }
}
