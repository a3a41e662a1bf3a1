//! What a test can look at: runs, steps, calls and dispatches.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::clock::Moment;
use crate::fault::Call;
use crate::json;

/// How a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunStatus {
    /// It has not ended.
    Running,
    /// It ended well.
    Completed,
    /// It ended with a failure.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl RunStatus {
    /// The word for it in `/v1/runs/{id}`, such as `Completed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// A run, as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunView {
    /// The run's ULID.
    pub id: String,
    /// The function's id; `"<METHOD> <path>"` when the SDK gave none.
    pub function: String,
    /// How it is doing.
    pub status: RunStatus,
    /// Its steps, in the order in which they were first reported.
    pub steps: Vec<StepView>,
    /// The stored output, raw. Empty while the run is going.
    pub output: String,
    /// The endpoint's response, where the output holds one.
    pub response: Option<ResponseView>,
    /// The event that began it.
    pub event: Value,
    /// Re-entries that are scheduled or under way, and waits that have not ended; 0 for a run that
    /// is over, although re-entries can still come.
    pub outstanding: usize,
}

impl RunView {
    /// The step of this id, as the user wrote it; its first use, if there are several. `id:1` is
    /// the second use of `id`, `id:2` the third, and so on.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&StepView> {
        let later = || self.steps.iter().find(|step| step.index > 0 && step.label() == id);
        self.steps.iter().find(|step| step.id == id).or_else(later)
    }
}

/// A step, as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepView {
    /// The id as the user wrote it; empty when the SDK did not say.
    pub id: String,
    /// Which use of the id in this run: 0 for the first.
    pub index: u32,
    /// The hashed id.
    pub hash: String,
    /// The operation by which it was last reported, such as `StepRun`.
    pub op: String,
    /// How it is doing.
    pub status: StepStatus,
    /// Its output, or its last error. `null` for a sleep.
    pub value: Option<Value>,
    /// How often it was reported as run, successfully or not.
    pub attempts: u32,
}

impl StepView {
    /// What people call it: its id and its use, or its hash.
    pub(crate) fn label(&self) -> String {
        label(&self.id, self.index, &self.hash)
    }
}

/// What people call a step: its id and its use, or its hash if there is no id.
pub(crate) fn label(id: &str, index: u32, hash: &str) -> String {
    match (id, index) {
        ("", _) => hash.to_owned(),
        (id, 0) => id.to_owned(),
        (id, index) => format!("{id}:{index}"),
    }
}

/// Whether a step is the SDK's own, and not the handler's.
pub(crate) fn is_hidden(id: &str) -> bool {
    id.starts_with("stephttp:")
}

/// How a step is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepStatus {
    /// It is to run in a re-entry of its own.
    Planned,
    /// It waits for its time.
    Waiting,
    /// It waits for an event.
    WaitingForEvent,
    /// It waits for a signal.
    WaitingForSignal,
    /// It waits for the function that it has invoked.
    Invoking,
    /// The server calls a third party for it.
    Calling,
    /// It waited for an event or a signal that did not come in time.
    TimedOut,
    /// It failed and will be tried again.
    Retrying,
    /// It is done.
    Completed,
    /// It failed for good.
    Failed,
}

impl StepStatus {
    /// Whether something from outside of the run can bring it on: an event, a signal, or a
    /// function's result.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::WaitingForEvent | Self::WaitingForSignal | Self::Invoking)
    }
}

/// An event that the server received.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EventView {
    /// The name.
    pub name: String,
    /// The data, as it is delivered.
    pub data: Value,
    /// The id: the sender's, or the server's own.
    pub id: String,
    /// When it happened, in milliseconds since the Unix epoch: as the sender said, or when it came.
    pub ts: i64,
    /// When it came, on the server's clock.
    pub at: SystemTime,
    /// Whether its id had been seen before; then nobody was woken by it.
    pub duplicate: bool,
    /// How many steps it woke.
    pub woken: usize,
}

/// A response of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseView {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl ResponseView {
    /// The value of a header; names are compared without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A call to the server's API. `Debug` leaves out what is secret in its body.
#[derive(Clone)]
#[non_exhaustive]
pub struct ApiCall {
    /// Which call.
    pub kind: Call,
    /// The method.
    pub method: Method,
    /// The path, with the query.
    pub path: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The request's body.
    pub body: Bytes,
    /// When it came, on the server's clock.
    pub at: SystemTime,
    /// What it was answered with; `None` while it is held, and when the connection was closed
    /// without an answer.
    pub status: Option<StatusCode>,
    /// The run that it is about: its path names the run, or the call has created it.
    pub(crate) run_id: Option<String>,
    pub(crate) noted: Moment,
}

impl ApiCall {
    /// The body as JSON; `null` when it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        json::read(&self.body).unwrap_or_default()
    }
}

/// A re-entry: one request of the server to the app, and what came of it. `Debug` leaves out what
/// is secret in the answer.
#[derive(Clone)]
#[non_exhaustive]
pub struct Dispatch {
    /// The run.
    pub run_id: String,
    /// The request's method.
    pub method: Method,
    /// The request's URL, before redirects.
    pub uri: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The request's body.
    pub body: Bytes,
    /// `X-Inngest-Job-Id`.
    pub job_id: String,
    /// `X-Request-Id`.
    pub request_id: String,
    /// `X-Inngest-Step-Id`: the planned step that this is about.
    pub step_id: Option<String>,
    /// `X-Inngest-Generation-Id`.
    pub generation: u32,
    /// When it was sent, on the server's clock.
    pub at: SystemTime,
    /// Whether a newer dispatch of the same job has taken its place.
    pub superseded: bool,
    /// The answer's status; `None` before it comes and when none came.
    pub status: Option<StatusCode>,
    /// The answer's headers.
    pub response_headers: HeaderMap,
    /// The answer's body.
    pub response_body: Bytes,
    /// Why there was no answer.
    pub error: Option<String>,
    pub(crate) noted: Moment,
    pub(crate) answered: Option<Moment>,
    /// How many steps of the run had been finished when it was sent.
    pub(crate) memoized: usize,
}

impl Dispatch {
    /// The answer's body as JSON; `null` when it is not.
    #[must_use]
    pub fn response_json(&self) -> Value {
        json::read(&self.response_body).unwrap_or_default()
    }
}

impl fmt::Debug for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiCall")
            .field("kind", &self.kind)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .field("body", &without_keys(&self.body))
            .field("at", &self.at)
            .field("status", &self.status)
            .finish()
    }
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch")
            .field("run_id", &self.run_id)
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("step_id", &self.step_id)
            .field("generation", &self.generation)
            .field("at", &self.at)
            .field("superseded", &self.superseded)
            .field("status", &self.status)
            .field("response_headers", &self.response_headers)
            .field("response_body", &without_keys(&self.response_body))
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// Blots out every `auth_key`.
pub(crate) fn blot(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == "auth_key" { *field = Value::from("***") } else { blot(field) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blot),
        _ => {}
    }
}

/// A body with every `auth_key` blotted out. One that holds such a key and cannot be read is left
/// out altogether.
pub(crate) fn without_keys(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if !text.contains("auth_key") {
        return text.into_owned();
    }
    json::read(body).map_or_else(
        |_| "(left out: it holds a key)".to_owned(),
        |mut value| {
            blot(&mut value);
            value.to_string()
        },
    )
}
