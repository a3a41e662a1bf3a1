//! Whole events out of the bytes of a subscription.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes of one event, at most: a response of 8 MiB, escaped.
const MOST: usize = 32 * 1024 * 1024;

/// What has come of an event that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: BytesMut,
    /// Up to here there is no end of an event.
    searched: usize,
}

/// An event as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawEvent {
    /// With the empty line that ends it.
    pub(super) bytes: Bytes,
}

/// An event is longer than any can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > MOST { Err(TooLong) } else { Ok(()) }
    }

    /// The next whole event. Comments are none.
    pub(super) fn next(&mut self) -> Option<RawEvent> {
        loop {
            let from = self.searched.saturating_sub(1);
            let Some(end) = self.bytes[from..].windows(2).position(|two| two == b"\n\n") else {
                self.searched = self.bytes.len();
                return None;
            };
            let bytes = self.bytes.split_to(from + end + 2).freeze();
            self.searched = 0;
            // Line breaks between events.
            let mut event = bytes;
            while event.first() == Some(&b'\n') {
                event.advance(1);
            }
            if event.starts_with(b"event: ") {
                return Some(RawEvent { bytes: event });
            }
        }
    }
}

impl RawEvent {
    /// What stands after `event: `.
    pub(super) fn name(&self) -> &[u8] {
        let line = self.bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.strip_prefix(b"event: ").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text =
            ":\n\nevent: a\ndata: 1\n\ndata: {\"kind\":\"closing\"}\n\n\nevent: b\ndata: 2\n\nevent: c\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let mut seen = Vec::new();
            for bytes in text.as_bytes().chunks(size) {
                events.push(bytes).unwrap();
                while let Some(event) = events.next() {
                    seen.push((event.name().to_vec(), event.bytes.to_vec()));
                }
            }
            let expected = [
                (b"a".to_vec(), b"event: a\ndata: 1\n\n".to_vec()),
                (b"b".to_vec(), b"event: b\ndata: 2\n\n".to_vec()),
            ];
            assert_eq!(seen, expected, "{size}");
        }
    }

    #[test]
    fn an_event_without_end_is_bounded() {
        let mut events = Events::default();
        let bytes = vec![b'x'; MOST / 2 + 1];
        assert_eq!(events.push(&bytes), Ok(()));
        assert_eq!(events.next(), None);
        assert_eq!(events.push(&bytes), Err(TooLong));
    }
}
