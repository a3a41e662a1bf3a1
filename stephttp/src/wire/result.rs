//! An endpoint's response as a run's result.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StepHash;

/// The id whose hash every `RunComplete` operation carries. A user's step of this id would collide with it, so it is
/// reserved.
pub const COMPLETE: &str = "complete";

/// The hash of [`COMPLETE`].
pub const COMPLETE_HASH: StepHash = StepHash::from_bytes([
    0x07, 0x37, 0xc2, 0x2d, 0x3b, 0xfa, 0xe8, 0x12, 0x33, 0x97, 0x32, 0xd1, 0x4d, 0x8c, 0x7d, 0xbd, 0x6d,
    0xc4, 0xe0, 0x9c,
]);

/// An endpoint's response, as `data` of [`OpCode::RunComplete`](super::OpCode::RunComplete).
///
/// ```json
/// {"status": 200, "headers": {"content-type": "application/json"}, "body": "{\"ok\":true}", "duration": 1000000}
/// ```
///
/// A status of 500 and above marks the run as failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiResult<'a> {
    /// The status code.
    pub status: u16,
    /// Headers; the server takes one string for each name.
    #[serde(default)]
    pub headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// The body as text.
    #[serde(default)]
    pub body: Cow<'a, str>,
    /// How long the endpoint took, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
}
