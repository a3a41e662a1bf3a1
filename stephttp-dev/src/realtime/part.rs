//! One part of a run's stream: what is published by one request.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use inngest::wire::realtime::{Event, PART_BYTES};

use super::feed::{Feed, Found};

/// What the server reads at once at most.
const READ_BYTES: usize = 32 * 1024;

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartKey(pub(super) usize);

/// A part of a run's stream that was published, as it was at one moment: one `POST
/// /v1/realtime/publish/tee`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PartView {
    /// The channel: a run's id.
    pub channel: String,
    /// The events so far, in their order. What cannot be read is left out, and noted as
    /// [`ViolationKind::UnreadableEvent`](crate::ViolationKind::UnreadableEvent).
    pub events: Vec<Event>,
    /// Bytes so far.
    pub bytes: usize,
    /// How it is doing.
    pub state: PartState,
    /// When it began, on the server's clock.
    pub at: SystemTime,
}

impl PartView {
    /// Whether it ended as it should, and its sender was told so.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.state == PartState::Ended
    }

    /// The names of its events, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.events.iter().map(Event::name).collect()
    }
}

/// How a part is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartState {
    /// More may come.
    Open,
    /// All of it has come.
    Ended,
    /// Its connection broke off.
    BrokenOff,
    /// It exceeded [`PART_BYTES`].
    TooLarge,
}

/// A part.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) view: PartView,
    feed: Feed,
    /// What has come and was not forwarded.
    held: BytesMut,
    /// Whether it was forwarded up to the middle of an event.
    pub(crate) midway: bool,
    /// Whether it has an event.
    pub(crate) begun: bool,
    /// Whether it has had the run's response.
    pub(crate) responded: bool,
    /// Whether it has been noted that another part came into the middle of its event.
    pub(crate) torn: bool,
    /// Whether it has been noted that it did not end in time.
    pub(crate) late: bool,
    /// Whether the run's stream is read: its channel is a run.
    pub(crate) watched: bool,
    /// The steps whose end it told, by their hashed ids.
    pub(crate) ended_steps: Vec<String>,
    /// Its call's place, and its whole body.
    pub(crate) call: usize,
    body: BytesMut,
}

impl Part {
    pub(crate) fn new(channel: &str, at: SystemTime, call: usize, watched: bool) -> Self {
        let view = PartView {
            channel: channel.to_owned(),
            events: Vec::new(),
            bytes: 0,
            state: PartState::Open,
            at,
        };
        Self {
            view,
            feed: Feed::default(),
            held: BytesMut::new(),
            midway: false,
            begun: false,
            responded: false,
            torn: false,
            late: false,
            watched,
            ended_steps: Vec::new(),
            call,
            body: BytesMut::new(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.view.state == PartState::Open
    }

    /// Takes what has come, up to the limit; answers whether all of it is within, and what was
    /// read.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> (bool, Vec<Found>) {
        let room = PART_BYTES - self.view.bytes;
        let within = &bytes[..bytes.len().min(room)];
        self.view.bytes += within.len();
        self.held.extend_from_slice(within);
        self.body.extend_from_slice(within);
        let found = self.feed.take(within);
        (within.len() == bytes.len(), found)
    }

    /// What is to be forwarded now: whole events, and of one that has not ended what does not fit
    /// into one read.
    ///
    /// The real server forwards whatever a read gives, which ends where the sender's chunk does, or
    /// after 32 KiB. Chunks cannot be told here, so an event that has begun is waited for.
    pub(crate) fn ready(&mut self) -> Option<Bytes> {
        let rest = self.feed.rest().min(self.held.len());
        let whole = self.held.len() - rest;
        let now = if rest > READ_BYTES { whole + rest / READ_BYTES * READ_BYTES } else { whole };
        self.forward(now)
    }

    /// All that has come, also if an event has not ended.
    pub(crate) fn all(&mut self) -> Option<Bytes> {
        self.forward(self.held.len())
    }

    fn forward(&mut self, bytes: usize) -> Option<Bytes> {
        if bytes == 0 {
            return None;
        }
        let bytes = self.held.split_to(bytes).freeze();
        self.midway = self.feed.rest() > self.held.len();
        Some(bytes)
    }

    /// Whether something has come that was not forwarded.
    pub(crate) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// It has ended; answers what is wrong with that, and its whole body.
    pub(crate) fn end(&mut self, state: PartState) -> (Option<Found>, Bytes) {
        let wrong = if state == PartState::Ended { self.feed.end() } else { None };
        self.view.state = state;
        self.midway = false;
        (wrong, std::mem::take(&mut self.body).freeze())
    }
}
