//! Finished steps that a handler does not come to any more.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::Run;
use crate::journal::Mode;
use crate::wire::RunId;

/// How many runs are remembered to be reported once only.
const REMEMBERED: usize = 256;

static REPORTED: Mutex<VecDeque<RunId>> = Mutex::new(VecDeque::new());

impl Run {
    /// Says in the log, once for a run, that the handler has come to its end, or to a wait, without some of the steps
    /// that the run has finished.
    pub(crate) fn report_unclaimed(&self) {
        // A request for one step goes no further than that.
        if matches!(self.mode(), Mode::First | Mode::Runs(_)) {
            return;
        }
        let unclaimed = self.lock().journal.unclaimed();
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
}
