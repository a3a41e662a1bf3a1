//! Who listens, and what they get.

use std::time::SystemTime;

use bytes::Bytes;
use inngest::wire::realtime::{KEEP_ALIVE, KEEP_ALIVE_INTERVAL, SUBSCRIPTION_LIFE};
use tokio::sync::mpsc;

use super::token::Topic;

/// What a subscriber gets.
#[derive(Debug)]
pub(crate) enum Item {
    Bytes(Bytes),
    /// The connection is broken off.
    Break,
}

/// A subscriber's end of its subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: u64,
    pub(crate) items: mpsc::UnboundedReceiver<Item>,
}

#[derive(Debug)]
struct Subscriber {
    id: u64,
    topics: Vec<Topic>,
    sender: mpsc::UnboundedSender<Item>,
    /// When it gets the next comment.
    keep_alive: SystemTime,
    ends: SystemTime,
}

/// All subscribers, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    next: u64,
    all: Vec<Subscriber>,
}

impl Subscribers {
    /// A new subscriber. From now on it misses nothing.
    pub(crate) fn add(&mut self, topics: Vec<Topic>, now: SystemTime) -> Subscription {
        let (sender, items) = mpsc::unbounded_channel();
        self.next += 1;
        let id = self.next;
        self.all.push(Subscriber { id, topics, sender, keep_alive: now, ends: now + SUBSCRIPTION_LIFE });
        Subscription { id, items }
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.all.retain(|subscriber| subscriber.id != id);
    }

    /// How many listen to a channel.
    pub(crate) fn of(&self, channel: &str) -> usize {
        let listens =
            |subscriber: &&Subscriber| subscriber.topics.iter().any(|topic| topic.channel == channel);
        self.all.iter().filter(listens).count()
    }

    pub(crate) fn send(&mut self, topic: &Topic, bytes: &Bytes) {
        for subscriber in &self.all {
            if subscriber.topics.iter().any(|listened| listened.is(topic)) {
                // One that has gone is removed by its connection's end.
                let _ = subscriber.sender.send(Item::Bytes(bytes.clone()));
            }
        }
    }

    /// Sends comments that have become due, and breaks off what has lasted long enough.
    pub(crate) fn tick(&mut self, now: SystemTime, lasting: bool) {
        for subscriber in self.all.iter_mut().filter(|subscriber| subscriber.keep_alive <= now) {
            subscriber.keep_alive = now + KEEP_ALIVE_INTERVAL;
            let _ = subscriber.sender.send(Item::Bytes(Bytes::from_static(KEEP_ALIVE.as_bytes())));
        }
        if !lasting {
            self.end(|subscriber| subscriber.ends <= now);
        }
    }

    /// Breaks off everything.
    pub(crate) fn end_all(&mut self) {
        self.end(|_| true);
    }

    /// Sends the same to everybody.
    pub(crate) fn tell_all(&mut self, bytes: &Bytes) {
        for subscriber in &self.all {
            let _ = subscriber.sender.send(Item::Bytes(bytes.clone()));
        }
    }

    fn end(&mut self, over: impl Fn(&Subscriber) -> bool) {
        self.all.retain(|subscriber| {
            let over = over(subscriber);
            if over {
                let _ = subscriber.sender.send(Item::Break);
            }
            !over
        });
    }
}
