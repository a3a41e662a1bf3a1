//! What a client has been shown of each step, so that none is shown twice, or by half.

use crate::journal::{Memo, PipedText};
use crate::wire::realtime::Event;
use crate::wire::{StepHash, StepMap};

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Passes,
    Dropped,
    /// A step has ended whose beginning was missed: the run's state may have its text.
    Missed(StepHash),
    /// Nothing follows.
    Ends,
}

/// Which steps the client has been shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    steps: StepMap<Progress>,
    /// Something may have been missed: what comes of a step that has not said that it begins may be
    /// a rest.
    has_missed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// All of it, so far.
    Whole { has_something: bool },
    /// It is over: what comes of it still is of a request whose outcome does not count, or comes
    /// once more.
    Over,
}

impl Shown {
    /// To a client that reads from the run's beginning on.
    /// These are over.
    pub(super) fn from_the_beginning(over: Vec<StepHash>) -> Self {
        let steps = over.into_iter().map(|step| (step, Progress::Over)).collect();
        Self { steps, has_missed: false }
    }

    /// To a client that comes later.
    pub(super) fn later() -> Self {
        Self { has_missed: true, ..Self::default() }
    }

    /// Whether a step is over for the client.
    pub(super) fn is_over(&self, step: StepHash) -> bool {
        self.steps.get(&step) == Some(&Progress::Over)
    }

    /// A step is over for the client.
    pub(super) fn note_over(&mut self, step: StepHash) {
        self.steps.insert(step, Progress::Over);
    }

    /// Of what the state holds: the texts that are news. All of its steps are over.
    pub(super) fn learn(&mut self, memo: &Memo, texts: Vec<PipedText>) -> Vec<PipedText> {
        let news = texts.into_iter().filter(|piped| !self.is_over(piped.step)).collect();
        memo.hashes().for_each(|step| self.note_over(step));
        news
    }

    /// A step says that it begins. Whether the client has something of it that is void.
    pub(super) fn begin(&mut self, step: StepHash) -> bool {
        if self.is_over(step) {
            return false;
        }
        let before = self.steps.insert(step, Progress::Whole { has_something: false });
        before == Some(Progress::Whole { has_something: true })
    }

    /// Something was missed. Answers with the steps of which the client has a part, which is void.
    pub(super) fn miss(&mut self) -> Vec<StepHash> {
        self.has_missed = true;
        let open = self.steps.extract_if(|_, progress| matches!(progress, Progress::Whole { .. }));
        let mut parts: Vec<_> = open
            .filter(|(_, progress)| *progress == Progress::Whole { has_something: true })
            .map(|(step, _)| step)
            .collect();
        parts.sort_unstable();
        parts
    }

    pub(super) fn see(&mut self, event: &Event) -> Verdict {
        match event {
            // Each part has its own, and the client has had the run's.
            Event::Metadata(_) | Event::RedirectInfo(_) | Event::Resume(_) => return Verdict::Dropped,
            Event::Response(_) => return Verdict::Ends,
            _ => {}
        }
        let Some(step) = event.step() else { return Verdict::Passes };
        let progress = self.steps.get(&step).copied();
        if progress == Some(Progress::Over) {
            return Verdict::Dropped;
        }
        match event {
            Event::Stream(_) if progress.is_none() && self.has_missed => Verdict::Dropped,
            Event::Stream(_) => {
                self.steps.insert(step, Progress::Whole { has_something: true });
                Verdict::Passes
            }
            Event::Rollback(_) => {
                // What comes now is from its beginning.
                self.steps.insert(step, Progress::Whole { has_something: false });
                Verdict::Passes
            }
            Event::Commit(_) if progress.is_none() && self.has_missed => Verdict::Missed(step),
            Event::Commit(_) => {
                self.note_over(step);
                Verdict::Passes
            }
            _ => Verdict::Passes,
        }
    }
}
