//! A step's future while it is under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::on_thread::PollingStep;
use super::{Run, State};
use crate::wire::{StepHash, Timing};

/// After a step that took so long, a re-entry saves what has ended before it begins another step:
/// that is how it learns of a cancellation.
const LONG: Duration = Duration::from_secs(1);

/// A step's future is under way: while one is, the run is not suspended.
#[derive(Debug)]
pub(crate) struct Executing {
    run: Arc<Run>,
    step: StepHash,
    started: Instant,
    /// Whether the run counts on it.
    counted: Option<Counted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Here,
    /// In a task of its own.
    Elsewhere,
}

impl Counted {
    fn begin(run: &Run, state: &mut State) -> Self {
        let counted = if run.is_being_polled() { Self::Here } else { Self::Elsewhere };
        state.journal.begin_executing(counted == Self::Elsewhere);
        counted
    }
}

impl Executing {
    /// Without Inngest there is nothing to count.
    pub(super) fn detached(run: Arc<Run>, step: StepHash) -> Self {
        Self { run, step, started: Instant::now(), counted: None }
    }

    /// It begins, in the handler's own task or in another.
    pub(super) fn begin(run: Arc<Run>, step: StepHash, state: &mut State) -> Self {
        let counted = Some(Counted::begin(&run, state));
        Self { run, step, started: Instant::now(), counted }
    }

    /// Its future may have been moved to another task.
    pub(super) fn recount(&mut self, state: &mut State) {
        if self.counted.is_some() {
            self.end(state);
            self.counted = Some(Counted::begin(&self.run, state));
        }
    }

    pub(super) fn timing(&self) -> Timing {
        let (start, clock) = self.run.began;
        let started = start + self.started.saturating_duration_since(clock);
        Timing::new(started, self.started.elapsed())
    }

    /// Whether the handler may go no further now.
    pub(super) fn end(&mut self, state: &mut State) -> bool {
        let Some(counted) = self.counted.take() else { return false };
        state.journal.end_executing(counted == Counted::Elsewhere)
    }
}

/// Whether a step has taken so long that its run may have been cancelled meanwhile.
pub(super) fn was_long(timing: Timing) -> bool {
    Duration::from_nanos(timing.duration_ns) >= LONG
}

impl Executing {
    /// Begins to poll the step's future.
    pub(crate) fn enter(&self) -> PollingStep {
        PollingStep::begin(&self.run, self.step)
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        if self.counted.is_none() {
            return;
        }
        let run = self.run.clone();
        let mut state = run.lock();
        let may_suspend = self.end(&mut state);
        drop(state);
        run.stream_step_drop(self.step);
        if may_suspend {
            run.wakeup.notice();
        }
    }
}
