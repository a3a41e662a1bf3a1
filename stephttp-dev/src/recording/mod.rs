//! Recorded runs: what a run's handler was given, and what it has come to by then.

mod blot;
mod check;
mod history;
mod redact;
mod server;
mod trace;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

pub(crate) use self::history::History;
pub use self::redact::Redaction;
use crate::inspect::{RunStatus, label};

/// The version of the form that is written and read.
const VERSION: u32 = 1;

/// A recorded run, for [`Replay`](crate::Replay).
///
/// [`DevServer::record`](crate::DevServer::record) makes one of a run of the engine, and the
/// command `stephttp-dev record` one of a run of an Inngest server. As a file it is JSON:
///
/// ```json
/// {
///   "stephttp-recording": 1,
///   "function": "checkout",
///   "run": "01M817NZCZ3BTTPY1FEX7T2M4B",
///   "request": {"method": "POST", "path": "/checkout", "content_type": "application/json", "body": "{\"cents\":990}"},
///   "steps": [
///     {"id": "charge", "hash": "5ea9c348e59fe73a4b15cb287e33e4546dcef782", "op": "StepRun", "value": {"data": "ch_1"}}
///   ],
///   "waiting": [{"id": "cool-off", "hash": "00e365c3c5befe6ad29871dd94dcd53c9b0ddfac", "op": "Sleep"}]
/// }
/// ```
///
/// | Member | Holds |
/// |---|---|
/// | `stephttp-recording` | the form's version |
/// | `function`, `run` | the ids of both |
/// | `request` | what a re-entry repeats of the client's request: `method`, `path`, `query`, `content_type` and `body`, or `body_base64` of what is no text |
/// | `steps` | what is stored, in the order in which it was stored: the id in the handler, which use of it (`index`, unless it is the first), the hash, the operation and the stored `value`; and `tied` where it is not known which of a step and the one before it came first. Ids that begin with `stephttp:` are the SDK's own: the log of the run (`stephttp:order:0`, …), what extractors remember |
/// | `waiting` | what Inngest was asked for, and had not come to an end |
/// | `end` | of a run that has ended: its `status`, and the endpoint's `response`, where there is one |
///
/// Values are what Inngest stores. What a middleware has sealed stays sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recording {
    #[serde(rename = "stephttp-recording")]
    version: u32,
    /// The function's id; `<METHOD> <path>` of one without.
    pub function: String,
    /// The run's id.
    pub run: String,
    /// The client's request.
    pub request: RecordedRequest,
    /// What is stored, in the order in which it was stored.
    pub steps: Vec<RecordedStep>,
    /// What had not come to an end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<RecordedStep>,
    /// How the run has ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RecordedEnd>,
}

/// What a re-entry repeats of the client's request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without the `?`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The content type as it is stored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// The body, if it is text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The body in base64, if it is no text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body_base64: String,
}

/// A step of a [`Recording`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedStep {
    /// The id in the handler; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Which use of the id it is: 0 for the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub index: u32,
    /// The hash under which it is stored.
    pub hash: String,
    /// The operation, such as `StepRun` or `Sleep`; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub op: String,
    /// Whether it was stored in the same millisecond as the one before: which came first is not
    /// known then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tied: bool,
    /// What is stored; `None` of a step that waits.
    #[serde(default, deserialize_with = "stored", skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
}

/// How a recorded run has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedEnd {
    /// `Completed`, `Failed` or `Cancelled`.
    pub status: String,
    /// The endpoint's response, where the run's output holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<RecordedResponse>,
}

/// The response of a recorded run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

/// Why there is no recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError(pub(crate) String);

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RecordError {}

impl Recording {
    pub(crate) fn new(function: String, run: String, request: RecordedRequest) -> Self {
        Self { version: VERSION, function, run, request, steps: Vec::new(), waiting: Vec::new(), end: None }
    }

    /// Reads a recording.
    ///
    /// # Errors
    /// When the text is no recording, is one of another version, or cannot be the record of a run.
    pub fn from_json(json: &str) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Versioned {
            #[serde(rename = "stephttp-recording")]
            version: Option<u32>,
        }
        let no_recording = |error: &dyn fmt::Display| RecordError(format!("it is no recording: {error}"));
        let versioned: Versioned = crate::json::read(json).map_err(|error| no_recording(&error))?;
        match versioned.version {
            Some(VERSION) => {}
            Some(other) => {
                return Err(RecordError(format!(
                    "it is a recording of version {other}, and this stephttp-dev reads version {VERSION}: record the run again"
                )));
            }
            None => return Err(no_recording(&"it has no member `stephttp-recording`")),
        }
        let recording: Self = crate::json::read(json).map_err(|error| no_recording(&error))?;
        recording.check()?;
        Ok(recording)
    }

    /// The recording as JSON, for a file.
    ///
    /// # Errors
    /// When it holds a secret of Inngest's: a signing key, or a token that allows reading a run's
    /// output. Find out which step or request carries it, and [redact](Self::redact) that.
    pub fn to_json(&self) -> Result<String, RecordError> {
        // Texts, numbers and JSON that was read: this cannot fail.
        let json = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        check::no_secrets(&json, &[])?;
        Ok(json)
    }

    /// Refuses to let these secrets into a file, however the recording came to hold them.
    pub(crate) fn without_secrets(self, secrets: &[&str]) -> Result<Self, RecordError> {
        check::no_secrets(&serde_json::to_string(&self).unwrap_or_default(), secrets)?;
        Ok(self)
    }

    /// Reads a recording from a file.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and when the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RecordError> {
        let path = path.as_ref();
        let json = std::fs::read_to_string(path)
            .map_err(|error| RecordError(format!("{} cannot be read: {error}", path.display())))?;
        Self::from_json(&json).map_err(|error| RecordError(format!("{}: {error}", path.display())))
    }

    /// The run's status when it was recorded.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        match self.end.as_ref().map(|end| end.status.as_str()) {
            None => RunStatus::Running,
            Some("Completed") => RunStatus::Completed,
            Some("Cancelled") => RunStatus::Cancelled,
            Some(_) => RunStatus::Failed,
        }
    }
}

impl RecordedStep {
    pub(crate) fn label(&self) -> String {
        label(&self.id, self.index, &self.hash)
    }
}

/// `null` is what is stored of a sleep.
fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(index: &u32) -> bool {
    *index == 0
}
