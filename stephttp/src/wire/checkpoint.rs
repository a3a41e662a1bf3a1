//! The checkpoint API's requests and answers.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::duration::millis;
use super::headers::REQUEST_VERSION_VALUE;
use super::{HttpRequestEvent, NewApiRunData, Op, answers};

/// `POST /v1/checkpoint`: creates a run, with the operations so far.
///
/// A repeated call with the same `run_id` is answered as the first was.
///
/// ```
/// use std::time::SystemTime;
/// use inngest::wire::RunId;
/// use inngest::wire::{CheckpointNewRunRequest, NewApiRunData, Op};
///
/// let data = NewApiRunData::new("https://api.example.com", "POST", "/orders");
/// let request = CheckpointNewRunRequest::new(RunId::new(SystemTime::now()), data)
///     .step(Op::step_run("before", &"A")?)
///     .retries(3);
/// # assert_eq!(request.steps.len(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointNewRunRequest<'a> {
    /// The run's ULID, made by the SDK; its time is the request's start.
    pub run_id: Cow<'a, str>,
    /// Go's idempotency key. It has no effect on today's server: two runs with one key are two
    /// runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Cow<'a, str>>,
    /// The first request.
    pub event: HttpRequestEvent<'a>,
    /// Operations. Without any, the answer has no token.
    #[serde(default)]
    pub steps: Vec<Op<'a>>,
    /// When this was sent, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub ts: u64,
    /// [`REQUEST_VERSION_VALUE`]; left out, the server takes it as unknown.
    #[serde(default)]
    pub request_version: u8,
    /// Retries after the first attempt; left out, the server takes 0.
    #[serde(default)]
    pub retries: u8,
}

impl<'a> CheckpointNewRunRequest<'a> {
    /// A run that a request begins now, without operations and without retries.
    pub fn new(run_id: impl Into<Cow<'a, str>>, data: NewApiRunData<'a>) -> Self {
        Self {
            run_id: run_id.into(),
            idempotency: None,
            event: HttpRequestEvent::new(data),
            steps: Vec::new(),
            ts: millis(SystemTime::now()),
            request_version: REQUEST_VERSION_VALUE,
            retries: 0,
        }
    }

    /// Adds an operation.
    #[must_use]
    pub fn step(mut self, op: Op<'a>) -> Self {
        self.steps.push(op);
        self
    }

    /// Adds operations.
    #[must_use]
    pub fn steps(mut self, ops: impl IntoIterator<Item = Op<'a>>) -> Self {
        self.steps.extend(ops);
        self
    }

    /// Sets how often a step is tried again after its first attempt: at most
    /// [20](super::limits::RETRIES) times.
    #[must_use]
    pub fn retries(mut self, retries: u8) -> Self {
        self.retries = retries;
        self
    }

    /// Sets Go's idempotency key, which has no effect on today's server.
    #[must_use]
    pub fn idempotency(mut self, key: impl Into<Cow<'a, str>>) -> Self {
        self.idempotency = Some(key.into());
        self
    }
}

/// What `POST /v1/checkpoint` answers, inside of an [`Envelope`].
///
/// `Debug` does not show the tokens: who has them can read the run's output and its stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointRun {
    /// The function.
    pub fn_id: Uuid,
    /// The app.
    pub app_id: Uuid,
    /// The run's ULID.
    #[serde(deserialize_with = "answers::id")]
    pub run_id: String,
    /// Allows reading the run's output; present only if the call carried an operation. Valid for an
    /// hour. One of over [`TOKEN_BYTES`](super::limits::TOKEN_BYTES) in an answer is taken for
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "answers::token")]
    pub token: Option<String>,
    /// Allows reading the run's [stream](super::realtime) from Inngest; also in the answer to a
    /// call without operations. Valid for [16 minutes](super::realtime::RUN_TOKEN_LIFE). One of
    /// over [`TOKEN_BYTES`](super::limits::TOKEN_BYTES) in an answer is taken for none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "answers::token")]
    pub realtime_token: Option<String>,
}

impl CheckpointRun {
    /// A run that was created before, by another process say, without its tokens.
    pub fn new(run_id: impl Into<String>, fn_id: Uuid, app_id: Uuid) -> Self {
        Self { fn_id, app_id, run_id: run_id.into(), token: None, realtime_token: None }
    }
}

impl fmt::Debug for CheckpointRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointRun")
            .field("fn_id", &self.fn_id)
            .field("app_id", &self.app_id)
            .field("run_id", &self.run_id)
            .field("token", &self.token.as_ref().map(|_| ".."))
            .field("realtime_token", &self.realtime_token.as_ref().map(|_| ".."))
            .finish()
    }
}

/// `POST /v1/checkpoint/{run_id}/steps`: adds operations while the first request goes on. Answered
/// with an empty body.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointStepsRequest<'a> {
    /// The run. The server goes by this one, not by the path's.
    pub run_id: Cow<'a, str>,
    /// From [`CheckpointRun`].
    #[serde(default)]
    pub fn_id: Uuid,
    /// From [`CheckpointRun`].
    #[serde(default)]
    pub app_id: Uuid,
    /// Operations.
    pub steps: Cow<'a, [Op<'a>]>,
    /// When this was sent, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub ts: u64,
}

impl<'a> CheckpointStepsRequest<'a> {
    /// Operations of a run, sent now.
    pub fn new(run: &'a CheckpointRun, steps: impl Into<Cow<'a, [Op<'a>]>>) -> Self {
        Self {
            run_id: run.run_id.as_str().into(),
            fn_id: run.fn_id,
            app_id: run.app_id,
            steps: steps.into(),
            ts: millis(SystemTime::now()),
        }
    }
}

/// `POST /v1/checkpoint/{run_id}/async`: saves finished steps while a re-entry goes on. Answered
/// with an empty body; 409 means that this dispatch has been superseded.
///
/// ```
/// use inngest::wire::{CheckpointAsyncRequest, Op};
///
/// // The values of the re-entry's headers.
/// let request = CheckpointAsyncRequest::new("01M817NZCZ3BTTPY1FEX7T2M4B")
///     .dispatch("the X-Inngest-Job-Id", "the X-Request-Id", 1)
///     .step(Op::step_run("after", &"B")?);
/// # assert_eq!(request.steps.len(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
#[doc(alias = "AsyncRequest")]
pub struct CheckpointAsyncRequest<'a> {
    /// The run.
    pub run_id: Cow<'a, str>,
    /// The function, where it is known: re-entries do not bring it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fn_id: Option<Uuid>,
    /// The app, where it is known: re-entries do not bring it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<Uuid>,
    /// The re-entry's `X-Inngest-Job-Id`.
    #[serde(default)]
    pub qi_id: Cow<'a, str>,
    /// The re-entry's `X-Request-Id`.
    #[serde(default)]
    pub request_id: Cow<'a, str>,
    /// The re-entry's `X-Inngest-Generation-Id`.
    #[serde(default)]
    pub generation_id: u32,
    /// When the re-entry began, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub request_started_at: u64,
    /// Finished steps. Others are refused with 400.
    pub steps: Vec<Op<'a>>,
    /// When this was sent, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub ts: u64,
}

impl<'a> CheckpointAsyncRequest<'a> {
    /// A save in a re-entry that begins now, without steps.
    pub fn new(run_id: impl Into<Cow<'a, str>>) -> Self {
        let now = millis(SystemTime::now());
        Self {
            run_id: run_id.into(),
            fn_id: None,
            app_id: None,
            qi_id: "".into(),
            request_id: "".into(),
            generation_id: 1,
            request_started_at: now,
            steps: Vec::new(),
            ts: now,
        }
    }

    /// Sets which dispatch of which job the re-entry is, by its headers `X-Inngest-Job-Id`,
    /// `X-Request-Id` and `X-Inngest-Generation-Id`.
    #[must_use]
    pub fn dispatch(
        mut self,
        job_id: impl Into<Cow<'a, str>>,
        request_id: impl Into<Cow<'a, str>>,
        generation: u32,
    ) -> Self {
        (self.qi_id, self.request_id, self.generation_id) = (job_id.into(), request_id.into(), generation);
        self
    }

    /// Sets when the re-entry began.
    #[must_use]
    pub fn started_at(mut self, started: SystemTime) -> Self {
        self.request_started_at = millis(started);
        self
    }

    /// Sets the function and the app.
    #[must_use]
    pub fn function(mut self, fn_id: Uuid, app_id: Uuid) -> Self {
        (self.fn_id, self.app_id) = (Some(fn_id), Some(app_id));
        self
    }

    /// Adds a finished step.
    #[must_use]
    pub fn step(mut self, op: Op<'a>) -> Self {
        self.steps.push(op);
        self
    }
}

/// What an API answer's body wraps around its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Envelope<T> {
    /// The data.
    pub data: T,
}

/// The body of an API answer that refuses, such as
/// `{"error":"Invalid request body","data":null,"status":400}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApiErrorBody {
    /// What is wrong.
    #[serde(default)]
    pub error: String,
}
