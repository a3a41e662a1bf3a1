//! What earlier requests of a run have stored.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decision::Decision;
use super::ids::StepMap;
use super::stored_order::order_step;
use crate::wire::limits::RUN_STEPS;
use crate::wire::{OpError, StepHash};

/// The memoized steps of a run: `GET /v0/runs/{run_id}/actions`, an object from hashed id to value.
///
/// Values stay unparsed until a step claims them, and are decoded by the kind of step the code is at.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    json: Bytes,
    values: StepMap<Range<usize>>,
}

impl Memo {
    /// Finds the values in the server's answer.
    pub(crate) fn parse(json: Bytes) -> Result<Self, serde_json::Error> {
        // Checked once as a whole, rather than value by value.
        let text = str::from_utf8(&json).map_err(serde::de::Error::custom)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let values = deserializer.deserialize_map(FindValues { text })?;
        deserializer.end()?;
        Ok(Self { json, values })
    }

    pub(crate) fn get(&self, hash: StepHash) -> Option<Memoized> {
        self.values.get(&hash).map(|range| Memoized { json: self.json.slice(range.clone()) })
    }

    pub(crate) fn contains(&self, hash: StepHash) -> bool {
        self.values.contains_key(&hash)
    }

    /// The stored decisions, in their order, and how many hidden steps hold them.
    pub(crate) fn decisions(&self) -> (Vec<Decision>, usize) {
        let mut decisions = Vec::new();
        for n in 0.. {
            let Some(stored) = self.get(order_step(n).hash) else { return (decisions, n) };
            match stored.outcome::<Vec<Decision>>() {
                Ok(Ok(more)) => decisions.extend(more),
                _ => {
                    tracing::error!(step = %order_step(n).id, "the stored order of a run's steps cannot be read");
                }
            }
        }
        unreachable!("no run has so many steps")
    }

    /// Stored steps.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = StepHash> {
        self.values.keys().copied()
    }

    /// How many steps are stored.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The bytes that they take, about as the server counts them.
    pub(crate) fn size(&self) -> usize {
        self.json.len()
    }
}

/// One step's stored value.
#[derive(Debug, Clone)]
pub(crate) struct Memoized {
    json: Bytes,
}

impl Memoized {
    /// As the outcome of a step that ran: `{"data": …}` or `{"error": …}`.
    ///
    /// The outer error means that the value is neither, or that `data` is no `T`.
    pub(crate) fn outcome<T: serde::de::DeserializeOwned>(
        &self,
    ) -> Result<Result<T, OpError>, serde_json::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Wrapper<T> {
            data: Option<T>,
            error: Option<OpError>,
        }
        let wrapper: Wrapper<T> = serde_json::from_slice(&self.json)?;
        match wrapper {
            Wrapper { error: Some(error), .. } => Ok(Err(error)),
            Wrapper { data: Some(data), .. } => Ok(Ok(data)),
            // `{"data":null}`: a step whose output is null.
            Wrapper { .. } => serde_json::from_str("null").map(Ok),
        }
    }
}

impl Memoized {
    /// As it is, without a wrapper: an event that was waited for. `None` for `null`, which a timeout leaves.
    pub(crate) fn bare<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, serde_json::Error> {
        serde_json::from_slice(&self.json)
    }

    /// Whether it is `null`: a sleep that is over, or a wait that timed out.
    pub(crate) fn is_null(&self) -> bool {
        self.json.trim_ascii() == b"null"
    }
}

/// Notes where in the answer each value stands.
struct FindValues<'a> {
    text: &'a str,
}

impl<'de> Visitor<'de> for FindValues<'_> {
    type Value = StepMap<Range<usize>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from hashed step ids to their values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let shortest = r#""0123456789012345678901234567890123456789":{"data":0},"#.len();
        let most = (self.text.len() / shortest).min(RUN_STEPS);
        let mut values = StepMap::with_capacity_and_hasher(most, Default::default());
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let value = map.next_value::<&RawValue>()?.get();
            // Borrowed from the input, so its address is its place there.
            let from = value.as_ptr() as usize - self.text.as_ptr() as usize;
            if let Some(hash) = StepHash::from_hex(&key) {
                values.insert(hash, from..from + value.len());
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_is_read() {
        // recordings/js-sleep.json, the second GET …/actions
        let json = concat!(
            r#"{"405906c9d5be6ae5393ca65fb0e7c38e0d585ecb":{"data":"B"},"40fa37ec00c761c7dbb6ebdee6d4a260b922f5f4":null,"#,
            r#""51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d":{"data":"A"}}"#,
            "\n"
        );
        let memo = Memo::parse(Bytes::from(json)).unwrap();
        assert_eq!(memo.len(), 3);
        assert_eq!(memo.get(StepHash::of("before")).unwrap().outcome::<String>().unwrap().unwrap(), "A");
        assert!(memo.contains(StepHash::of("zzz")));
        assert!(memo.get(StepHash::of("missing")).is_none());
    }

    #[test]
    fn null_outputs_and_errors_are_outcomes_and_other_shapes_are_not() {
        let memo = |value: &str| {
            let json = format!(r#"{{"{}":{value}}}"#, StepHash::of("x"));
            Memo::parse(Bytes::from(json)).unwrap().get(StepHash::of("x")).unwrap()
        };
        assert_eq!(memo(r#"{"data":null}"#).outcome::<Option<u8>>().unwrap().unwrap(), None);
        assert_eq!(memo(r#"{"data":null}"#).outcome::<()>().unwrap().unwrap(), ());
        let error = memo(r#"{"error":{"name":"E","message":"m"}}"#).outcome::<u8>().unwrap().unwrap_err();
        assert_eq!((error.name.as_str(), error.message.as_str()), ("E", "m"));
        assert!(memo(r#"{"data":"text"}"#).outcome::<u8>().is_err());
        assert!(memo(r#""text""#).outcome::<String>().is_err());
        assert!(memo("[1]").outcome::<u8>().is_err());
    }

    #[test]
    fn garbage_is_an_error() {
        for garbage in ["", "null", "[]", "<html>", r#"{"a":"#, "{} trailing"] {
            assert!(Memo::parse(Bytes::from(garbage)).is_err(), "{garbage}");
        }
    }
}
