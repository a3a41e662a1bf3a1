//! Events as one call to the event API sends them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Event, check};
use crate::untrusted::shown;
use crate::wire::limits::EVENTS;

/// Each event as JSON, or what is wrong with one in words for the developer.
pub(crate) fn to_wire<T: Serialize>(events: Vec<Event<T>>) -> Result<Vec<String>, String> {
    let count = events.len();
    if count > EVENTS {
        return Err(format!("{count} events are too many for one call: at most {EVENTS} are allowed"));
    }
    let to_wire = |(index, event): (usize, Event<T>)| {
        check::to_wire(&event).map_err(|fault| {
            let place = if count > 1 { format!(" (number {index}, counted from 0)") } else { String::new() };
            format!("the event `{}`{place} cannot be sent: {fault}", shown(&event.name))
        })
    };
    events.into_iter().enumerate().map(to_wire).collect()
}

/// The request's body: a JSON array.
pub(crate) fn batch(events: &[String]) -> Bytes {
    Bytes::from(format!("[{}]", events.join(",")))
}

/// An event as JSON whose data is being changed.
pub(crate) struct Changing(BTreeMap<String, Box<RawValue>>);

impl Changing {
    /// The event's data, and what the changed data is put into; `None` without any.
    pub(crate) fn take(event: &str) -> serde_json::Result<Option<(Box<RawValue>, Self)>> {
        let mut parts: BTreeMap<String, Box<RawValue>> = serde_json::from_str(event)?;
        Ok(parts.remove("data").map(|data| (data, Self(parts))))
    }

    /// The event with other data, or what is wrong with them.
    pub(crate) fn put(mut self, data: Box<RawValue>) -> Result<String, String> {
        check::check_numbers(data.get(), "data")
            .map_err(|fault| format!("an event was changed by a middleware: {fault}"))?;
        self.0.insert("data".to_owned(), data);
        let event = serde_json::to_string(&self.0).map_err(|error| error.to_string())?;
        check::check_size(&event)
            .map_err(|fault| format!("with what a middleware made of its data {fault}"))?;
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_body_is_the_recorded_array() {
        // As recorded, without its time: docs/protocol.md 5.4
        let events = vec![Event::new("test/sent", json!({"a": 1})), Event::new("b", Value::Null)];
        let body = batch(&to_wire(events).unwrap());
        assert_eq!(body, r#"[{"name":"test/sent","data":{"a":1}},{"name":"b","data":null}]"#);
    }
}
