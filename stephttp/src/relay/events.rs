//! Whole events out of the bytes of a subscription.

use bytes::{Buf, Bytes, BytesMut};

use crate::streaming::{BEGIN, BY, TORN};
use crate::wire::StepHash;
use crate::wire::realtime::Event;

/// Bytes of one event, at most: a response of 8 MiB, escaped.
const MOST: usize = 32 * 1024 * 1024;

/// What has come of an event that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: BytesMut,
    /// Up to here there is no end of an event.
    searched: usize,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Item {
    /// An event as it was sent, with the empty line that ends it.
    Event(Event, Bytes),
    /// A step begins to stream: all that comes of it from here on is a whole.
    Begin(StepHash),
    /// What follows is of the re-entry with this name.
    By(String),
    /// Something of that may be missing.
    Torn,
}

/// An event is longer than any can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > MOST { Err(TooLong) } else { Ok(()) }
    }

    /// The next whole event, or what this SDK says in comments. What cannot be read is left out: a
    /// client would give up on it.
    pub(super) fn next(&mut self) -> Option<Item> {
        loop {
            let from = self.searched.saturating_sub(1);
            let Some(end) = self.bytes[from..].windows(2).position(|two| two == b"\n\n") else {
                self.searched = self.bytes.len();
                return None;
            };
            let mut bytes = self.bytes.split_to(from + end + 2).freeze();
            self.searched = 0;
            // Line breaks between events.
            while bytes.first() == Some(&b'\n') {
                bytes.advance(1);
            }
            if let Some(item) = read(&bytes) {
                return Some(item);
            }
        }
    }
}

fn read(bytes: &Bytes) -> Option<Item> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('\n');
    if let Some(step) = text.strip_prefix(BEGIN) {
        return StepHash::from_hex(step).map(Item::Begin);
    }
    if let Some(name) = text.strip_prefix(BY) {
        return Some(Item::By(name.to_owned()));
    }
    if text == TORN {
        return Some(Item::Torn);
    }
    let (name, data) = text.strip_prefix("event: ")?.split_once("\ndata: ")?;
    // Of two events that have run into one another nothing is left.
    let is_one_line = !data.contains('\n');
    Event::read(name, data).ok().filter(|_| is_one_line).map(|event| Item::Event(event, bytes.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let step = StepHash::of("a");
        let commit = format!("event: inngest.commit\ndata: {{\"hashedStepId\":\"{step}\"}}\n\n");
        let push = "event: inngest.stream\ndata: {\"data\":1}\n\n";
        let text = format!(
            ":\n\n{push}data: {{\"kind\":\"closing\"}}\n\n\n:by me\n\n:begin {step}\n\n:torn\n\n{commit}event: inngest.commit\n"
        );
        for size in 1..text.len() {
            let mut events = Events::default();
            let mut seen = Vec::new();
            for bytes in text.as_bytes().chunks(size) {
                events.push(bytes).unwrap();
                while let Some(item) = events.next() {
                    seen.push(match item {
                        Item::Event(_, bytes) => String::from_utf8(bytes.into()).unwrap(),
                        Item::Begin(step) => step.to_string(),
                        Item::By(name) => name,
                        Item::Torn => "torn".to_owned(),
                    });
                }
            }
            let expected = [push, "me", &step.to_string(), "torn", &commit];
            assert_eq!(seen, expected, "{size}");
        }
    }

    #[test]
    fn what_no_client_can_read_is_left_out() {
        let mut events = Events::default();
        let torn = "event: inngest.stream\ndata: {\"daevent: inngest.metadata\ndata: {\"runId\":\"1\"}\n\n";
        events.push(torn.as_bytes()).unwrap();
        events.push(b"event: other\ndata: 1\n\nevent: inngest.commit\ndata: 1\n\n").unwrap();
        assert!(events.next().is_none());
    }

    #[test]
    fn an_event_without_end_is_bounded() {
        let mut events = Events::default();
        let bytes = vec![b'x'; MOST / 2 + 1];
        assert_eq!(events.push(&bytes), Ok(()));
        assert!(events.next().is_none());
        assert_eq!(events.push(&bytes), Err(TooLong));
    }
}
