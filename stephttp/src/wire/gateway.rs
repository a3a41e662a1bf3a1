//! Responses that Inngest fetched.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is stored for a [`Gateway`](super::OpCode::Gateway) operation, inside of the `data`
/// wrapper:
/// `{"body":"{}","headers":{"Content-Type":"application/json"},"status_code":200,"url":"https://example.com/"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GatewayResponse<'a> {
    /// The status code; unit tests may write `status`.
    #[serde(alias = "status")]
    pub status_code: u16,
    /// Headers; several values of one name are joined with `,`.
    #[serde(default)]
    pub headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// The body as text.
    #[serde(default)]
    pub body: Cow<'a, str>,
}
