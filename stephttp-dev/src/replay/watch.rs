//! What a handler has come to in one re-entry.

use std::sync::{Arc, Mutex, MutexGuard};

use inngest::function::StepKind;
use inngest::observer::{End, Observer, Reached};
use inngest::wire::StepHash;
use tokio::sync::watch;

use crate::sync::lock;

/// A step that a handler has come to.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) label: String,
    pub(super) hash: String,
    pub(super) kind: Kind,
    pub(super) given: bool,
    /// The handler has dropped it before it was given anything, as the loser of a `select!`.
    pub(super) left: bool,
    /// The type that it was to be read as, and why it could not be.
    pub(super) unreadable: Option<(&'static str, String)>,
}

impl Told {
    /// Whether it waits for its outcome.
    pub(super) fn is_open(&self) -> bool {
        !self.given && !self.left && self.unreadable.is_none()
    }
}

/// What a step is, as far as what is stored of it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Run,
    Sleep,
    WaitForEvent,
    WaitForSignal,
    Invoke,
    Fetch,
    AiInfer,
}

impl Kind {
    /// Of an operation; `None` where nothing is known.
    pub(super) fn of_op(op: &str) -> Option<Self> {
        Some(match op {
            "StepRun" | "Step" | "StepError" | "StepFailed" | "StepPlanned" => Self::Run,
            "Sleep" => Self::Sleep,
            "WaitForEvent" => Self::WaitForEvent,
            "WaitForSignal" => Self::WaitForSignal,
            "InvokeFunction" => Self::Invoke,
            "Gateway" => Self::Fetch,
            "AIGateway" => Self::AiInfer,
            _ => return None,
        })
    }

    fn of(kind: Option<StepKind>) -> Self {
        match kind {
            Some(StepKind::Sleep) => Self::Sleep,
            Some(StepKind::WaitForEvent) => Self::WaitForEvent,
            Some(StepKind::WaitForSignal) => Self::WaitForSignal,
            Some(StepKind::Invoke) => Self::Invoke,
            Some(StepKind::Fetch) => Self::Fetch,
            Some(StepKind::AiInfer) => Self::AiInfer,
            _ => Self::Run,
        }
    }

    /// What is stored of such a step that has come to nothing.
    pub(super) fn nothing(self) -> &'static str {
        match self {
            Self::Sleep | Self::WaitForEvent | Self::WaitForSignal => "null",
            Self::Run | Self::Invoke | Self::Fetch | Self::AiInfer => r#"{"data":null}"#,
        }
    }

    /// The method of a step, for messages.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Sleep => "sleep",
            Self::WaitForEvent => "wait_for_event",
            Self::WaitForSignal => "wait_for_signal",
            Self::Invoke => "invoke",
            Self::Fetch => "fetch",
            Self::AiInfer => "ai_infer",
        }
    }
}

/// What a re-entry has shown so far.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) steps: Vec<Told>,
    /// All that is stored has been given, and steps would run now.
    pub(super) is_open: bool,
    end: Option<End>,
}

/// Is told of one re-entry at a time.
pub(super) struct Watch {
    current: Mutex<(String, Seen)>,
    changed: watch::Sender<()>,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { current: Mutex::default(), changed: watch::Sender::new(()) })
    }

    fn lock(&self) -> MutexGuard<'_, (String, Seen)> {
        lock(&self.current)
    }

    /// Watches a job, and no other any more.
    pub(super) fn begin(&self, job: &str) -> watch::Receiver<()> {
        *self.lock() = (job.to_owned(), Seen::default());
        self.changed.subscribe()
    }

    pub(super) fn seen(&self) -> Seen {
        self.lock().1.clone()
    }

    /// Has the handler dropped, if it is still there.
    pub(super) fn end(&self) {
        let end = self.lock().1.end.take();
        if let Some(end) = end {
            end();
        }
    }

    fn note(&self, job: &str, note: impl FnOnce(&mut Seen)) {
        let mut current = self.lock();
        if current.0 == job {
            note(&mut current.1);
            drop(current);
            self.changed.send_replace(());
        }
    }

    fn note_step(&self, job: &str, step: StepHash, note: impl FnOnce(&mut Told)) {
        let hash = step.to_string();
        self.note(job, |seen| {
            if let Some(told) = seen.steps.iter_mut().rfind(|told| told.hash == hash) {
                note(told);
            }
        });
    }
}

impl Observer for Watch {
    fn began(&self, job: &str, end: End) {
        self.note(job, |seen| seen.end = Some(end));
    }

    fn reached(&self, job: &str, step: Reached<'_>) {
        let told = Told {
            label: if step.index == 0 { step.id.to_owned() } else { format!("{}:{}", step.id, step.index) },
            hash: step.hash.to_string(),
            kind: Kind::of(step.kind),
            given: false,
            left: false,
            unreadable: None,
        };
        self.note(job, |seen| seen.steps.push(told));
    }

    fn given(&self, job: &str, step: StepHash) {
        self.note_step(job, step, |told| told.given = true);
    }

    fn unreadable(&self, job: &str, step: StepHash, wanted: &'static str, why: &str) {
        self.note_step(job, step, |told| told.unreadable = Some((wanted, why.to_owned())));
    }

    fn left(&self, job: &str, step: StepHash) {
        self.note_step(job, step, |told| told.left = true);
    }

    fn begins(&self, job: &str, _: StepHash) {
        self.note(job, |seen| seen.is_open = true);
    }
}
