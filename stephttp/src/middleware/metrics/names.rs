//! The metrics' names, and what is said of them.

use ::metrics::{Recorder, Unit};

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Executions,
    ExecutionDuration,
    HandOvers,
    ReplayedSteps,
    Steps,
    StepDuration,
    Checkpoints,
    CheckpointDuration,
    CheckpointRetries,
    Deliveries,
    Sends,
    Publishes,
    LostRuns,
    Backlog,
}

enum Kind {
    Counter,
    Histogram,
    Gauge,
}

impl Name {
    const ALL: [Self; 14] = [
        Self::Executions,
        Self::ExecutionDuration,
        Self::HandOvers,
        Self::ReplayedSteps,
        Self::Steps,
        Self::StepDuration,
        Self::Checkpoints,
        Self::CheckpointDuration,
        Self::CheckpointRetries,
        Self::Deliveries,
        Self::Sends,
        Self::Publishes,
        Self::LostRuns,
        Self::Backlog,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Executions => "inngest_executions_total",
            Self::ExecutionDuration => "inngest_execution_duration_seconds",
            Self::HandOvers => "inngest_hand_overs_total",
            Self::ReplayedSteps => "inngest_replayed_steps_total",
            Self::Steps => "inngest_steps_total",
            Self::StepDuration => "inngest_step_duration_seconds",
            Self::Checkpoints => "inngest_checkpoints_total",
            Self::CheckpointDuration => "inngest_checkpoint_duration_seconds",
            Self::CheckpointRetries => "inngest_checkpoint_retries_total",
            Self::Deliveries => "inngest_deliveries_total",
            Self::Sends => "inngest_sends_total",
            Self::Publishes => "inngest_publishes_total",
            Self::LostRuns => "inngest_lost_runs_total",
            Self::Backlog => "inngest_backlog_bytes",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Executions => "Executions of durable handlers that have ended.",
            Self::ExecutionDuration => "How long executions of durable handlers took.",
            Self::HandOvers => "Executions after which the run goes on at Inngest.",
            Self::ReplayedSteps => "Stored results of steps and waits that were given to handlers.",
            Self::Steps => "Attempts of steps that ran in this process.",
            Self::StepDuration => "How long attempts of steps took.",
            Self::Checkpoints => "Calls to Inngest's checkpoint API.",
            Self::CheckpointDuration => "How long calls to Inngest's checkpoint API took, with all attempts.",
            Self::CheckpointRetries => "Requests to Inngest's checkpoint API that were tried again.",
            Self::Deliveries => {
                "Runs that have ended in their clients' requests, and whose end was delivered or given up."
            }
            Self::Sends => "Calls that sent events outside of steps.",
            Self::Publishes => "Calls that published messages outside of steps.",
            Self::LostRuns => "Runs of which Inngest will not have everything.",
            Self::Backlog => "Bytes that wait to be delivered to Inngest.",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::ExecutionDuration | Self::StepDuration | Self::CheckpointDuration => Kind::Histogram,
            Self::Backlog => Kind::Gauge,
            _ => Kind::Counter,
        }
    }

    /// Tells a recorder what the metrics are.
    pub(super) fn describe_all(recorder: &dyn Recorder) {
        for name in Self::ALL {
            let (key, text) = (name.as_str().into(), name.description().into());
            match name.kind() {
                Kind::Counter => recorder.describe_counter(key, Some(Unit::Count), text),
                Kind::Histogram => recorder.describe_histogram(key, Some(Unit::Seconds), text),
                Kind::Gauge => recorder.describe_gauge(key, Some(Unit::Bytes), text),
            }
        }
    }
}
