//! What Inngest would refuse of an event, or would change without saying so.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Event;
use crate::untrusted::shown;
use crate::wire::exact;
use crate::wire::limits::{EVENT_BYTES, EVENT_INTEGER, EVENT_NAME_BYTES, JSON_LEVELS};

/// 1980-01-01 and 2100-01-01, between which the server wants an event's time.
const EARLIEST: Duration = Duration::from_secs(315_532_800);
const LATEST: Duration = Duration::from_secs(4_102_444_800);

/// An event's JSON, or what is wrong with it in words for the developer.
pub(crate) fn to_wire<T: Serialize>(event: &Event<T>) -> Result<String, String> {
    let Event { name, data, id, ts, user, v } = event;
    check_name(name)?;
    let data = object(data, "data")?;
    if let Some(user) = user {
        object(user, "user")?;
    }
    if let Some(ts) = ts {
        let range = SystemTime::UNIX_EPOCH + EARLIEST..SystemTime::UNIX_EPOCH + LATEST;
        if !range.contains(ts) {
            return Err("its time is not between the years 1980 and 2100".to_owned());
        }
    }
    let wire = Event { name: name.clone(), data, id: id.clone(), ts: *ts, user: user.clone(), v: v.clone() };
    let json = serde_json::to_string(&wire).map_err(|error| shown(&error.to_string()).to_string())?;
    check_size(&json).map_err(|fault| format!("it {fault}"))?;
    Ok(json)
}

/// Refuses what is too large as JSON.
pub(crate) fn check_size(json: &str) -> Result<(), String> {
    let bytes = json.len();
    if bytes > EVENT_BYTES {
        return Err(format!("has {bytes} bytes as JSON, but at most {EVENT_BYTES} (3 MiB) are allowed"));
    }
    Ok(())
}

/// What is wrong with an event's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameFault {
    Empty,
    TooLong,
    Reserved,
}

/// What is wrong with an event's name, if anything is. It is asked at compile time, too.
pub(crate) const fn name_fault(name: &str) -> Option<NameFault> {
    const RESERVED: &[u8] = b"inngest/";
    let name = name.as_bytes();
    if name.is_empty() {
        return Some(NameFault::Empty);
    }
    if name.len() > EVENT_NAME_BYTES {
        return Some(NameFault::TooLong);
    }
    // The server compares in lower case.
    let mut same = 0;
    while same < RESERVED.len() && same < name.len() && name[same].eq_ignore_ascii_case(&RESERVED[same]) {
        same += 1;
    }
    if same == RESERVED.len() { Some(NameFault::Reserved) } else { None }
}

fn check_name(name: &str) -> Result<(), String> {
    Err(match name_fault(name) {
        None => return Ok(()),
        Some(NameFault::Empty) => "its name is empty".to_owned(),
        Some(NameFault::TooLong) => {
            format!("its name has {} bytes, but at most {EVENT_NAME_BYTES} are allowed", name.len())
        }
        Some(NameFault::Reserved) => "names that begin with `inngest/` are Inngest's own".to_owned(),
    })
}

/// A value as an event's data (or user): JSON's object or null, without numbers that Inngest would
/// round. `part` is what to call it.
pub(crate) fn object(value: &(impl Serialize + ?Sized), part: &str) -> Result<Box<RawValue>, String> {
    let json = serde_json::value::to_raw_value(value)
        .map_err(|error| format!("its {part} cannot be written as JSON: {}", shown(&error.to_string())))?;
    let kind = match json.get().trim_ascii_start().as_bytes() {
        [b'{' | b'n', ..] => {
            check_numbers(json.get(), part)?;
            check_depth(json.get(), part)?;
            return Ok(json);
        }
        [b't' | b'f', ..] => "a boolean",
        [b'"', ..] => "a text",
        [b'[', ..] => "an array",
        _ => "a number",
    };
    Err(format!("its {part} is {kind}, but Inngest takes only JSON objects: put it into a struct or a map"))
}

/// Refuses numbers that whoever gets them would find rounded. `part` is what to call the whole.
///
/// They are not sent in another form: others read them, who do not know it.
pub(crate) fn check_numbers(json: &str, part: &str) -> Result<(), String> {
    let Some(number) = exact::first_rounded(json) else { return Ok(()) };
    let place = serde_json::from_str(json).ok().and_then(|value| place_of(number, &value, part));
    Err(format!(
        "the number {} in `{}` would be rounded: Inngest keeps numbers as 64-bit floats, whose integers go to \
         ±{EVENT_INTEGER}. Send it as a string",
        shown(number),
        shown(place.as_deref().unwrap_or(part))
    ))
}

/// Refuses what those who get it could not read. `part` is what to call the whole.
pub(crate) fn check_depth(json: &str, part: &str) -> Result<(), String> {
    if exact::is_too_deep(json) {
        return Err(format!(
            "its {part} has arrays and objects in more than {JSON_LEVELS} levels, which are not read again: send it as a string"
        ));
    }
    Ok(())
}

/// Where a number is; `None` for one that is too large for a `Value`.
fn place_of(number: &str, value: &Value, path: &str) -> Option<String> {
    match value {
        Value::Number(found) => (found.to_string() == number).then(|| path.to_owned()),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| place_of(number, item, &format!("{path}[{index}]"))),
        Value::Object(fields) => {
            fields.iter().find_map(|(name, field)| place_of(number, field, &format!("{path}.{name}")))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_good_event_is_written_as_recorded() {
        // As recorded: docs/protocol.md 5.4
        let ts = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_337_949_663);
        let event = Event::new("test/sent", json!({"a": 1})).ts(ts);
        assert_eq!(to_wire(&event).unwrap(), r#"{"name":"test/sent","data":{"a":1},"ts":1795337949663}"#);
        let event = Event::new("a", ()).id("i").user(json!({"n": "Ada"})).version("2");
        assert_eq!(
            to_wire(&event).unwrap(),
            r#"{"name":"a","data":null,"id":"i","user":{"n":"Ada"},"v":"2"}"#
        );
    }

    #[test]
    fn what_inngest_would_refuse_or_change_is_named() {
        let fault = |name: &str, data: Value| to_wire(&Event::new(name, data)).unwrap_err();
        assert!(fault("", json!({})).contains("empty"));
        assert!(fault(&"x".repeat(513), json!({})).contains("513"));
        assert!(fault("Inngest/function.failed", json!({})).contains("Inngest's own"));
        assert!(to_wire(&Event::new("inngestion/ok", json!({}))).is_ok());
        assert!(to_wire(&Event::new("größer/é", json!({}))).is_ok());
        assert!(fault("a", json!([1])).contains("its data is an array"));
        assert!(fault("a", json!("text")).contains("a text"));
        let error = fault("a", json!({"o": {"lines": [{"id": 1}, {"id": 9_007_199_254_740_993_u64}]}}));
        assert!(error.contains("`data.o.lines[1].id`") && error.contains("9007199254740993"), "{error}");
        assert!(error.contains("as a string"), "{error}");
        assert!(fault("a", json!({"n": i64::MIN})).contains("`data.n`"));
        let raw = |json: &str| Event::new("a", serde_json::from_str::<Box<RawValue>>(json).unwrap());
        let error = to_wire(&raw(r#"{"n":0.1000000000000000055}"#)).unwrap_err();
        assert!(error.contains("0.1000000000000000055") && error.contains("`data`"), "{error}");
        let sent = r#"{"name":"a","data":{"b":1.0,"a":"9007199254740993"}}"#;
        assert_eq!(to_wire(&raw(r#"{"b":1.0,"a":"9007199254740993"}"#)).unwrap(), sent);
        assert!(to_wire(&Event::new("a", json!({"n": -9_007_199_254_740_991_i64, "f": 1e300}))).is_ok());
        assert!(fault("a", json!({"big": "x".repeat(3 << 20)})).contains("3 MiB"));
        let user = to_wire(&Event::new("a", ()).user(json!(1))).unwrap_err();
        assert!(user.contains("its user is a number"), "{user}");
        let deep = |levels: usize| {
            raw(&format!(r#"{}{{}}{}"#, r#"{"a":"#.repeat(levels - 1), "}".repeat(levels - 1)))
        };
        assert!(to_wire(&deep(127)).is_ok());
        assert!(
            to_wire(&deep(128))
                .unwrap_err()
                .contains("its data has arrays and objects in more than 127 levels")
        );
    }

    #[test]
    fn times_are_of_this_age() {
        let at =
            |seconds| to_wire(&Event::new("a", ()).ts(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)));
        assert!(at(315_532_799).is_err());
        assert!(at(315_532_800).is_ok());
        assert!(at(4_102_444_799).is_ok());
        assert!(at(4_102_444_801).is_err());
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert!(to_wire(&Event::new("a", ()).ts(before)).unwrap_err().contains("1980"));
    }
}
