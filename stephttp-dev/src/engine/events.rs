//! Events from outside.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::number::through_floats;
use super::{State, millis};
use crate::inspect::EventView;
use crate::notice::Notice;

/// How many events one call may bring.
const EVENTS: usize = 5_000;
/// How large an event may be.
const EVENT_BYTES: usize = 3 * 1024 * 1024;
/// Between these instants an event may lie, in milliseconds: 1980 to 2100.
const TIMES: (i64, i64) = (315_532_800_000, 4_102_444_800_000);

#[derive(Deserialize)]
struct Fields {
    id: Option<String>,
    name: Option<String>,
    data: Option<Map<String, Value>>,
    ts: Option<i64>,
    v: Option<String>,
    user: Option<Map<String, Value>>,
}

/// What a call that brought events is answered with.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) ids: Vec<String>,
    pub(crate) error: Option<String>,
}

impl State {
    /// Takes the events of one call, one after the other, until one of them is refused.
    pub(crate) fn take_events(&mut self, body: &[u8], seed: Option<&str>) -> Answered {
        let mut ids = Vec::new();
        let error = self.take_each(body, seed, &mut ids).err();
        if ids.is_empty() {
            // The real server's list always has a first place.
            ids.push(String::new());
        }
        Answered { ids, error }
    }

    fn take_each(&mut self, body: &[u8], seed: Option<&str>, ids: &mut Vec<String>) -> Result<(), String> {
        let not_events = "Request body must contain an event object or an array of event objects";
        let events: Vec<&RawValue> = match body.trim_ascii_start().first() {
            None => return Ok(()),
            Some(b'{') => vec![serde_json::from_slice(body).map_err(|error| error.to_string())?],
            Some(b'[') => serde_json::from_slice(body).map_err(|error| error.to_string())?,
            Some(_) => return Err(not_events.to_owned()),
        };
        for (index, event) in events.into_iter().enumerate() {
            if index == EVENTS {
                return Err(format!("Cannot have more than {EVENTS} events in a batch"));
            }
            let length = event.get().len();
            if length > EVENT_BYTES {
                return Err(format!(
                    "Event is over the max size: Max {EVENT_BYTES} bytes / Size {length} bytes"
                ));
            }
            let fields: Fields = crate::json::read(event.get()).map_err(|error| error.to_string())?;
            // The server counts from 1.
            let internal = seed.and_then(|seed| seeded(seed, index + 1));
            ids.push(self.take_event(fields, internal)?);
        }
        Ok(())
    }

    /// Takes an event from a test; answers its internal id.
    pub(crate) fn send_event(
        &mut self,
        name: &str,
        version: Option<&str>,
        data: Map<String, Value>,
    ) -> Result<String, String> {
        let (name, v) = (Some(name.to_owned()), version.map(str::to_owned));
        let fields = Fields { id: None, name, data: Some(data), ts: None, v, user: None };
        self.take_event(fields, None)
    }

    fn take_event(&mut self, fields: Fields, internal: Option<String>) -> Result<String, String> {
        let name = fields.name.unwrap_or_default();
        if name.to_lowercase().starts_with("inngest/") {
            return Err(format!("event name is reserved for internal use: {name}"));
        }
        if name.is_empty() {
            return Err("event name is empty".to_owned());
        }
        let ts = fields.ts.filter(|ts| *ts != 0);
        match ts {
            Some(ts) if ts < TIMES.0 => return Err("timestamp is before Jan 1, 1980".to_owned()),
            Some(ts) if ts > TIMES.1 => return Err("timestamp is after Jan 1, 2100".to_owned()),
            _ => {}
        }
        let now = self.now();
        let ts = ts.unwrap_or_else(|| i64::try_from(millis(now)).unwrap_or(i64::MAX));
        let internal = internal.unwrap_or_else(|| ulid::Ulid::generate().to_string());
        let id = fields.id.filter(|id| !id.is_empty()).unwrap_or_else(|| internal.clone());
        let mut data = fields.data.unwrap_or_default();
        data.remove("_inngest");
        let (mut data, mut user) = (Value::from(data), Value::from(fields.user.unwrap_or_default()));
        let mut lossy = through_floats(&mut data, "data");
        lossy.extend(through_floats(&mut user, "user"));
        self.note_lossy(lossy, None, &format!("event `{name}`"));
        let duplicate = !self.event_ids.insert(id.clone());
        let mut event = json!({"data": data, "id": id, "name": name, "ts": ts, "user": user});
        if let Some(version) = fields.v.filter(|version| !version.is_empty()) {
            event["v"] = version.into();
        }
        self.log.notice(&Notice::EventReceived { name: name.clone(), id: id.clone(), duplicate });
        let woken = if duplicate { 0 } else { self.wake_by_event(&event) };
        self.log.event(EventView { name, data, id, ts, at: now, duplicate, woken });
        Ok(internal)
    }
}

/// The id that a seed gives to the n-th event of its call: `<milliseconds>,<10 bytes in base64>`.
fn seeded(seed: &str, n: usize) -> Option<String> {
    let (millis, entropy) = seed.split_once(',')?;
    let millis = millis.parse::<u64>().ok().filter(|millis| *millis > 0)?;
    let mut entropy: [u8; 10] = STANDARD.decode(entropy).ok()?.try_into().ok()?;
    let (_, tail) = entropy.split_last_chunk_mut::<4>()?;
    *tail = u32::from_be_bytes(*tail).wrapping_add(u32::try_from(n).ok()?).to_be_bytes();
    let random = entropy.iter().fold(0_u128, |random, byte| random << 8 | u128::from(*byte));
    Some(ulid::Ulid::from_parts(millis, random).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    // As recorded: docs/protocol.md 5.4
    #[test]
    fn a_seed_gives_the_id_that_the_real_server_gave() {
        let id = seeded("1795337949663,aBJrnGvfYoYx0A==", 1);
        assert_eq!(id.as_deref(), Some("01M817P4EZD096Q73BVXH8CCEH"));
    }

    #[test]
    fn a_seed_gives_each_event_of_a_call_its_own_id() {
        let seed = "1743130137367,eii2YKXRVTJPuA==";
        let first = ulid::Ulid::from_string(&seeded(seed, 1).unwrap()).unwrap();
        assert_eq!(first.timestamp_ms(), 1_743_130_137_367);
        // The last byte of the seed is 0xb8.
        assert_eq!(first.random() & 0xff, 0xb9);
        assert_eq!(seeded(seed, 1), Some(first.to_string()));
        assert_ne!(seeded(seed, 1), seeded(seed, 2));
        for wrong in ["", "1", "0,eii2YKXRVTJPuA==", "x,eii2YKXRVTJPuA==", "1,eii2", "1,eii2YKXRVTJPuA==,"] {
            assert_eq!(seeded(wrong, 1), None, "{wrong}");
        }
    }
}
