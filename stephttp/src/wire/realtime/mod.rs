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

mod event;
mod read;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

pub use event::{
    Commit, Metadata, Outcome, RedirectInfo, Response, Resume, Rollback, RunResponse, SseEvent, Stream,
};
pub use read::{Event, UnreadableEvent};
pub use token::{RealtimeToken, Topic};

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
