//! An event that came.

use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Error;
use serde_json::value::RawValue;

use super::{Event, timestamp};

/// Reads an event; `None` for `null`. What was sent is read alone: `serde_json` takes 127 levels,
/// and the event's own does not count.
pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<Option<Event<T>>, Error> {
    #[derive(Deserialize)]
    struct Received<'a> {
        name: String,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
        id: Option<String>,
        #[serde(default, with = "timestamp")]
        ts: Option<SystemTime>,
        #[serde(borrow)]
        user: Option<&'a RawValue>,
        v: Option<String>,
    }
    let Some(Received { name, data, id, ts, user, v }) = serde_json::from_str(json)? else { return Ok(None) };
    let data = serde_json::from_str(data.map_or("null", RawValue::get))?;
    let user = user.map(|user| serde_json::from_str(user.get())).transpose()?;
    Ok(Some(Event { name, data, id, ts, user, v }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_event_is_read_as_serde_reads_it_and_its_data_may_be_as_deep_as_any_value() {
        let deep = format!("{}0{}", "[".repeat(127), "]".repeat(127));
        for json in [
            r#"{"data":{"id":"abc","n":1},"id":"01M817P1Q0E2B2BNEMM2F57GWT","name":"e","ts":1795337946848,"user":{},"v":"2"}"#,
            r#"{"name":"e","data":null}"#,
            "null",
        ] {
            assert_eq!(read::<Value>(json).unwrap(), serde_json::from_str::<Option<Event>>(json).unwrap());
        }
        let json = format!(r#"{{"name":"e","data":{deep},"user":{deep}}}"#);
        let event = read::<Value>(&json).unwrap().unwrap();
        assert_eq!((event.data.to_string(), event.user.unwrap().to_string()), (deep.clone(), deep));
        for json in ["{}", r#"{"name":"e","data":[]}"#, "[1]"] {
            assert!(read::<u8>(json).is_err(), "{json}");
        }
    }
}
