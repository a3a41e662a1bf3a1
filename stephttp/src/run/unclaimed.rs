//! Finished steps that a handler does not come to any more.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::Run;
use crate::journal::{
    DISCOVER, END, FAILED, Mode, PLANS, START, StepKey, hidden_steps, order_step, remembered_step,
};
use crate::wire::{RunId, StepHash};

/// How many runs are remembered to be reported once only.
const REMEMBERED: usize = 256;

static REPORTED: Mutex<VecDeque<RunId>> = Mutex::new(VecDeque::new());

impl Run {
    /// Says in the log, once for a run, that the handler has come to its end, or to a wait, without some of the steps
    /// that the run has finished.
    pub(crate) fn report_unclaimed(&self) {
        // A request for one step goes no further than that.
        if matches!(self.mode(), None | Some(Mode::Runs(_))) {
            return;
        }
        let unclaimed = self.unclaimed();
        let Some(first) = unclaimed.first() else { return };
        let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.contains(&self.id()) {
            return;
        }
        reported.push_back(self.id());
        if reported.len() > REMEMBERED {
            reported.pop_front();
        }
        drop(reported);
        tracing::warn!(
            run_id = %self.id(),
            count = unclaimed.len(),
            %first,
            "the run has finished steps that its handler did not come to: the code has changed while the run was in \
             flight (`renamed_from` keeps a step whose id has changed), or an id is not the same in each request, so \
             that its step runs anew each time"
        );
    }

    fn unclaimed(&self) -> Vec<StepHash> {
        let state = self.lock();
        let hidden = [PLANS, FAILED, DISCOVER, START, END].map(|id| StepKey::hidden(id).hash);
        let orders = (0..state.orders).map(|n| order_step(n).hash);
        let delays = state.ids.hashes().flat_map(hidden_steps);
        let known: HashSet<_> = orders.chain(hidden).chain(delays).chain([remembered_step().hash]).collect();
        state.memo.hashes().filter(|hash| !state.ids.contains(*hash) && !known.contains(hash)).collect()
    }
}
