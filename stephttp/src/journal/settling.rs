//! What a request that is not alone has to agree on with the others before it ends: who tries again
//! what has failed in it, and what it has claimed and leaves.

use super::driving::Next;
use super::hidden::{retry_discovery, retry_sleep};
use super::log::{LogEntry, LoggedError, Owner, RetryBy};
use super::outstanding::{Awaits, Outstanding};
use super::record::Recorded;
use super::{Journal, Mode};
use crate::wire::StepHash;
use crate::wire::limits::WAIT;

impl Journal {
    /// The request goes no further, as far as it knows. `None`: it may end.
    pub(super) fn settle(&mut self, has_attempt: bool) -> Option<Next> {
        let mut entries = self.retries(&self.outstanding, has_attempt);
        let left = self.left_claims();
        if !left.is_empty() {
            self.has_released = true;
            entries.push(LogEntry::Released { released: left });
        }
        entries.extend(self.recovered());
        if !entries.is_empty() || self.order.has_unstored_choice() {
            return Some(self.propose(entries));
        }
        if self.own.is_empty() {
            return None;
        }
        // Of two requests that end at the same time, at least one has to see what both have come
        // to: each reads after it has saved.
        self.is_agreeing = true;
        Some(Next::Agree(None))
    }

    /// Whether this request knows of anything that others may not, or has to see to it.
    ///
    /// Who has its proposal taken before another's reads the run's state after that, and so knows
    /// all that the other one knew when it began.
    pub(super) fn has_news(&self) -> bool {
        let is_own = |one: &Outstanding| matches!(one.awaits, Awaits::Answer(_) | Awaits::Retry { .. });
        self.added.any_ended
            || self.executing.begun > 0
            || self.has_released
            || self.outstanding.iter().any(is_own)
            || self.log.claims_of(&self.job.id).any(|step| !self.known.contains(step))
            || self.log.has_erred(&self.job.id)
            || self.is_holding()
    }

    /// What the log has to say of steps that have failed in this request. A job is tried again for
    /// one of them. A delay goes with an answer that holds nothing else, and a request that Inngest
    /// makes must not be asked for again by the same job.
    pub(super) fn retries(&self, outstanding: &[Outstanding], has_attempt: bool) -> Vec<LogEntry> {
        let is_request =
            |one: &Outstanding| matches!(&one.awaits, Awaits::Inngest { op, .. } if op.is_done_when_told());
        let known = |one: &Outstanding| match &one.awaits {
            Awaits::Retry { attempt, .. } => self
                .log
                .failures(one.hash)
                .filter(|known| known.attempts >= *attempt)
                .map(|known| known.retry),
            _ => None,
        };
        let is_others = |one: &Outstanding| self.log.owner(one.hash, &self.job.id) == Owner::Another;
        let is_taken = |one: &Outstanding| {
            is_request(one) || (known(one).is_some_and(RetryBy::is_of_a_job) && !is_others(one))
        };
        let mut has_attempt = has_attempt && !outstanding.iter().any(is_taken);
        let has_others = outstanding.iter().filter(|one| one.is_told_by_answer()).count() > 1;
        let mut entries = Vec::new();
        for one in outstanding {
            let Awaits::Retry { op, delay, attempt } = &one.awaits else { continue };
            if known(one).is_some() {
                continue;
            }
            let retry = match delay {
                Some(_) if has_others || !has_attempt => RetryBy::Sleep,
                _ if !std::mem::take(&mut has_attempt) => RetryBy::Postponed,
                _ if self.mode == Mode::First || self.is_for_the_first => RetryBy::First,
                _ => RetryBy::Job,
            };
            let error = op
                .error()
                .filter(|_| matches!(retry, RetryBy::Sleep | RetryBy::Postponed))
                .map(LoggedError::of);
            let delay = delay.map(|delay| u64::try_from(delay.min(WAIT).as_millis()).unwrap_or_default());
            entries.push(LogEntry::Failed { failed: one.hash, attempt: *attempt, retry, delay, error });
        }
        entries
    }

    /// The operation by which a step is tried again that has failed, unless another job sees to it.
    pub(super) fn retried(&self, op: Recorded, hash: StepHash) -> Option<Recorded> {
        match self.log.failures(hash) {
            Some(known) if known.retry == RetryBy::Sleep => {
                Some(retry_sleep(hash, known.attempts, self.log.delay(hash)))
            }
            // Another process may have asked for this failure's before, of whose job nothing is
            // left.
            Some(known) if known.retry == RetryBy::Postponed => {
                Some(retry_discovery(hash, known.attempts, self.own_name().as_deref()))
            }
            _ => (self.log.owner(hash, &self.job.id) != Owner::Another).then_some(op),
        }
    }

    /// What others wait for at this job: steps that it has claimed, and neither brought to an end
    /// nor tells Inngest of.
    pub(super) fn left_claims(&self) -> Vec<StepHash> {
        let may_miss = Outstanding::may_miss(&self.outstanding);
        let is_told = |one: &Outstanding| match &one.awaits {
            Awaits::Inngest { op, .. } => !(may_miss && op.is_done_when_told()),
            Awaits::Answer(_) | Awaits::Retry { .. } => true,
            Awaits::Elsewhere => false,
        };
        let is_left = |step: &StepHash| {
            !self.known.contains(*step)
                && !self.own.contains(step)
                && !self.order.is_gone(*step)
                && !self.outstanding.iter().any(|one| one.hash == *step && is_told(one))
        };
        self.log.claims_of(&self.job.id).filter(is_left).collect()
    }
}
