//! The values of labels, each with its place in a table.

use crate::function::StepKind;
use crate::middleware::{CheckpointCall, Outcome};

/// In the place of what has no end.
pub(super) const OTHER: &str = "other";

/// How many ways an execution has to end.
pub(super) const OUTCOMES: usize = 10;

/// How an execution has ended: its place, `outcome` and `status`.
pub(super) fn outcome(outcome: &Outcome) -> (usize, &'static str, &'static str) {
    match outcome {
        Outcome::HandedOver => (0, "handed_over", "none"),
        Outcome::Panicked => (1, "panicked", "none"),
        Outcome::Failed(_) => (2, "failed", "none"),
        Outcome::Abandoned => (3, "abandoned", "none"),
        Outcome::Cancelled { .. } => (9, "cancelled", "none"),
        Outcome::Responded(status) => match status.as_u16() / 100 {
            1 => (4, "responded", "1xx"),
            2 => (5, "responded", "2xx"),
            3 => (6, "responded", "3xx"),
            4 => (7, "responded", "4xx"),
            // HTTP knows no more, and what is beyond is told as a failure of the app's.
            _ => (8, "responded", "5xx"),
        },
    }
}

pub(super) fn request(is_first: bool) -> &'static str {
    if is_first { "first" } else { "re-entry" }
}

pub(super) fn ok(is_ok: bool) -> &'static str {
    if is_ok { "ok" } else { "failed" }
}

/// How many kinds of steps run in this process.
pub(super) const KINDS: usize = 5;

/// What a step does that runs in this process.
pub(super) fn kind(kind: Option<StepKind>) -> (usize, &'static str) {
    match kind {
        Some(StepKind::Run) => (0, "run"),
        Some(StepKind::SendEvent) => (1, "send_event"),
        Some(StepKind::SendSignal) => (2, "send_signal"),
        Some(StepKind::Publish) => (3, "publish"),
        _ => (4, OTHER),
    }
}

pub(super) const CALLS: [CheckpointCall; 3] =
    [CheckpointCall::NewRun, CheckpointCall::Steps, CheckpointCall::Async];

/// How a delivery has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryEnd {
    Delivered,
    Retried,
    GivenUp,
}

impl DeliveryEnd {
    pub(super) const ALL: [Self; 3] = [Self::Delivered, Self::Retried, Self::GivenUp];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
        }
    }
}
