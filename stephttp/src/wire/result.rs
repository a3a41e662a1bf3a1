//! An endpoint's response as a run's result.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::StepHash;

/// The id whose hash every `RunComplete` operation carries. A user's step of this id would collide
/// with it, so it is reserved.
pub const COMPLETE_ID: &str = "complete";

/// The hash of [`COMPLETE_ID`].
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
///
/// ```
/// use std::time::Duration;
/// use inngest::wire::ApiResult;
///
/// let result = ApiResult::new(201)
///     .header("content-type", "application/json")
///     .body(r#"{"ok":true}"#)
///     .duration(Duration::from_millis(7));
/// # assert_eq!(result.duration, Some(7_000_000));
/// ```
///
/// The form that Inngest's Go SDK documented earlier is read, too: `status_code` in place of
/// `status`, and with it a body in base64. What says `status_code` and has a body that is no text
/// in base64 keeps it as it is.
///
/// ```
/// # use inngest::wire::ApiResult;
/// let earlier = r#"{"status_code": 200, "headers": {}, "body": "aGVsbG8="}"#;
/// assert_eq!(serde_json::from_str::<ApiResult>(earlier)?, ApiResult::new(200).body("hello"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AnyForm<'_>")]
#[non_exhaustive]
#[doc(alias = "APIResult")]
pub struct ApiResult<'a> {
    /// The status code.
    pub status: u16,
    /// Headers; the server takes one string for each name.
    pub headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// The body as text.
    pub body: Cow<'a, str>,
    /// How long the endpoint took, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// What went wrong inside of the SDK. The server ignores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
}

impl<'a> ApiResult<'a> {
    /// A response with a status, without headers and body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: Cow::Borrowed(""), duration: None, error: None }
    }

    /// Sets a header. A name has one value: an earlier one is replaced.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Cow<'a, str>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets how long the endpoint took.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        self
    }
}

impl ApiResult<'static> {
    /// A result that is not of the handler's making, as a run's page and its client get it.
    pub(crate) fn own(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "error": message }).to_string();
        Self::new(status)
            .header("content-type", "application/json")
            .header(super::headers::OWN_ANSWER, "true")
            .body(body)
    }
}

/// A result in the form of today or in the earlier one.
#[derive(Deserialize)]
struct AnyForm<'a> {
    status: Option<u16>,
    status_code: Option<u16>,
    headers: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    body: Option<Cow<'a, str>>,
    duration: Option<u64>,
    error: Option<Cow<'a, str>>,
}

impl TryFrom<AnyForm<'_>> for ApiResult<'_> {
    type Error = &'static str;

    fn try_from(form: AnyForm<'_>) -> Result<Self, &'static str> {
        let body = form.body.unwrap_or_default();
        let (status, body) = match (form.status, form.status_code) {
            (Some(status), _) => (status, body),
            (None, Some(status)) => (status, from_base64(&body).map_or(body, Cow::Owned)),
            (None, None) => return Err("missing field `status`"),
        };
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let headers = form.headers.unwrap_or_default().into_iter();
        Ok(Self {
            status,
            headers: headers.map(|(name, value)| (owned(name), owned(value))).collect(),
            body: owned(body),
            duration: form.duration,
            error: form.error.map(owned),
        })
    }
}

fn from_base64(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ApiResult<'static>, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn todays_form_is_written_and_read_and_a_body_that_looks_like_base64_is_text() {
        let result = ApiResult::new(200).header("content-type", "text/plain").body("aGVsbG8=");
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(json, r#"{"status":200,"headers":{"content-type":"text/plain"},"body":"aGVsbG8="}"#);
        assert_eq!(read(&json).unwrap(), result);
    }

    #[test]
    fn go_s_results_of_today_are_read() {
        // As recorded of Go: docs/protocol.md 5.7 and 11
        let json = r#"{"status":200,"headers":{"Content-Type":"application/json"},"body":"{\"a\":{\"ok\":true}}\n","duration":11057}"#;
        let expected = ApiResult::new(200)
            .header("Content-Type", "application/json")
            .body("{\"a\":{\"ok\":true}}\n")
            .duration(Duration::from_nanos(11_057));
        assert_eq!(read(json).unwrap(), expected);
    }

    #[test]
    fn the_earlier_form_is_read() {
        let hello = ApiResult::new(201).body("hello");
        assert_eq!(read(r#"{"status_code":201,"headers":null,"body":"aGVsbG8="}"#).unwrap(), hello);
        assert_eq!(read(r#"{"status_code":201}"#).unwrap(), ApiResult::new(201));
        // No base64, and base64 of what is no text.
        assert_eq!(read(r#"{"status_code":200,"headers":{},"body":"x"}"#).unwrap().body, "x");
        assert_eq!(read(r#"{"status_code":200,"headers":{},"body":"/////w=="}"#).unwrap().body, "/////w==");
    }

    #[test]
    fn what_has_no_status_is_no_result() {
        assert!(read(r#"{"headers":{},"body":""}"#).unwrap_err().contains("status"));
        assert!(read(r#"{"status":"200"}"#).is_err());
        assert!(read(r#"{"status":200,"headers":{"a":["b"]}}"#).is_err());
    }
}
