//! Operations: what a run reports about its steps.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};

/// One operation of a run.
///
/// ```json
/// {"id":"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d","op":"StepRun","name":"before","displayName":"before",
///  "userland":{"id":"before"},"data":"A","timing":{"a":1795337944526000000,"b":812000}}
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Op<'a> {
    /// The step's hashed id.
    pub id: StepHash,
    /// What happened, or what is asked for.
    pub op: OpCode,
    /// The step's id as the user wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// What the dashboard shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Cow<'a, str>>,
    /// The step's id as the user wrote it, and which repetition of it this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userland: Option<Userland<'a>>,
    /// Parameters of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opts: Option<OpOpts<'a>>,
    /// A step's output, or the run's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Cow<'a, RawValue>>,
    /// Why a step failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OpError>,
    /// When it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
}

/// The operations this SDK sends, by their names on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OpCode {
    /// A step finished; `data` is its output.
    StepRun,
    /// A step failed and may be retried; `error` says why.
    StepError,
    /// A step failed for good; `error` says why.
    StepFailed,
    /// A step was found that should run in a re-entry of its own.
    StepPlanned,
    /// Call back after `opts.duration`.
    Sleep,
    /// Call back when an event of the name `opts.event` comes for which `opts.if` holds, or after `opts.timeout`.
    WaitForEvent,
    /// Call back when the signal `opts.signal` comes, or after `opts.timeout`.
    WaitForSignal,
    /// Call back when the function `opts.function_id` has ended, or after `opts.timeout`.
    InvokeFunction,
    /// Make the HTTP request in `opts`, and call back with its response.
    Gateway,
    /// Make the request to a model provider in `opts`, and call back with its response.
    #[serde(rename = "AIGateway")]
    AiGateway,
    /// Call back at once.
    DiscoveryRequest,
    /// The run's result is `data`, an [`ApiResult`](super::ApiResult).
    RunComplete,
}

/// A step's id as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Userland<'a> {
    /// The id.
    pub id: Cow<'a, str>,
    /// For the second and later uses of one id in a run: 1, 2, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

/// Parameters of an operation; which are set depends on the [`OpCode`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpOpts<'a> {
    /// For [`OpCode::Sleep`]: a duration such as `2s`, or an instant in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForEvent`]: the event's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForEvent`]: a CEL expression over `event`, which began the run, and `async`, which comes.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub expression: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForSignal`]: the signal's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForSignal`]: what becomes of another run that waits for it, `fail` or `replace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Cow<'a, str>>,
    /// For [`OpCode::InvokeFunction`]: the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_id: Option<Cow<'a, str>>,
    /// For [`OpCode::InvokeFunction`]: the event that the function gets, without a name: `{"data": …}`. The server
    /// crashes without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Cow<'a, RawValue>>,
    /// For waits and invocations: a duration such as `2s`, or an instant in RFC 3339; a year when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Cow<'a, str>>,
    /// For gateways: the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// For [`OpCode::Gateway`]: the method; POST when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Cow<'a, str>>,
    /// For gateways: headers, one string for each name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    /// For [`OpCode::Gateway`] a string, for [`OpCode::AiGateway`] any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, RawValue>>,
    /// For [`OpCode::AiGateway`]: the provider's API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_key: Option<Secret<'a>>,
    /// For [`OpCode::AiGateway`]: how the provider is spoken to, such as `openai-chat` or `anthropic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Cow<'a, str>>,
    /// For the dashboard: which of the SDK's tools the step is, such as `step.sendEvent`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub step_type: Option<Cow<'a, str>>,
    /// Whether the server waits for the other operations of a group.
    #[serde(default, rename = "parallelMode", skip_serializing_if = "Option::is_none")]
    pub parallel_mode: Option<ParallelMode>,
}

impl<'a> OpOpts<'a> {
    /// The parameters of a sleep.
    #[must_use]
    pub fn sleep(duration: impl Into<Cow<'a, str>>) -> Self {
        Self { duration: Some(duration.into()), ..Self::default() }
    }
}

/// When the server calls back for one operation of several that it was given in one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ParallelMode {
    /// As soon as this one is done. Otherwise it waits until all of them are.
    Race,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<'a>(Cow<'a, str>);

impl<'a> Secret<'a> {
    /// Hides a text.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// Why a step failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpError {
    /// The error's type.
    #[serde(default)]
    pub name: String,
    /// What went wrong.
    #[serde(default)]
    pub message: String,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// What caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<OpError>>,
}

impl OpError {
    /// An error with a name and a message.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), stack: None, cause: None }
    }
}

/// When a step ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Start, in nanoseconds since the Unix epoch.
    #[serde(rename = "a")]
    pub start_ns: u64,
    /// Duration in nanoseconds.
    #[serde(rename = "b")]
    pub duration_ns: u64,
}

/// The hash by which Inngest knows a step: SHA-1 of its id; 40 lower-case hex digits on the wire.
///
/// The second use of an id in a run is hashed as `id:1`, the third as `id:2`, and so on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepHash([u8; 20]);

impl StepHash {
    /// The hash of a step id.
    ///
    /// ```
    /// let hash = stephttp::wire::StepHash::of("before");
    /// assert_eq!(hash.to_string(), "51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d");
    /// ```
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(Sha1::digest(id.as_bytes()).into())
    }

    /// The hash of the n-th repetition of a step id; 0 is its first use.
    #[must_use]
    pub fn of_repeated(id: &str, index: u32) -> Self {
        if index == 0 {
            return Self::of(id);
        }
        let mut hasher = Sha1::new();
        hasher.update(id.as_bytes());
        hasher.update(format!(":{index}").as_bytes());
        Self(hasher.finalize().into())
    }

    /// A hash from its 20 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Reads 40 hex digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).ok().map(|()| Self(bytes))
    }

    fn with_hex<R>(self, use_digits: impl FnOnce(&str) -> R) -> R {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut buffer = [0; 40];
        for (pair, byte) in buffer.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        use_digits(str::from_utf8(&buffer).unwrap_or_default())
    }
}

impl fmt::Display for StepHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|digits| f.write_str(digits))
    }
}

impl fmt::Debug for StepHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepHash({self})")
    }
}

impl Serialize for StepHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_hex(|digits| serializer.serialize_str(digits))
    }
}

impl<'de> Deserialize<'de> for StepHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_hex(&digits).ok_or_else(|| D::Error::custom("a step id is 40 hex digits"))
    }
}
