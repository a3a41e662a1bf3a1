//! What happened in one run, on a time axis: for failed tests, for the page, and of real servers.

mod axis;
mod json;
mod server;
mod svg;
mod text;
mod words;

use std::time::{Duration, SystemTime};

pub use self::server::UnreadableRun;
pub(crate) use self::words::{duration, shown, shown_body};

use crate::clock::Moment;
use crate::inspect::{RunStatus, StepStatus, is_hidden};

/// What happened in one run, from [`DevServer::timeline`](crate::DevServer::timeline) or
/// [from a real server](Timeline::from_server).
///
/// `Display` tells it in lines, each with the time since the run began. They are for people, and
/// change with the versions of this crate. Values are cut to a length that can be read, and the
/// keys of third parties are blotted out.
///
/// ```text
/// run 01M817NZCZ3BTTPY1FEX7T2M4B of `checkout`: Completed after 1 h (1 re-entry)
///   +0 ms     client      POST https://api.example.com/checkout
///   +0 ms     call        POST /v1/checkpoint: 200
///   +0 ms     step        `charge-card` done in 3 ms: "ch_17"
///   +0 ms     sleep       `cool-off` sleeps until +1 h
///   +1 h      re-entry 1  POST https://api.example.com/checkout; memoized `charge-card`, `cool-off`
///   +1 h      step        `ship` done in 2 ms: "parcel"
///   +1 h      answer 1    answered 206, having run `ship`: {"op":"RunComplete",..}
///   +1 h      end         Completed: 200: {"parcel":"parcel"}
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    pub(crate) run_id: String,
    pub(crate) function: String,
    pub(crate) status: RunStatus,
    pub(crate) began: SystemTime,
    pub(crate) ended: Option<Moment>,
    /// What time it was when this was made.
    pub(crate) seen: SystemTime,
    /// The client's request, and the re-entries.
    pub(crate) requests: Vec<Request>,
    pub(crate) steps: Vec<Step>,
    pub(crate) calls: Vec<Checkpoint>,
    pub(crate) notes: Vec<Note>,
    pub(crate) response: Option<Response>,
}

impl Timeline {
    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// How the run was doing.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// How long after the run's beginning something was.
    pub(crate) fn since(&self, at: SystemTime) -> Duration {
        at.duration_since(self.began).unwrap_or_default()
    }

    /// How long it has taken so far.
    pub(crate) fn took(&self) -> Duration {
        self.since(self.ended.map_or(self.seen, |ended| ended.at))
    }

    /// Where bars end that have no end: with the run, or not yet.
    pub(crate) fn last(&self) -> Moment {
        self.ended.unwrap_or(Moment { at: self.seen.max(self.began), order: u64::MAX })
    }
}

/// A request to the app: the client's, or a re-entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Method and URL.
    pub(crate) name: String,
    /// What is special about a re-entry; `None` for the client's request.
    pub(crate) reentry: Option<String>,
    pub(crate) from: Moment,
    pub(crate) until: Option<Moment>,
    pub(crate) failed: bool,
    /// What came of it, in words.
    pub(crate) answer: String,
    /// What was answered, as far as it is shown.
    pub(crate) body: String,
    /// Steps whose results were there when it began.
    pub(crate) memoized: Vec<String>,
    /// Steps that it ran.
    pub(crate) ran: Vec<String>,
}

/// A step, with what was done for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) label: String,
    pub(crate) hash: String,
    pub(crate) op: String,
    pub(crate) status: StepStatus,
    /// Its value or its error, as far as it is shown.
    pub(crate) value: Option<String>,
    pub(crate) bars: Vec<Bar>,
}

impl Step {
    /// Whether it is of the SDK's own making, whichever SDK that is.
    pub(crate) fn is_hidden(&self) -> bool {
        is_hidden(&self.label) || self.label.starts_with("inngest:")
    }
}

/// What was done for a step at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) kind: BarKind,
    pub(crate) from: Moment,
    pub(crate) until: Option<Moment>,
    pub(crate) outcome: BarOutcome,
    /// What is waited for, or the error.
    pub(crate) words: String,
    /// When it ends by itself.
    pub(crate) due: Option<SystemTime>,
    /// The request id of the re-entry that did it; `None` for the client's request, and for what
    /// the server does.
    pub(crate) by: Option<String>,
    /// How long it took by the app's clock.
    pub(crate) took: Option<Duration>,
}

/// What a bar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BarKind {
    /// The app ran the step.
    Attempt,
    Sleep,
    /// A wait for an event.
    Event,
    /// A wait for a signal.
    Signal,
    /// A wait for a function.
    Invoke,
    /// The server calls a third party.
    Call,
}

impl BarKind {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Attempt => "step",
            Self::Sleep => "sleep",
            Self::Event => "event",
            Self::Signal => "signal",
            Self::Invoke => "invoke",
            Self::Call => "fetch",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BarOutcome {
    /// Nothing yet.
    Open,
    Done,
    /// It failed, and is tried again.
    Retried,
    Failed,
    TimedOut,
}

impl BarOutcome {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Retried => "failed, to be retried",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
        }
    }
}

/// A call of the app to the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) at: Moment,
    pub(crate) request: String,
    /// Whether it saves something.
    pub(crate) saves: bool,
    /// `None` without an answer.
    pub(crate) status: Option<u16>,
}

/// Something to be said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Note {
    pub(crate) at: Moment,
    pub(crate) kind: NoteKind,
    pub(crate) words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoteKind {
    Retry,
    Violation,
    /// About what is shown itself.
    Remark,
}

/// The run's result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    /// `None` when the output is no response.
    pub(crate) status: Option<u16>,
    pub(crate) body: String,
}
