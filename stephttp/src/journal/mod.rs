//! The rules of replay: what a step does now, whose turn it is, when a request has come as far as
//! it comes, and with what it then ends.
//!
//! Data and functions on them, and nothing else: no HTTP, no lock, no clock, no waker. So a run can
//! be played here, with every order of its discoveries, in microseconds: `tests` does.
//!
//! [`Journal`] is what one request knows of its run. Whoever drives a handler tells it what has
//! happened, and does what it answers:
//!
//! | Told | Answers |
//! |---|---|
//! | [`claim`](Journal::claim): a step's future is made | which step of the run it is |
//! | [`begin`](Journal::begin), [`wait`](Journal::wait): it is polled | [`Begin`], [`Wait`]: what it does |
//! | [`ended_ok`](Journal::ended_ok), [`ended_err`](Journal::ended_err): its code has ended | [`Ended`]: what becomes of the result |
//! | [`after_poll`](Journal::after_poll): the handler is pending | [`Next`]: who is woken, or why it goes no further |
//! | [`learn`](Journal::learn): what is stored by now | who has a result by that |
//! | [`hand_over`](Journal::hand_over): it waits for Inngest | [`Handover`]: what to tell |
//!
//! [`Ending`] is what the request then answers.

mod complaint;
mod creation;
mod decision;
mod driving;
mod ending;
mod erring;
mod gate;
mod handover;
mod hidden;
mod ids;
mod known;
mod log;
mod memo;
mod mode;
mod order;
mod outstanding;
mod piped;
mod record;
mod remembered;
mod replay;
mod settling;
mod steps;
mod stop;
#[cfg(test)]
mod tests;

pub(crate) use complaint::Complaint;
pub(crate) use creation::{is_repeatable, takes_operations};
pub(crate) use driving::{Awaited, Done, Next, Polled};
pub(crate) use ending::{Ending, Facts, Outcome, Saved, Standing, Why, failure};
pub(crate) use erring::Erring;
use gate::Gate;
pub(crate) use handover::{Handover, HandoverFacts, start};
use hidden::{END, FORKED, PLANS, SHARED, START, STREAMED, order_step, retry_step, told_step};
pub(crate) use hidden::{is_streamed, streamed_step};
use ids::UsedIds;
use known::Known;
use log::Log;
pub(crate) use memo::{Memo, Memoized, end_of, handed_over_at};
pub(crate) use mode::Mode;
use order::Order;
pub(crate) use order::Slot;
pub(crate) use outstanding::Outstanding;
pub(crate) use piped::{Piped, PipedText, piped_text, piped_texts};
pub(crate) use record::{Recorded, StepKey};
pub(crate) use remembered::{
    RememberedValues, TEXT, VERSION, remembered_step, remembered_texts, remembered_version,
};
pub(crate) use steps::{Begin, Ended, Failing, Place, Wait};
pub(crate) use stop::{Stale, Stop};

use crate::wire::limits::RUN_STEPS;
use crate::wire::{OpCode, StepHash};
use driving::Pace;
use replay::Replay;

/// What one request knows of its run, and what it has added.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    mode: Mode,
    job: Job,
    ids: UsedIds,
    known: Known,
    log: Log,
    order: Order,
    /// The steps that the handler has come to, by their slots, where others may end them.
    keys: Vec<StepKey>,
    /// Operations that have not been sent.
    unsent: Vec<Recorded>,
    added: Added,
    /// What the handler waits for and only Inngest can bring about.
    outstanding: Vec<Outstanding>,
    executing: Executing,
    gate: Gate,
    pace: Pace,
    replay: Replay,
    /// Results that were stored, and were given to the handler.
    given_stored: usize,
    /// For the log; it is no matter of the rules where that is.
    complaints: Vec<Complaint>,
    /// Steps of this request that have ended, and that it has not found stored yet, where others
    /// may be under way.
    own: Vec<StepHash>,
    /// It waits to learn what all requests of the run agree on.
    is_agreeing: bool,
    /// The hidden step of the log that it has proposed.
    proposed: Option<usize>,
    /// Another request, which is under way, knows all that this one does.
    is_needless: bool,
    /// Its job's attempts count the one in the client's request.
    is_for_the_first: bool,
    /// It has left to others what it had claimed.
    has_released: bool,
    /// What has ended is saved before another step begins.
    saves_first: bool,
    stop: Option<Stop>,
    /// The handler's time is over: no step may be used any more.
    closed: bool,
}

/// What this request has added to the run.
#[derive(Debug, Default)]
struct Added {
    /// Steps, and bytes of their outputs.
    steps: usize,
    bytes: usize,
    /// Whether one of the steps has ended: Inngest stores it.
    any_ended: bool,
    /// How many of the steps failed for good.
    failed: usize,
}

/// The steps whose futures have begun and not ended.
#[derive(Debug, Default)]
struct Executing {
    all: usize,
    /// How many of them are in tasks of their own.
    elsewhere: usize,
    /// How many have ever begun.
    begun: u64,
    /// How many of them the handler's last poll has polled.
    polled: usize,
    /// One has ended since the last of these, or was dropped, and may have been that.
    ended: bool,
    /// That poll was made to find out.
    probing: bool,
}

/// The job that a re-entry works on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Job {
    pub(crate) id: String,
    /// Counts its dispatches, from 1.
    pub(crate) generation: u32,
}

impl Journal {
    /// The journal of a request in a mode; a first request is no job's.
    pub(crate) fn new(mode: Mode, job: Job) -> Self {
        Self { mode, job, ..Self::default() }
    }

    /// Whether the request ends with a fault, or without an answer that counts: no step begins any
    /// more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// The request must not go on. Of several reasons the gravest is kept, and of those the first.
    pub(crate) fn stop(&mut self, stop: Stop) {
        if self.stop.as_ref().is_none_or(|known| known.gravity() < stop.gravity()) {
            self.stop = Some(stop);
        }
    }

    /// Why Inngest does not want the request to go on, if so.
    pub(crate) fn stale(&self) -> Option<Stale> {
        match self.stop {
            Some(Stop::Stale(stale)) => Some(stale),
            _ => None,
        }
    }

    /// Whether no step may be used any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The step in this place of the order.
    pub(crate) fn hash_at(&self, slot: Slot) -> StepHash {
        self.order.hash(slot)
    }

    /// How many results the handler was given that were stored.
    pub(crate) fn replayed_steps(&self) -> usize {
        self.given_stored
    }

    /// What is wrong with the run and is to be logged.
    pub(crate) fn take_complaints(&mut self) -> Vec<Complaint> {
        std::mem::take(&mut self.complaints)
    }

    /// Whether no step has been called.
    pub(crate) fn is_unused(&self) -> bool {
        self.ids.is_empty()
    }

    /// Steps of the run so far.
    pub(crate) fn steps(&self) -> usize {
        self.known.memo().len() + self.added.steps
    }

    /// Whether no further step can be stored.
    pub(crate) fn is_full(&self) -> bool {
        self.steps() >= RUN_STEPS
    }

    /// How many steps are known to be stored.
    pub(crate) fn known_steps(&self) -> usize {
        self.known.memo().len()
    }

    /// How many steps of this request have ended, and have not been found stored.
    pub(crate) fn own_steps(&self) -> usize {
        self.own.len()
    }

    /// How many hidden steps hold the run's log.
    pub(crate) fn log_steps(&self) -> usize {
        self.log.steps()
    }

    /// What is stored under a hash, as middlewares have restored it.
    pub(crate) fn stored(&self, hash: StepHash) -> Option<Memoized> {
        self.known.stored(hash)
    }

    /// What is stored under a hash and has to be restored by middlewares before it is given; `None`
    /// once that is done.
    pub(crate) fn unrestored(&self, hash: StepHash) -> Option<Memoized> {
        self.known.unrestored(hash)
    }

    /// What middlewares have made of what is stored under a hash.
    pub(crate) fn restore(&mut self, hash: StepHash, value: Memoized) {
        self.known.restore(hash, value);
    }

    /// Bytes of the run's step outputs so far, about as the server counts them.
    fn bytes(&self) -> usize {
        self.known.memo().size() + self.added.bytes
    }

    /// Adds an operation to what is to be sent.
    pub(crate) fn record(&mut self, op: Recorded) {
        self.count(&op);
        self.added.failed += usize::from(op.op() == OpCode::StepFailed);
        self.added.any_ended = true;
        self.unsent.push(op);
    }

    /// Counts an operation as one of the run's.
    fn count(&mut self, op: &Recorded) {
        self.added.steps += 1;
        self.added.bytes += op.output_size();
    }

    /// Whether any step has been recorded in this request.
    pub(crate) fn has_steps(&self) -> bool {
        self.added.steps > 0
    }

    /// Whether a step has begun or ended, so that the run must not be lost with its client.
    pub(crate) fn has_begun(&self) -> bool {
        self.added.steps > 0 || self.executing.all > 0
    }

    /// Whether a step's code has begun to run in this request.
    pub(crate) fn has_executed(&self) -> bool {
        self.executing.begun > 0
    }

    /// Whether there is anything to tell Inngest.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether there is anything to tell Inngest before this request's part of the run ends.
    pub(crate) fn has_unsent_finished(&self) -> bool {
        self.unsent.iter().any(|op| op.op() == OpCode::StepRun)
    }

    /// The id of the last of the handler's steps that has ended and has not been sent.
    pub(crate) fn last_unsent(&self) -> Option<&str> {
        let ended = self.unsent.iter().filter(|op| op.op() == OpCode::StepRun);
        ended.rev().find_map(Recorded::id_in_handler)
    }

    pub(crate) fn take_unsent(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.unsent)
    }

    /// What has not been sent, as far as it fits into one message. The rest is given up: its steps
    /// run again.
    pub(crate) fn take_unsent_within(&mut self, bytes: usize) -> Vec<Recorded> {
        let fit = self.unsent_within(bytes).len();
        let mut ops = self.take_unsent();
        ops.truncate(fit);
        ops
    }

    /// That, without taking it.
    fn unsent_within(&self, mut bytes: usize) -> &[Recorded] {
        let fits = self.unsent.iter().take_while(|op| {
            let fits = op.size() <= bytes;
            bytes = bytes.saturating_sub(op.size());
            fits
        });
        &self.unsent[..fits.count()]
    }

    /// Puts back what could not be sent, before what has been recorded since.
    pub(crate) fn put_back(&mut self, mut ops: Vec<Recorded>) {
        ops.append(&mut self.unsent);
        self.unsent = ops;
    }

    /// What had ended is saved, or cannot be for now. Whether a step waits for that which can begin
    /// now.
    pub(crate) fn saved(&mut self, in_vain: bool) -> bool {
        let opens = self.saves_first && (in_vain || self.unsent.is_empty());
        self.saves_first &= !opens;
        opens
    }

    /// Ends the use of steps. Returns what is outstanding, and whom to wake once the handler is
    /// gone: futures in tasks of their own, which would wait for ever.
    pub(crate) fn close(&mut self) -> (Vec<Outstanding>, Vec<Slot>) {
        self.closed = true;
        self.gate.is_left = !self.gate.waiting.is_empty();
        self.gate.waiting.clear();
        (std::mem::take(&mut self.outstanding), self.order.unfinished())
    }

    /// Finished steps that the handler has not come to.
    pub(crate) fn unclaimed(&self) -> Vec<StepHash> {
        let own = [SHARED, PLANS, START, END, FORKED, STREAMED].map(|id| StepKey::hidden(id).hash);
        let orders = (0..self.log.steps()).map(|n| order_step(n).hash);
        let told = self.ids.hashes().map(|step| told_step(step).hash);
        let failed = self.log.failed();
        let retries =
            failed.flat_map(|(step, attempts)| (1..=attempts).map(move |n| retry_step(step, n).hash));
        let hidden: std::collections::HashSet<_> = orders
            .chain(own)
            .chain(told)
            .chain(retries)
            .chain(piped::notes(self.known.memo()))
            .chain([remembered_step().hash])
            .collect();
        let hashes = self.known.memo().hashes();
        hashes.filter(|hash| !self.ids.contains(*hash) && !hidden.contains(hash)).collect()
    }
}
