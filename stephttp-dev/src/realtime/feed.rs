//! Reading a part while it arrives: where its events end, and what is wrong with them.

use inngest::wire::realtime::{EVENT_BYTES, Event};

use crate::violation::ViolationKind;

/// What was read.
#[derive(Debug)]
pub(crate) enum Found {
    Event(Event),
    Wrong(ViolationKind, String),
}

/// The text of a part whose event has not ended.
#[derive(Debug, Default)]
pub(super) struct Feed {
    rest: Vec<u8>,
}

impl Feed {
    /// Bytes of the event that has not ended.
    pub(super) fn rest(&self) -> usize {
        self.rest.len()
    }

    /// Reads on.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Found> {
        // An event's end may be half in what is there already.
        let mut from = self.rest.len().saturating_sub(1);
        self.rest.extend_from_slice(bytes);
        let (mut found, mut begin) = (Vec::new(), 0);
        while let Some(end) = self.rest[from..].windows(2).position(|pair| pair == b"\n\n") {
            let end = from + end + 2;
            found.extend(read(&self.rest[begin..end]));
            (begin, from) = (end, end);
        }
        self.rest.drain(..begin);
        found
    }

    /// What is wrong when nothing more comes.
    pub(super) fn end(&self) -> Option<Found> {
        (self.rest() > 0).then(|| {
            let text = String::from_utf8_lossy(&self.rest);
            unreadable(&format!("the part ends in the middle of an event: `{}`", shown(&text)))
        })
    }
}

/// Reads one event with the empty line that ends it; nothing if there are comments alone.
fn read(block: &[u8]) -> Vec<Found> {
    let Ok(text) = std::str::from_utf8(block) else {
        return vec![unreadable("an event is not UTF-8")];
    };
    let (mut name, mut data) = (None, None);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let twice = if let Some(value) = line.strip_prefix("event: ") {
            name.replace(value).is_some()
        } else if let Some(value) = line.strip_prefix("data: ") {
            data.replace(value).is_some()
        } else if line.starts_with(':') || line.starts_with("id:") || line.starts_with("retry:") {
            false
        } else {
            return vec![unreadable(&format!("a line that JS's client does not read: `{}`", shown(line)))];
        };
        if twice {
            return vec![unreadable(&format!("an event with two lines of one name: `{}`", shown(text)))];
        }
    }
    if text.contains('\r') {
        return vec![unreadable(&format!("JS's client wants no CR: `{}`", shown(text)))];
    }
    let (name, data) = match (name, data) {
        (Some(name), Some(data)) => (name, data),
        (None, None) => return Vec::new(),
        _ => return vec![unreadable(&format!("an event without a name or data: `{}`", shown(text)))],
    };
    match Event::read(name, data) {
        Ok(event) => {
            // A response cannot be in two events.
            let long = block.len() > EVENT_BYTES && !matches!(event, Event::Response(_));
            let wrong = long.then(|| {
                let message = format!(
                    "`{name}` has {} bytes, more than {EVENT_BYTES}: what another part publishes can be within it",
                    block.len()
                );
                Found::Wrong(ViolationKind::LongEvent, message)
            });
            wrong.into_iter().chain([Found::Event(event)]).collect()
        }
        Err(error) => vec![unreadable(&error.to_string())],
    }
}

fn unreadable(message: &str) -> Found {
    Found::Wrong(ViolationKind::UnreadableEvent, message.to_owned())
}

/// The beginning of a text.
fn shown(text: &str) -> String {
    text.trim_end().chars().take(100).flat_map(char::escape_debug).collect()
}
