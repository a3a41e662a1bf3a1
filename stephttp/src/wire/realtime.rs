//! Realtime: what a run tells its client while it goes on (docs/protocol.md 13).
//!
//! A run's stream is text of the type `text/event-stream`. It comes in parts: the response to the
//! client's first request, and one `POST /v1/realtime/publish/tee` for each part after that. Each
//! part begins with [`Metadata`]; [`Response`] is the run's last event.
//!
//! The names, the JSON and the order of its keys are those of Inngest's JS package
//! (`components/execution/streaming.ts`), whose browser client reads them; they were recorded from
//! it. The limits and the lifetimes are the server's (`pkg/execution/realtime`, `pkg/consts`).
//!
//! | Event | Data |
//! |---|---|
//! | [`Metadata`] | `{"runId":"<ulid>"}` |
//! | [`Stream`] | `{"data":<any JSON>,"hashedStepId":"<40 hex>"}`, the id only within a step |
//! | [`Commit`] | `{"hashedStepId":"<40 hex>"}` |
//! | [`Rollback`] | `{"hashedStepId":"<40 hex>"}` |
//! | [`RedirectInfo`] | `{"runId":"<ulid>","url":"<a URL>"}` |
//! | [`Response`] | `{"status":"succeeded","response":{"body":"..","statusCode":200,"headers":{..}}}`, or `failed` |
//! | [`Resume`], which is this SDK's own | `{"runId":"<ulid>","url":"<a URL>"}` |
//!
//! ```
//! use inngest::wire::StepHash;
//! use inngest::wire::realtime::{SseEvent, Stream};
//!
//! let mut text = Vec::new();
//! Stream::new("Hello").of_step(StepHash::of("a")).write(&mut text)?;
//! let expected = "event: inngest.stream\n\
//!     data: {\"data\":\"Hello\",\"hashedStepId\":\"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\"}\n\n";
//! assert_eq!(text, expected.as_bytes());
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{ApiResult, StepHash};

/// Bytes of one part that is published: 1,000 chunks of 1 KiB. The server forwards what is below
/// and answers 500 with `Error forwarding data` to the whole.
pub const PART_BYTES: usize = 1_024_000;
/// Bytes of one event that is published. The server reads 32 KiB at most at a time and forwards
/// each read by itself, so a longer event can be torn by what another part of its run publishes.
pub const EVENT_BYTES: usize = 16 * 1024;
/// Bytes of one message to a topic: `POST /v1/realtime/publish`. The server cuts off the rest.
pub const MESSAGE_BYTES: usize = 512 * 1024;
/// How long the token is valid that comes with the first answer of `POST /v1/checkpoint`:
/// [`CheckpointRun::realtime_token`](super::CheckpointRun::realtime_token).
pub const RUN_TOKEN_LIFE: Duration = Duration::from_secs(16 * 60);
/// How long a token is valid that `POST /v1/realtime/token` gives. It is for connecting: what is
/// connected stays so.
pub const TOKEN_LIFE: Duration = Duration::from_secs(60);
/// How long the server keeps a subscription open. It breaks the connection off then.
pub const SUBSCRIPTION_LIFE: Duration = Duration::from_secs(15 * 60);
/// How often the server sends [`KEEP_ALIVE`] to a subscriber; the first time at once.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// A comment, which readers of events ignore.
pub const KEEP_ALIVE: &str = ":\n\n";
/// The topic of a run's stream. Its channel is the run's id.
pub const STREAM_TOPIC: &str = "$stream";
/// The topic kind of everything that belongs to a channel.
pub const RUN_KIND: &str = "run";
/// The content type of a stream. A client asks for it by `Accept`.
pub const EVENT_STREAM: &str = "text/event-stream";

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

/// An event of a run's stream, as it is read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// `inngest.metadata`
    Metadata(Metadata<'static>),
    /// `inngest.stream`
    Stream(Stream<Box<RawValue>>),
    /// `inngest.commit`
    Commit(Commit),
    /// `inngest.rollback`
    Rollback(Rollback),
    /// `inngest.redirect_info`
    RedirectInfo(RedirectInfo<'static>),
    /// `stephttp.resume`
    Resume(Resume<'static>),
    /// `inngest.response`
    Response(Response<'static>),
}

/// Why something is no event of a run's stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableEvent {
    /// A name that is none of these events'. JS's client skips it.
    #[error("`{0}` is no event of a run's stream")]
    Unknown(String),
    /// Data that is not the event's. JS's client gives up.
    #[error("the data of `{name}` cannot be read: {error}")]
    Data {
        /// The event's name.
        name: &'static str,
        /// What is wrong.
        #[source]
        error: serde_json::Error,
    },
}

impl Event {
    /// Reads an event: what stands after `event: `, and what stands after `data: `.
    ///
    /// # Errors
    /// When the name is none of these events', or the data is not that event's.
    pub fn read(name: &str, data: &str) -> Result<Self, UnreadableEvent> {
        fn data_of<'de, E: SseEvent + Deserialize<'de>>(data: &'de str) -> Result<E, UnreadableEvent> {
            serde_json::from_str(data).map_err(|error| UnreadableEvent::Data { name: E::NAME, error })
        }
        match name {
            Metadata::NAME => data_of(data).map(Self::Metadata),
            Stream::<()>::NAME => data_of(data).map(Self::Stream),
            Commit::NAME => data_of(data).map(Self::Commit),
            Rollback::NAME => data_of(data).map(Self::Rollback),
            RedirectInfo::NAME => data_of(data).map(Self::RedirectInfo),
            Response::NAME => data_of(data).map(Self::Response),
            Resume::NAME => data_of(data).map(Self::Resume),
            other => Err(UnreadableEvent::Unknown(other.chars().take(100).collect())),
        }
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Metadata(_) => Metadata::NAME,
            Self::Stream(_) => Stream::<()>::NAME,
            Self::Commit(_) => Commit::NAME,
            Self::Rollback(_) => Rollback::NAME,
            Self::RedirectInfo(_) => RedirectInfo::NAME,
            Self::Resume(_) => Resume::NAME,
            Self::Response(_) => Response::NAME,
        }
    }

    /// The step that it is about, if any.
    #[must_use]
    pub fn step(&self) -> Option<StepHash> {
        match self {
            Self::Stream(stream) => stream.hashed_step_id,
            Self::Commit(commit) => commit.hashed_step_id,
            Self::Rollback(rollback) => rollback.hashed_step_id,
            Self::Metadata(_) | Self::RedirectInfo(_) | Self::Resume(_) | Self::Response(_) => None,
        }
    }
}

/// A topic of a channel, in the body of `POST /v1/realtime/token`: an array of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Topic<'a> {
    /// [`RUN_KIND`], also for channels that are no run's.
    #[serde(default)]
    pub kind: Cow<'a, str>,
    /// The channel: a run's id, or what an app has chosen.
    #[serde(default)]
    pub channel: Cow<'a, str>,
    /// The topic.
    #[serde(default)]
    pub name: Cow<'a, str>,
}

impl<'a> Topic<'a> {
    /// A topic of a channel.
    pub fn new(channel: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>) -> Self {
        Self { kind: RUN_KIND.into(), channel: channel.into(), name: name.into() }
    }

    /// A run's stream.
    pub fn stream_of(run_id: impl Into<Cow<'a, str>>) -> Self {
        Self::new(run_id, STREAM_TOPIC)
    }
}

/// What `POST /v1/realtime/token` answers with 201; not in an [`Envelope`](super::Envelope).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RealtimeToken {
    /// Allows connecting to the topics. Valid for [`TOKEN_LIFE`].
    pub jwt: String,
}

impl std::fmt::Debug for RealtimeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RealtimeToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(event: &impl SseEvent) -> String {
        let mut out = b"before".to_vec();
        event.write(&mut out).unwrap();
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    const A: &str = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8";

    #[test]
    fn events_are_written_as_the_js_package_writes_them() {
        let run = "01M817QB1N98C1FRD955KWQZQ2";
        let step = StepHash::of("a");
        let metadata = text(&Metadata::new(run));
        assert_eq!(metadata, format!("event: inngest.metadata\ndata: {{\"runId\":\"{run}\"}}\n\n"));
        assert_eq!(
            text(&Stream::new("sync-data").of_step(step)),
            format!("event: inngest.stream\ndata: {{\"data\":\"sync-data\",\"hashedStepId\":\"{A}\"}}\n\n")
        );
        assert_eq!(text(&Stream::new(())), "event: inngest.stream\ndata: {\"data\":null}\n\n");
        let commit = text(&Commit::new(step));
        assert_eq!(commit, format!("event: inngest.commit\ndata: {{\"hashedStepId\":\"{A}\"}}\n\n"));
        let rollback = text(&Rollback::new(step));
        assert_eq!(rollback, format!("event: inngest.rollback\ndata: {{\"hashedStepId\":\"{A}\"}}\n\n"));
        let url = "http://127.0.0.1:8288/v1/realtime/sse?token=T";
        assert_eq!(
            text(&RedirectInfo::new(run, url)),
            format!("event: inngest.redirect_info\ndata: {{\"runId\":\"{run}\",\"url\":\"{url}\"}}\n\n")
        );
        let result = ApiResult::new(200).header("content-type", "application/json").body("{\"done\":1}");
        assert_eq!(
            text(&Response::new(Outcome::Succeeded, result)),
            "event: inngest.response\ndata: {\"status\":\"succeeded\",\"response\":{\"body\":\"{\\\"done\\\":1}\",\
             \"statusCode\":200,\"headers\":{\"content-type\":\"application/json\"}}}\n\n"
        );
    }

    #[test]
    fn an_event_is_on_one_line() {
        let data = RawValue::from_string("{\r\n  \"a\": \"\\n\"\n}".to_owned()).unwrap();
        assert_eq!(
            text(&Stream::new(data)),
            "event: inngest.stream\ndata: {\"data\":{    \"a\": \"\\n\" }}\n\n"
        );
        assert!(!text(&Stream::new("a\r\nb\u{2028}")).contains("a\r"));
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let mut out = b"before".to_vec();
        let unwritable = BTreeMap::from([((1, 2), 3)]);
        assert!(Stream::new(unwritable).write(&mut out).is_err());
        assert_eq!(out, b"before");
    }

    #[test]
    fn events_are_read() {
        let event =
            Event::read("inngest.stream", &format!("{{\"data\":[1],\"hashedStepId\":\"{A}\"}}")).unwrap();
        assert_eq!((event.name(), event.step()), ("inngest.stream", Some(StepHash::of("a"))));
        let Event::Commit(commit) = Event::read("inngest.commit", "{\"hashedStepId\":null}").unwrap() else {
            panic!("a commit")
        };
        assert_eq!(commit.hashed_step_id, None);
        let resume = Event::read("stephttp.resume", r#"{"runId":"01M8","url":"/stream"}"#).unwrap();
        assert_eq!(resume.name(), "stephttp.resume");
        assert!(matches!(Event::read("inngest.other", "{}"), Err(UnreadableEvent::Unknown(_))));
        let bad = "{\"hashedStepId\":\"a\"}";
        for (name, data) in [("inngest.metadata", "{}"), ("inngest.commit", bad), ("inngest.stream", "{")] {
            assert!(matches!(Event::read(name, data), Err(UnreadableEvent::Data { .. })), "{name} {data}");
        }
    }
}
