//! Realtime: what runs publish while they go on, and who listens (docs/protocol.md 13).
//!
//! Bytes of a part are forwarded as they come. Beside that they are read, so that tests can look at
//! them and an SDK's mistakes are noted; what is forwarded does not depend on what is read.

mod compact;
mod feed;
mod message;
mod part;
mod subscribers;
mod token;

use std::collections::HashMap;
use std::time::SystemTime;

use bytes::Bytes;

pub(crate) use self::feed::Found;
pub(crate) use self::message::{Chunk, Message, data};
pub(crate) use self::part::{Part, PartKey};
pub use self::part::{PartState, PartView};
pub(crate) use self::subscribers::{Item, Subscribers, Subscription};
pub(crate) use self::token::{Claims, Secret, Topic};

/// The environment that everything is in.
pub(crate) const ENVIRONMENT: &str = "00000000-0000-4000-b000-000000000000";

/// Everything about realtime that changes.
#[derive(Debug)]
pub(crate) struct Realtime {
    pub(crate) secret: Secret,
    pub(crate) subscribers: Subscribers,
    /// In the order in which they began.
    parts: Vec<Part>,
    /// The parts of each channel.
    channels: HashMap<String, Vec<usize>>,
    /// How many parts keep their events; `None` for all.
    kept: Option<usize>,
}

impl Realtime {
    pub(crate) fn keeping(kept: Option<usize>) -> Self {
        Self {
            secret: Secret::new(),
            subscribers: Subscribers::default(),
            parts: Vec::new(),
            channels: HashMap::new(),
            kept,
        }
    }

    /// A new part.
    pub(crate) fn begin(&mut self, part: Part) -> PartKey {
        let place = self.parts.len();
        self.channels.entry(part.view.channel.clone()).or_default().push(place);
        self.parts.push(part);
        if let Some(old) = self.kept.and_then(|kept| place.checked_sub(kept)) {
            self.parts[old].view.events.clear();
        }
        PartKey(place)
    }

    pub(crate) fn part(&mut self, key: PartKey) -> Option<&mut Part> {
        self.parts.get_mut(key.0)
    }

    /// The parts of a channel.
    pub(crate) fn parts_of(&self, channel: &str) -> impl Iterator<Item = (PartKey, &Part)> {
        let places = self.channels.get(channel).into_iter().flatten();
        places.map(|place| (PartKey(*place), &self.parts[*place]))
    }

    /// Sends bytes to all that listen to a run's stream.
    pub(crate) fn forward(&mut self, channel: &str, bytes: &Bytes) {
        self.subscribers.send(&Topic::stream_of(channel), bytes);
    }

    /// Sends a message to all that listen to its topic.
    pub(crate) fn publish(&mut self, message: &Message<'_>) {
        self.subscribers.send(&message.topic(), &message.event().into());
    }

    /// Sends a chunk of a stream of messages.
    pub(crate) fn publish_chunk(&mut self, message: &Message<'_>, chunk: &Chunk<'_>) {
        self.subscribers.send(&message.topic(), &chunk.event().into());
    }

    /// Does what has become due; `lasting` says that subscriptions do not end by themselves.
    pub(crate) fn tick(&mut self, now: SystemTime, lasting: bool) {
        self.subscribers.tick(now, lasting);
    }
}
