//! A run's id.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use ulid::Ulid;

/// A run's id: a ULID whose time is the start of the run's first request.
///
/// Ids are made by the app, so that a call that creates a run can be repeated without creating another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(Ulid);

/// Why a text is no run id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run id is a ULID: 26 letters and digits of Crockford's base 32")]
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
        Ulid::from_string(text).map(Self).map_err(|_| InvalidRunId)
    }
}
