//! A handler that has failed as a whole, in one of several requests that may come to that.
//!
//! Each of their jobs tries the handler again by itself, while it has an attempt. The run must not
//! fail by one that has none as long as another has: so the log says which jobs are to try again,
//! and a job on its last attempt ends the run only if there is no other.

use super::Journal;
use super::log::LogEntry;
use super::record::Recorded;
use crate::wire::StepHash;

/// What a request does whose handler has failed.
#[derive(Debug)]
pub(crate) enum Erring {
    /// It asks for its job's next attempt, or ends the run if there is none.
    Here,
    /// Nothing: other jobs see to it.
    Elsewhere,
    /// All requests of the run have to agree on this first.
    Agree(Recorded),
}

impl Journal {
    /// What a request does whose handler has failed. `may_retry`: its job has another attempt.
    pub(crate) fn erring(&self, may_retry: bool) -> Erring {
        if self.decides() || self.is_full() {
            return Erring::Here;
        }
        let (job, log) = (&self.job.id, &self.log);
        if log.is_held_elsewhere(job) {
            return Erring::Elsewhere;
        }
        if log.is_ending() || (may_retry && log.has_erred(job)) {
            return Erring::Here;
        }
        if may_retry {
            return self.propose_alone(vec![LogEntry::Erred { erred_in: job.clone() }]);
        }
        if !log.has_erred_elsewhere(job) {
            return self.propose_alone(vec![LogEntry::Ended { ended_in: job.clone() }]);
        }
        let mut entries = Vec::new();
        if log.has_erred(job) {
            entries.push(LogEntry::Recovered { recovered_in: job.clone() });
        }
        // Whoever goes on must not wait for what this job has claimed.
        let released: Vec<StepHash> = log.claims_of(job).filter(|step| !self.is_ended(*step)).collect();
        if !released.is_empty() {
            entries.push(LogEntry::Released { released });
        }
        if entries.is_empty() { Erring::Elsewhere } else { self.propose_alone(entries) }
    }

    /// Whether a step has ended, in this request or as far as is known.
    fn is_ended(&self, step: StepHash) -> bool {
        self.known.contains(step) || self.own.contains(&step)
    }

    /// Without what the handler has decided by itself: it has failed, and may decide otherwise.
    fn propose_alone(&self, mut entries: Vec<LogEntry>) -> Erring {
        entries.push(LogEntry::Proposed { by: self.job.id.clone() });
        Erring::Agree(self.log_step(&entries))
    }

    /// What the log has to say when this job's handler has failed before, and goes on.
    pub(super) fn recovered(&self) -> Option<LogEntry> {
        let job = &self.job.id;
        self.log.has_erred(job).then(|| LogEntry::Recovered { recovered_in: job.clone() })
    }
}
