//! The checkpoint API's requests and answers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{HttpRequestEvent, Op};

/// `POST /v1/checkpoint`: creates a run, with the operations so far.
///
/// A repeated call with the same `run_id` is answered as the first was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckpointNewRunRequest<'a> {
    /// The run's ULID, made by the SDK; its time is the request's start.
    pub run_id: Cow<'a, str>,
    /// The first request.
    pub event: HttpRequestEvent<'a>,
    /// Operations. Without any, the answer has no token.
    pub steps: Vec<Op<'a>>,
    /// When this was sent, in milliseconds since the Unix epoch.
    pub ts: u64,
    /// [`REQUEST_VERSION_VALUE`](super::headers::REQUEST_VERSION_VALUE); left out, the server takes it as unknown.
    pub request_version: u8,
    /// Retries after the first attempt; left out, the server takes 0.
    pub retries: u8,
}

/// What `POST /v1/checkpoint` answers, inside of an [`Envelope`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRun {
    /// The function's UUID.
    pub fn_id: String,
    /// The app's UUID.
    pub app_id: String,
    /// The run's ULID.
    pub run_id: String,
    /// Allows reading the run's output; present only if the call carried an operation. Valid for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// `POST /v1/checkpoint/{run_id}/steps`: adds operations while the first request goes on. Answered with an empty body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckpointStepsRequest<'a> {
    /// The run. The server goes by this one, not by the path's.
    pub run_id: Cow<'a, str>,
    /// From [`CheckpointRun`].
    pub fn_id: Cow<'a, str>,
    /// From [`CheckpointRun`].
    pub app_id: Cow<'a, str>,
    /// Operations.
    pub steps: Vec<Op<'a>>,
    /// When this was sent, in milliseconds since the Unix epoch.
    pub ts: u64,
}

/// `POST /v1/checkpoint/{run_id}/async`: saves finished steps while a re-entry goes on. Answered with an empty body;
/// 409 means that this dispatch has been superseded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckpointAsyncRequest<'a> {
    /// The run.
    pub run_id: Cow<'a, str>,
    /// The re-entry's `X-Inngest-Job-Id`.
    pub qi_id: Cow<'a, str>,
    /// The re-entry's `X-Request-Id`.
    pub request_id: Cow<'a, str>,
    /// The re-entry's `X-Inngest-Generation-Id`.
    pub generation_id: u32,
    /// When the re-entry began, in milliseconds since the Unix epoch.
    pub request_started_at: u64,
    /// Finished steps. Others are refused with 400.
    pub steps: Vec<Op<'a>>,
    /// When this was sent, in milliseconds since the Unix epoch.
    pub ts: u64,
}

/// What an API answer's body wraps around its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// The data.
    pub data: T,
}

/// The body of an API answer that refuses, such as
/// `{"error":"Invalid request body","data":null,"status":400}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiErrorBody {
    /// What is wrong.
    #[serde(default)]
    pub error: String,
}
