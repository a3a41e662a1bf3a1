//! Finished steps that a handler does not come to any more.

use super::Run;
use crate::journal::Mode;

impl Run {
    /// Whether the handler did not come to some of the run's steps in an earlier request to this
    /// process.
    pub(super) fn had_unclaimed_steps(&self) -> bool {
        self.app().is_some_and(|app| app.with_unclaimed_steps().contains(self.id()))
    }

    /// Says in the log, once for a run, that the handler has come to its end, or to a wait, without
    /// some of the steps that the run has finished.
    pub(crate) fn report_unclaimed(&self) {
        // In a first request nothing is stored.
        if self.mode() == Mode::First {
            return;
        }
        let unclaimed = self.lock().journal.unclaimed();
        let Some(first) = unclaimed.first() else { return };
        let is_said = self.app().is_some_and(|app| !app.with_unclaimed_steps().insert(self.id()));
        if is_said {
            return;
        }
        tracing::warn!(
            run_id = %self.id(), function = self.log_name(),
            count = unclaimed.len(),
            %first,
            "the run has finished steps that its handler did not come to: the code has changed while the run was in \
             flight (`renamed_from` keeps a step whose id has changed), or an id is not the same in each request, so \
             that its step runs anew each time"
        );
    }
}
