//! Operations: what a run reports about its steps.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::{Duration, SystemTime};

use serde::de::{self, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha1::{Digest, Sha1};

use super::{OpError, OpOpts};

/// One operation of a run.
///
/// ```json
/// {"id":"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d","op":"StepRun","name":"before","displayName":"before",
///  "userland":{"id":"before"},"data":"A","timing":{"a":1795337944526000000,"b":812000}}
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
#[doc(alias = "GeneratorOpcode")]
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
    pub opts: Option<Box<OpOpts<'a>>>,
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
#[doc(alias = "Opcode")]
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
    /// Call back when an event of the name `opts.event` comes for which `opts.if` holds, or after
    /// `opts.timeout`.
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
#[non_exhaustive]
pub struct Userland<'a> {
    /// The id.
    pub id: Cow<'a, str>,
    /// For the second and later uses of one id in a run: 1, 2, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

impl<'a> Userland<'a> {
    /// The first use of an id.
    #[must_use]
    pub fn new(id: impl Into<Cow<'a, str>>) -> Self {
        Self { id: id.into(), index: None }
    }
}

/// When a step ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timing {
    /// Start, in nanoseconds since the Unix epoch.
    #[serde(rename = "a")]
    pub start_ns: u64,
    /// Duration in nanoseconds.
    #[serde(rename = "b")]
    pub duration_ns: u64,
}

impl Timing {
    /// From this instant on, for so long.
    #[must_use]
    pub fn new(start: SystemTime, took: Duration) -> Self {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let start = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { start_ns: nanos(start), duration_ns: nanos(took) }
    }
}

/// What a character is worth as a hex digit; 255 if it is none. A re-entry reads a hash for each
/// finished step.
const HEX_VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        let digit = HEX_DIGITS[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The hash by which Inngest knows a step: SHA-1 of its id; 40 lower-case hex digits on the wire.
///
/// The second use of an id in a run is hashed as `id:1`, the third as `id:2`, and so on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepHash([u8; 20]);

impl Hash for StepHash {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // An array's own would put its length before it.
        hasher.write(&self.0);
    }
}

impl StepHash {
    /// The hash of a step id.
    ///
    /// ```
    /// let hash = inngest::wire::StepHash::of("before");
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
        let digits: &[u8; 40] = digits.as_bytes().try_into().ok()?;
        let mut bytes = [0; 20];
        // What is no digit has high bits in the table; they are looked at once, at the end, so that
        // nothing here depends on which digits there are.
        let mut all = 0;
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (HEX_VALUES[usize::from(pair[0])], HEX_VALUES[usize::from(pair[1])]);
            all |= high | low;
            *byte = high << 4 | low;
        }
        (all <= 15).then_some(Self(bytes))
    }

    /// Its hex digits.
    pub(super) fn hex(self) -> [u8; 40] {
        let mut digits = [0; 40];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX_DIGITS[usize::from(byte >> 4)];
            pair[1] = HEX_DIGITS[usize::from(byte & 15)];
        }
        digits
    }

    fn with_hex<R>(self, use_digits: impl FnOnce(&str) -> R) -> R {
        use_digits(str::from_utf8(&self.hex()).unwrap_or_default())
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
        deserializer.deserialize_str(HexDigits)?.ok_or_else(|| D::Error::custom("a step id is 40 hex digits"))
    }
}

/// Reads a hash where it stands, without a copy of its digits; `None` if it is something else.
pub(super) struct HexDigits;

impl de::Visitor<'_> for HexDigits {
    type Value = Option<StepHash>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("40 hex digits")
    }

    fn visit_str<E>(self, digits: &str) -> Result<Self::Value, E> {
        Ok(StepHash::from_hex(digits))
    }
}

impl<'de> de::DeserializeSeed<'de> for HexDigits {
    type Value = Option<StepHash>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_40_hex_digits() {
        let digits = "51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d";
        assert_eq!(StepHash::from_hex(digits), Some(StepHash::of("before")));
        assert_eq!(StepHash::from_hex(&digits.to_uppercase()), Some(StepHash::of("before")));
        for at in 0..40 {
            for other in ["g", "G", "/", ":", "@", "`", " ", "-"] {
                let mut wrong = digits.to_owned();
                wrong.replace_range(at..=at, other);
                assert_eq!(StepHash::from_hex(&wrong), None, "{wrong}");
            }
        }
        for wrong in ["", &digits[1..], &format!("{digits}0"), &"\u{e9}".repeat(20)] {
            assert_eq!(StepHash::from_hex(wrong), None, "{wrong}");
        }
        let json = format!("\"{digits}\"");
        assert_eq!(serde_json::from_str::<StepHash>(&json).unwrap(), StepHash::of("before"));
        assert!(serde_json::from_str::<StepHash>("\"51de\"").is_err());
    }
}
