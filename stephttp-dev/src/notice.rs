//! What happens, told to people.

use std::fmt;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::inspect::RunStatus;
use crate::violation::Violation;

/// Something that happened. `Display` tells it in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A run was created.
    RunCreated {
        /// The run.
        run_id: String,
        /// Its function.
        function: String,
    },
    /// A step's output was saved.
    StepSaved {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
    },
    /// A step failed for good.
    StepFailed {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
        /// The error's message.
        error: String,
    },
    /// A step is to run in a re-entry of its own.
    StepPlanned {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
    },
    /// The run sleeps.
    Sleeping {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
        /// For how long.
        duration: Duration,
    },
    /// The run waits for an event.
    WaitingForEvent {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
        /// The event's name.
        event: String,
        /// For how long at most.
        timeout: Duration,
    },
    /// The run waits for a signal.
    WaitingForSignal {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
        /// The signal's name.
        signal: String,
        /// For how long at most.
        timeout: Duration,
    },
    /// The run invokes a function.
    Invoking {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
        /// The function's id.
        function: String,
    },
    /// The server calls a third party for a step.
    Calling {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
        /// Method and URL, without the query.
        request: String,
    },
    /// What a step waited for has come.
    Woken {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
    },
    /// What a step waited for has not come in time.
    TimedOut {
        /// The run.
        run_id: String,
        /// The step's id as the user wrote it, or its hash.
        step: String,
    },
    /// An event came in.
    EventReceived {
        /// The event's name.
        name: String,
        /// The event's id.
        id: String,
        /// Whether its id had been seen before.
        duplicate: bool,
    },
    /// A signal came in.
    SignalReceived {
        /// The signal's name.
        signal: String,
        /// The run that got it; `None` when nobody waited for it.
        run_id: Option<String>,
    },
    /// The app is called.
    Reentering {
        /// The run.
        run_id: String,
        /// Method and URL.
        request: String,
        /// The one planned step that is to run, if it is about one.
        step: Option<String>,
        /// The job's generation.
        generation: u32,
    },
    /// Something failed and will be tried again.
    RetryScheduled {
        /// The run.
        run_id: String,
        /// When.
        after: Duration,
        /// Why.
        reason: String,
    },
    /// A run has ended.
    RunEnded {
        /// The run.
        run_id: String,
        /// How.
        status: RunStatus,
    },
    /// The SDK made a mistake.
    Violation(Violation),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunCreated { run_id, function } => write!(f, "{run_id} run of {function}"),
            Self::StepSaved { run_id, step } => write!(f, "{run_id} step {step} saved"),
            Self::StepFailed { run_id, step, error } => write!(f, "{run_id} step {step} failed: {error}"),
            Self::StepPlanned { run_id, step } => write!(f, "{run_id} step {step} planned"),
            Self::Sleeping { run_id, step, duration } => {
                write!(f, "{run_id} sleeping at {step} for {}", humantime::format_duration(*duration))
            }
            Self::WaitingForEvent { run_id, step, event, timeout } => {
                let timeout = humantime::format_duration(*timeout);
                write!(f, "{run_id} waiting at {step} for the event {event}, {timeout} at most")
            }
            Self::WaitingForSignal { run_id, step, signal, timeout } => {
                let timeout = humantime::format_duration(*timeout);
                write!(f, "{run_id} waiting at {step} for the signal {signal}, {timeout} at most")
            }
            Self::Invoking { run_id, step, function } => write!(f, "{run_id} invoking {function} at {step}"),
            Self::Calling { run_id, step, request } => write!(f, "{run_id} calling at {step}: {request}"),
            Self::Woken { run_id, step } => write!(f, "{run_id} step {step} has what it waited for"),
            Self::TimedOut { run_id, step } => write!(f, "{run_id} step {step} timed out"),
            Self::EventReceived { name, id, duplicate } => {
                let again = if *duplicate { ", which had come before" } else { "" };
                write!(f, "event {name} ({id}){again}")
            }
            Self::SignalReceived { signal, run_id: Some(run_id) } => {
                write!(f, "signal {signal} for {run_id}")
            }
            Self::SignalReceived { signal, run_id: None } => {
                write!(f, "signal {signal}, for which nobody waits")
            }
            Self::Reentering { run_id, request, step, generation } => {
                write!(f, "{run_id} re-entering: {request}")?;
                if let Some(step) = step {
                    write!(f, " for step {step}")?;
                }
                if *generation > 1 { write!(f, " (generation {generation})") } else { Ok(()) }
            }
            Self::RetryScheduled { run_id, after, reason } => {
                write!(f, "{run_id} retrying in {}: {reason}", humantime::format_duration(*after))
            }
            Self::RunEnded { run_id, status } => write!(f, "{run_id} {}", status.as_str().to_lowercase()),
            Self::Violation(violation) => write!(f, "VIOLATION {violation}"),
        }
    }
}

/// The notices from now on, from [`DevServer::subscribe`](crate::DevServer::subscribe).
#[derive(Debug)]
pub struct Notices(pub(crate) mpsc::UnboundedReceiver<Notice>);

impl Notices {
    /// The next notice; `None` when the server has stopped.
    ///
    /// # Cancellation
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Notice> {
        self.0.recv().await
    }

    /// The next notice, if there is one already.
    pub fn try_next(&mut self) -> Option<Notice> {
        self.0.try_recv().ok()
    }
}
