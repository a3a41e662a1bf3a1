//! Memoized steps: what earlier requests of a run have stored.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::limits::RUN_STEPS;
use super::op::HexDigits;
use super::{OpError, StepHash, StepMap, exact};

/// The server's own limit, whatever a run is limited to.
const MOST_STEPS: usize = 10_000;

/// The memoized steps of a run: `GET /v0/runs/{run_id}/actions`, an object from hashed id to value.
///
/// ```json
/// {"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d": {"data": "A"}, "40fa37ec00c761c7dbb6ebdee6d4a260b922f5f4": null}
/// ```
///
/// Values stay unparsed until they are asked for, since only who knows a step's kind knows what its
/// value is:
///
/// | Step | Value | Read by |
/// |---|---|---|
/// | ran | `{"data": …}`, or `{"error": {"name", "message", …}}` when it failed for good | [`outcome`](MemoizedStep::outcome) |
/// | invocation, gateway call, model call | the same | [`result`](MemoizedStep::result) |
/// | signal | the same, a [`ReceivedSignal`](super::ReceivedSignal) in `data` | [`outcome`](MemoizedStep::outcome) |
/// | event | the event itself, with a `data` of its own | [`bare`](MemoizedStep::bare) |
/// | sleep that is over, wait that timed out | `null` | [`is_null`](MemoizedStep::is_null) |
///
/// A step that has not ended is missing.
///
/// ```
/// use inngest::wire::{MemoizedSteps, StepHash};
///
/// let steps: MemoizedSteps = r#"{"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d": {"data": "A"}}"#.parse()?;
/// let before = steps.get(StepHash::of("before")).expect("it has ended");
/// assert_eq!(before.outcome::<String>()?.unwrap(), "A");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoizedSteps {
    json: Arc<String>,
    values: StepMap<Range<usize>>,
}

impl MemoizedSteps {
    /// Finds the values in the server's answer.
    ///
    /// # Errors
    /// When it is no JSON object, and when it has more than 10,000 members, which is the most that
    /// a server can be set up to let a run have. Keys that are no step's hash are left out.
    pub fn parse(json: Bytes) -> Result<Self, serde_json::Error> {
        // Checked once as a whole, rather than value by value. Not copied if nobody else has these
        // bytes.
        Self::find(String::from_utf8(json.into()).map_err(serde_json::Error::custom)?)
    }

    fn find(json: String) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(&json);
        let values = deserializer.deserialize_map(FindValues { text: &json })?;
        deserializer.end()?;
        Ok(Self { json: Arc::new(json), values })
    }

    /// A step's value; `None` when the step has not ended.
    #[must_use]
    pub fn get(&self, hash: StepHash) -> Option<MemoizedStep> {
        self.values.get(&hash).map(|place| self.at(place))
    }

    /// Whether a step has ended.
    #[must_use]
    pub fn contains(&self, hash: StepHash) -> bool {
        self.values.contains_key(&hash)
    }

    /// The steps that have ended, in no order.
    pub fn hashes(&self) -> impl Iterator<Item = StepHash> {
        self.values.keys().copied()
    }

    /// The steps that have ended with their values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (StepHash, MemoizedStep)> {
        self.values.iter().map(|(hash, place)| (*hash, self.at(place)))
    }

    /// How many steps have ended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether this can be the whole state of a run that was handed over, in which at least `known`
    /// steps have ended.
    ///
    /// Each hand-over leaves a step, so a state without any is one that is being deleted, and so is
    /// one with fewer steps than before (docs/protocol.md 6.4). No state says that nothing has run.
    pub(crate) fn is_whole(&self, known: usize) -> bool {
        self.len() >= known.max(1)
    }

    /// Whether no step has ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn at(&self, place: &Range<usize>) -> MemoizedStep {
        MemoizedStep { all: self.json.clone(), place: place.clone() }
    }

    /// The bytes that they take, about as the server counts them.
    pub(crate) fn size(&self) -> usize {
        self.json.len()
    }
}

impl FromStr for MemoizedSteps {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, serde_json::Error> {
        Self::find(json.to_owned())
    }
}

/// One step's stored value.
#[derive(Clone)]
pub struct MemoizedStep {
    /// What it came with.
    all: Arc<String>,
    place: Range<usize>,
}

impl MemoizedStep {
    /// The outcome of a step that ran: its `data`, or its `error`.
    ///
    /// Data that this SDK [stored as text](crate::step::Storable#what-is-stored),
    /// `{"stephttp:json": "…"}`, is read from it.
    ///
    /// # Errors
    /// The outer error means that the value is neither, or that `data` is no `T`.
    pub fn outcome<T: DeserializeOwned>(&self) -> Result<Result<T, OpError>, serde_json::Error> {
        let Wrapper { data, error } = serde_json::from_str(self.as_json())?;
        if let Some(error) = error {
            return serde_json::from_str(error.get()).map(Err);
        }
        match data.and_then(exact::original) {
            Some(json) => serde_json::from_str(json.get()).map(Ok),
            None => read(data).map(Ok),
        }
    }

    /// The result of something that Inngest did: its `data` as it came, or its `error`.
    ///
    /// # Errors
    /// As [`outcome`](Self::outcome).
    pub fn result<T: DeserializeOwned>(&self) -> Result<Result<T, OpError>, serde_json::Error> {
        match serde_json::from_str(self.as_json())? {
            Wrapper { error: Some(error), .. } => serde_json::from_str(error.get()).map(Err),
            Wrapper { data, .. } => read(data).map(Ok),
        }
    }

    /// The value as it is, without a wrapper: an event that was waited for. `None` for `null`,
    /// which a timeout leaves.
    ///
    /// # Errors
    /// When it is neither `null` nor a `T`.
    pub fn bare<T: DeserializeOwned>(&self) -> Result<Option<T>, serde_json::Error> {
        serde_json::from_str(self.as_json())
    }

    /// What is in `data`, unless it is `null`, or there is an `error` beside it.
    pub(crate) fn data(&self) -> Option<Box<RawValue>> {
        let Wrapper { data, error } = serde_json::from_str(self.as_json()).ok()?;
        data.filter(|_| error.is_none()).map(ToOwned::to_owned)
    }

    /// A value that is not the server's.
    pub(crate) fn of_json(json: String) -> Self {
        Self { place: 0..json.len(), all: Arc::new(json) }
    }

    /// Whether it is `null`: a sleep that is over, or a wait that timed out.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.as_json().trim_ascii() == "null"
    }

    /// The value as it came.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.all[self.place.clone()]
    }
}

/// What the server stores around a value. The value is read alone: `serde_json` takes 128 levels,
/// and all of them are its own.
#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A step's output; `null` is one.
fn read<T: DeserializeOwned>(data: Option<&RawValue>) -> Result<T, serde_json::Error> {
    serde_json::from_str(data.map_or("null", RawValue::get))
}

impl fmt::Debug for MemoizedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoizedStep").field(&self.as_json()).finish()
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
        let expected = (self.text.len() / shortest).min(RUN_STEPS);
        let mut values = StepMap::with_capacity(expected);
        let mut count = 0;
        while let Some(key) = map.next_key_seed(HexDigits)? {
            count += 1;
            if count > MOST_STEPS {
                return Err(A::Error::custom(format!(
                    "a run has at most {MOST_STEPS} steps, and these are more"
                )));
            }
            let value = map.next_value::<&RawValue>()?.get();
            // Borrowed from the input, so its address is its place there.
            let from = value.as_ptr() as usize - self.text.as_ptr() as usize;
            if let Some(hash) = key {
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
        // As recorded: docs/protocol.md 6.2
        let json = concat!(
            r#"{"405906c9d5be6ae5393ca65fb0e7c38e0d585ecb":{"data":"B"},"40fa37ec00c761c7dbb6ebdee6d4a260b922f5f4":null,"#,
            r#""51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d":{"data":"A"}}"#,
            "\n"
        );
        let memo = MemoizedSteps::parse(Bytes::from(json)).unwrap();
        assert_eq!(memo.len(), 3);
        assert_eq!(memo.get(StepHash::of("before")).unwrap().outcome::<String>().unwrap().unwrap(), "A");
        assert!(memo.contains(StepHash::of("zzz")));
        assert!(memo.get(StepHash::of("missing")).is_none());
    }

    #[test]
    fn null_outputs_and_errors_are_outcomes_and_other_shapes_are_not() {
        let memo = |value: &str| {
            let json = format!(r#"{{"{}":{value}}}"#, StepHash::of("x"));
            MemoizedSteps::parse(Bytes::from(json)).unwrap().get(StepHash::of("x")).unwrap()
        };
        assert_eq!(memo(r#"{"data":null}"#).outcome::<Option<u8>>().unwrap().unwrap(), None);
        assert_eq!(memo(r#"{"data":null}"#).outcome::<()>().unwrap().unwrap(), ());
        let error = memo(r#"{"error":{"name":"E","message":"m"}}"#).outcome::<u8>().unwrap().unwrap_err();
        assert_eq!((error.name.as_str(), error.message.as_str()), ("E", "m"));
        assert!(memo(r#"{"data":"text"}"#).outcome::<u8>().is_err());
        assert!(memo(r#""text""#).outcome::<String>().is_err());
        assert!(memo("[1]").outcome::<u8>().is_err());

        let text = memo(r#"{"data":{"stephttp:json":"18446744073709551615"}}"#);
        assert_eq!(text.outcome::<u64>().unwrap().unwrap(), u64::MAX);
        assert!(text.result::<u64>().is_err());
        assert_eq!(
            text.result::<serde_json::Value>().unwrap().unwrap()["stephttp:json"],
            "18446744073709551615"
        );
    }

    #[test]
    fn a_value_may_be_as_deep_as_any_and_its_wrapper_does_not_count() {
        let nested = |levels: usize| format!("{}0{}", "[".repeat(levels), "]".repeat(levels));
        let step = |data: &str| MemoizedStep::of_json(format!(r#"{{"data":{data}}}"#));
        let deep = step(&nested(127));
        assert_eq!(deep.outcome::<serde_json::Value>().unwrap().unwrap().to_string(), nested(127));
        assert_eq!(deep.result::<serde_json::Value>().unwrap().unwrap().to_string(), nested(127));
        assert!(step(&nested(128)).outcome::<serde_json::Value>().is_err());
        let raw = step(&nested(100_000)).outcome::<Box<RawValue>>().unwrap().unwrap();
        assert_eq!(raw.get(), nested(100_000));
        let failed = format!(r#"{{"error":{{"message":"m","cause":{}}}}}"#, nested(100_000));
        let error = MemoizedStep::of_json(failed).outcome::<u8>().unwrap().unwrap_err();
        assert_eq!((error.message.as_str(), error.cause.unwrap().message), ("m", nested(100_000)));
    }

    #[test]
    fn a_run_has_no_more_steps_than_a_server_lets_it_have() {
        let steps = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!(r#""{n:040x}":null"#)).collect();
            format!("{{{}}}", members.join(",")).parse::<MemoizedSteps>()
        };
        assert_eq!(steps(10_000).unwrap().len(), 10_000);
        assert!(steps(10_001).unwrap_err().to_string().contains("at most 10000 steps"));
        let same = format!(r#"{{{}"":0}}"#, r#""":0,"#.repeat(10_000));
        assert!(same.parse::<MemoizedSteps>().is_err());
    }

    #[test]
    fn garbage_is_an_error() {
        for garbage in ["", "null", "[]", "<html>", r#"{"a":"#, "{} trailing"] {
            assert!(MemoizedSteps::parse(Bytes::from(garbage)).is_err(), "{garbage}");
        }
    }
}
