//! An event's time: milliseconds since the Unix epoch, which Inngest may write as a float.

use std::time::{Duration, SystemTime};

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// `None` before the epoch, and in years that no event has.
pub(super) fn millis(instant: SystemTime) -> Option<u64> {
    instant.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis().try_into().ok()
}

pub(super) fn instant(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

pub(super) fn serialize<S: Serializer>(ts: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(ts) = ts else { return serializer.serialize_none() };
    let millis = millis(*ts).ok_or_else(|| S::Error::custom("an event's time is after 1970"))?;
    serializer.serialize_u64(millis)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SystemTime>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Integer(u64),
        Float(f64),
    }
    /// The last millisecond of the year 9999.
    const LATEST: u64 = 253_402_300_799_999;
    let millis = match Option::<Number>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Number::Integer(millis)) => millis,
        // Saturates: what is negative or no number becomes 0.
        Some(Number::Float(millis)) => millis.round() as u64,
    };
    if millis > LATEST {
        return Err(D::Error::custom("an event's time is in milliseconds since 1970"));
    }
    Ok(Some(instant(millis)))
}
