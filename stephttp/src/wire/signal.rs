//! Signals: `POST /v1/signals`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{answers, exact};

/// `POST /v1/signals`: `{"signal":"approval/7","data":{"by":"Ada"}}`. 404 with `No signal found`
/// when no run waits for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignalRequest<'a> {
    /// The signal's name.
    pub signal: Cow<'a, str>,
    /// What the waiting run gets.
    pub data: Cow<'a, RawValue>,
}

impl<'a> SignalRequest<'a> {
    /// The request that sends this JSON to the run that waits for the signal.
    #[must_use]
    pub fn new(signal: impl Into<Cow<'a, str>>, data: impl Into<Cow<'a, RawValue>>) -> Self {
        Self { signal: signal.into(), data: data.into() }
    }
}

/// What `POST /v1/signals` answers, inside of an [`Envelope`](super::Envelope).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignalledRun {
    /// The run that waited.
    #[serde(deserialize_with = "answers::id")]
    pub run_id: String,
}

/// What is stored for a wait that a signal ended, inside of the `data` wrapper:
/// `{"data":{"s":1},"signal":"sig-js"}`.
///
/// What this SDK [sent as text](crate::Step::send_signal) is read from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
#[non_exhaustive]
pub struct ReceivedSignal<T> {
    /// What was sent.
    #[serde(deserialize_with = "exact::deserialize")]
    pub data: T,
}
