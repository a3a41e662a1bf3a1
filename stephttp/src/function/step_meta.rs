//! A step as the source has it.

use crate::wire::StepHash;

/// A step with a literal id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepMeta {
    id: &'static str,
    hash: StepHash,
    kind: StepKind,
    file: &'static str,
    line: u32,
    renamed_from: Option<&'static str>,
}

impl StepMeta {
    pub(crate) const fn new(
        id: &'static str,
        hash: StepHash,
        kind: StepKind,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self { id, hash, kind, file, line, renamed_from: None }
    }

    /// With the literal id that is given to
    /// [`RunStep::renamed_from`](crate::step::RunStep::renamed_from).
    #[doc(hidden)]
    #[must_use]
    pub const fn with_renamed_from(mut self, old: &'static str) -> Self {
        self.renamed_from = Some(old);
        self
    }

    /// The id as written.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// The hash by which Inngest knows the step, computed at compile time.
    #[must_use]
    pub const fn hash(&self) -> StepHash {
        self.hash
    }

    /// What the step does.
    #[must_use]
    pub const fn kind(&self) -> StepKind {
        self.kind
    }

    /// Where the step is written, as `file:line`.
    #[must_use]
    pub fn location(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// The id that the step had in earlier versions of the program.
    #[must_use]
    pub const fn renamed_from(&self) -> Option<&'static str> {
        self.renamed_from
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepKind {
    /// [`Step::run`](crate::Step::run).
    Run,
    /// [`Step::sleep`](crate::Step::sleep) or [`Step::sleep_until`](crate::Step::sleep_until).
    Sleep,
    /// [`Step::wait_for_event`](crate::Step::wait_for_event).
    WaitForEvent,
    /// [`Step::send_event`](crate::Step::send_event) or
    /// [`Step::send_events`](crate::Step::send_events).
    SendEvent,
    /// [`Step::invoke`](crate::Step::invoke).
    Invoke,
    /// [`Step::wait_for_signal`](crate::Step::wait_for_signal).
    WaitForSignal,
    /// [`Step::send_signal`](crate::Step::send_signal).
    SendSignal,
    /// [`Step::publish`](crate::Step::publish).
    Publish,
    /// [`Step::fetch`](crate::Step::fetch).
    Fetch,
    /// [`Step::ai_infer`](crate::Step::ai_infer).
    AiInfer,
}

impl StepKind {
    /// The method of [`Step`](crate::Step) that makes such a step, as `run`; the first one where
    /// there are two.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Sleep => "sleep",
            Self::WaitForEvent => "wait_for_event",
            Self::SendEvent => "send_event",
            Self::Invoke => "invoke",
            Self::WaitForSignal => "wait_for_signal",
            Self::SendSignal => "send_signal",
            Self::Publish => "publish",
            Self::Fetch => "fetch",
            Self::AiInfer => "ai_infer",
        }
    }

    /// Whether such a step always hands its run over to Inngest.
    pub(crate) const fn waits(self) -> bool {
        !matches!(self, Self::Run | Self::SendEvent | Self::SendSignal | Self::Publish)
    }
}
