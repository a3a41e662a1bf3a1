//! The events of a run's stream, as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::{ApiResult, StepHash};

/// The data of one event of a run's stream.
pub trait SseEvent: Serialize {
    /// The event's name.
    const NAME: &'static str;

    /// Appends the event, whole: `event: <name>\ndata: <JSON on one line>\n\n`.
    ///
    /// # Errors
    /// When the data cannot be written as JSON; `out` is then as it was.
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let before = out.len();
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(Self::NAME.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let data = out.len();
        if let Err(error) = serde_json::to_writer(&mut *out, self) {
            out.truncate(before);
            return Err(error);
        }
        // Line breaks in JSON are between its tokens, and `serde_json` writes none; but a
        // `RawValue` is written as it was read.
        for byte in &mut out[data..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.extend_from_slice(b"\n\n");
        Ok(())
    }
}

/// `inngest.metadata`: which run this is. First in every part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Metadata<'a> {
    /// The run's ULID.
    pub run_id: Cow<'a, str>,
}

impl<'a> Metadata<'a> {
    /// The first event of a run's part.
    pub fn new(run_id: impl Into<Cow<'a, str>>) -> Self {
        Self { run_id: run_id.into() }
    }
}

/// `inngest.stream`: something for the client. Within a step it is provisional until the step's
/// [`Commit`]; outside of steps it is final at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Stream<D> {
    /// Any JSON.
    pub data: D,
    /// The step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed_step_id: Option<StepHash>,
}

impl<D> Stream<D> {
    /// Something outside of steps.
    pub fn new(data: D) -> Self {
        Self { data, hashed_step_id: None }
    }

    /// It belongs to this step.
    #[must_use]
    pub fn of_step(self, step: impl Into<Option<StepHash>>) -> Self {
        Self { hashed_step_id: step.into(), ..self }
    }
}

/// `inngest.commit`: a step's code has ended well in this request; what it streamed is final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Commit {
    /// The step. JS's client takes `null` as well; nobody sends it.
    pub hashed_step_id: Option<StepHash>,
}

impl Commit {
    /// A step's commit.
    #[must_use]
    pub fn new(step: StepHash) -> Self {
        Self { hashed_step_id: Some(step) }
    }
}

/// `inngest.rollback`: a step's code has failed in this request, for good or not; what it streamed
/// and did not commit is void. A rollback of nothing does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Rollback {
    /// The step. JS's client takes `null` as well; nobody sends it.
    pub hashed_step_id: Option<StepHash>,
}

impl Rollback {
    /// A step's rollback.
    #[must_use]
    pub fn new(step: StepHash) -> Self {
        Self { hashed_step_id: Some(step) }
    }
}

/// `inngest.redirect_info`: where the stream goes on if this one ends without a [`Response`]. At
/// most once, and only in the response to the client's first request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RedirectInfo<'a> {
    /// The run's ULID.
    pub run_id: Cow<'a, str>,
    /// `<API base>/v1/realtime/sse?token=<realtime token>`.
    pub url: Cow<'a, str>,
}

impl<'a> RedirectInfo<'a> {
    /// A run's stream at a URL.
    pub fn new(run_id: impl Into<Cow<'a, str>>, url: impl Into<Cow<'a, str>>) -> Self {
        Self { run_id: run_id.into(), url: url.into() }
    }
}

/// `stephttp.resume`: where a client whose connection breaks gets the stream again, from the app
/// itself. Inngest's JS client skips it, as all names that it does not know.
///
/// A client sends the last `id` that it has read as `Last-Event-ID`. A process that knows it goes
/// on after that event; any other begins anew, with [`Metadata`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Resume<'a> {
    /// The run's ULID.
    pub run_id: Cow<'a, str>,
    /// Relative to the URL of the response that this stands in, unless the app's output route has
    /// an origin of its own.
    pub url: Cow<'a, str>,
}

impl<'a> Resume<'a> {
    /// A run's stream at a URL.
    pub fn new(run_id: impl Into<Cow<'a, str>>, url: impl Into<Cow<'a, str>>) -> Self {
        Self { run_id: run_id.into(), url: url.into() }
    }
}

/// `inngest.response`: the run's end, and the response that its client would have had without a
/// stream. Nothing follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Response<'a> {
    /// How the run ended.
    pub status: Outcome,
    /// Its response.
    pub response: RunResponse<'a>,
}

/// How a run ended, in a [`Response`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// The handler answered.
    Succeeded,
    /// It failed for good.
    Failed,
}

/// A run's response, in a [`Response`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RunResponse<'a> {
    /// The body as text.
    pub body: Cow<'a, str>,
    /// The status code.
    pub status_code: u16,
    /// Headers, by their lower-case names; one string for each.
    pub headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a> Response<'a> {
    /// A run's end with the response that is its result.
    #[must_use]
    pub fn new(status: Outcome, result: ApiResult<'a>) -> Self {
        let ApiResult { status: status_code, headers, body, .. } = result;
        Self { status, response: RunResponse { body, status_code, headers } }
    }

    /// The same, of a result that tells by itself how the run ended.
    pub(crate) fn of(result: ApiResult<'a>) -> Self {
        let outcome = if result.status >= 500 { Outcome::Failed } else { Outcome::Succeeded };
        Self::new(outcome, result)
    }
}

impl SseEvent for Metadata<'_> {
    const NAME: &'static str = "inngest.metadata";
}

impl<D: Serialize> SseEvent for Stream<D> {
    const NAME: &'static str = "inngest.stream";
}

impl SseEvent for Commit {
    const NAME: &'static str = "inngest.commit";
}

impl SseEvent for Rollback {
    const NAME: &'static str = "inngest.rollback";
}

impl SseEvent for RedirectInfo<'_> {
    const NAME: &'static str = "inngest.redirect_info";
}

impl SseEvent for Response<'_> {
    const NAME: &'static str = "inngest.response";
}

impl SseEvent for Resume<'_> {
    const NAME: &'static str = "stephttp.resume";
}
