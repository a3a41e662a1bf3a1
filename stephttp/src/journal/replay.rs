//! Whether the handler does again what it has done in an earlier request.
//!
//! Of what it does by itself nothing is stored, a line of its log for instance. It surely has done
//! it before if an earlier request has come to a step that lies behind, and that this one has not
//! come to. Whether an earlier request was there is known of every step of the run: it has ended,
//! has failed, was claimed, or was dropped. What cannot be known counts as new.
//!
//! Nothing can be known where a job that decides alone may have been worked on by two processes: of
//! their two orders one is stored, and the steps that both have come to.

use super::decision::Decision;
use super::hidden::{
    AGAIN, END, FORKED, PLANS, SHARED, START, STREAMED, hidden, order_step, retry_step, told_step,
};
use super::piped::notes;
use super::{Journal, Mode, Recorded, StepKey, remembered_step};
use crate::wire::limits::RUN_STEPS;
use crate::wire::{StepHash, StepMap};

/// How far earlier requests have come, if somebody asks.
#[derive(Debug, Default)]
pub(super) struct Replay {
    is_watched: bool,
    /// This request has gone further, or another way.
    is_over: bool,
    /// The run says that it may have gone two ways.
    is_forked: bool,
    /// Steps that earlier requests have come to, and this one has not. Also the hidden steps which
    /// say that Inngest was told of one.
    unreached: StepMap<()>,
}

impl Replay {
    /// The handler has come to a step.
    pub(super) fn reached(&mut self, step: StepHash) {
        if self.unreached.is_empty() {
            return;
        }
        self.unreached.remove(&step);
        self.unreached.remove(&told_step(step).hash);
    }

    /// What comes next has not been there before.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }
}

impl Journal {
    /// From now on [`is_replaying`](Self::is_replaying) is asked for. To be said before anything is
    /// [learnt](Self::learn).
    pub(crate) fn watch_replay(&mut self) {
        self.replay.is_watched = true;
    }

    /// Whether what the handler does now has surely been done in an earlier request of the run.
    ///
    /// The client's request has come to a step at least. After that, results are given in the order
    /// that is stored, or in the only order that there is: that leads to the steps that were
    /// reached. Where this request makes a choice of its own, they may lie elsewhere.
    pub(crate) fn is_replaying(&self) -> bool {
        let Replay { is_watched, is_over, unreached, .. } = &self.replay;
        let has_gone_elsewhere = *is_over || self.order.has_chosen();
        *is_watched
            && self.mode != Mode::First
            && !has_gone_elsewhere
            && (self.order.is_empty() || !unreached.is_empty())
    }

    /// Says that the run may go two ways from here: this request writes to the log without asking,
    /// and is not its job's first. Where no more than one step waits, there is one way.
    pub(super) fn marks_fork(&mut self) -> Option<Recorded> {
        let may_fork = self.replay.is_watched
            && self.mode != Mode::First
            && self.job.generation > 1
            && self.order.has_alternatives()
            && self.steps() + 1 < RUN_STEPS;
        let is_new = may_fork && !std::mem::replace(&mut self.replay.is_forked, true);
        is_new.then(|| hidden(StepKey::hidden(FORKED), &true))
    }

    /// Takes note of the steps that earlier requests have come to.
    pub(super) fn note_unreached(&mut self, decisions: &[Decision]) {
        if !self.replay.is_watched {
            return;
        }
        if self.known.contains(StepKey::hidden(FORKED).hash) {
            self.replay.is_forked = true;
            self.replay.end();
        }
        if self.replay.is_over {
            return;
        }
        let decided = decisions.iter().map(Decision::step);
        let mut reached: StepMap<()> = self
            .known
            .memo()
            .hashes()
            .chain(self.log.known())
            .chain(decided)
            .map(|step| (step, ()))
            .collect();
        let own = [SHARED, PLANS, START, END, AGAIN, STREAMED].map(|id| StepKey::hidden(id).hash);
        let log = (0..self.log.steps()).map(|n| order_step(n).hash);
        let failed = self.log.failed();
        let retries =
            failed.flat_map(|(step, attempts)| (1..=attempts).map(move |n| retry_step(step, n).hash));
        let hidden = own
            .into_iter()
            .chain(log)
            .chain(retries)
            .chain(notes(self.known.memo()))
            .chain([remembered_step().hash]);
        for step in hidden {
            reached.remove(&step);
        }
        self.replay.unreached = reached;
        self.order.hashes().for_each(|step| self.replay.reached(step));
    }
}
