//! A run's id.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use ulid::Ulid;

/// A run's id: a ULID whose time is the start of the run's first request.
///
/// Ids are made by the app, so that a call that creates a run can be repeated without creating
/// another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(Ulid);

/// Why a text is no run id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run id is a ULID: 26 letters and digits of Crockford's base 32, the first at most 7")]
pub struct InvalidRunId;

impl RunId {
    /// A new id, of a run whose first request began at this time.
    #[must_use]
    pub fn new(started: SystemTime) -> Self {
        Self(Ulid::from_datetime(started))
    }
}

impl From<RunId> for Cow<'_, str> {
    fn from(run_id: RunId) -> Self {
        Cow::Owned(run_id.to_string())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.array_to_str(&mut [0; ulid::ULID_LEN]))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

impl FromStr for RunId {
    type Err = InvalidRunId;

    fn from_str(text: &str) -> Result<Self, InvalidRunId> {
        // 26 digits hold 130 bits, and a ULID has 128: the `ulid` crate drops the first two, so
        // that several texts would be one id.
        if !text.starts_with(|first| matches!(first, '0'..='7')) {
            return Err(InvalidRunId);
        }
        Ulid::from_string(text).map(Self).map_err(|_| InvalidRunId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_more_than_128_bits_is_none() {
        let last = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
        assert_eq!(last.parse::<RunId>().unwrap().to_string(), last);
        for first in ["8", "9", "A", "z", "Z", "I", "ü", " "] {
            let text = format!("{first}{}", &last[1..]);
            assert_eq!(text.parse::<RunId>(), Err(InvalidRunId), "{text}");
        }
        assert_eq!(RunId::from_str(""), Err(InvalidRunId));
        assert_eq!(last.to_lowercase().parse::<RunId>().unwrap().to_string(), last);
    }
}
