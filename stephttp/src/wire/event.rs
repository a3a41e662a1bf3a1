//! Events: the one that starts a run, and how others are sent.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

use super::answers;

/// The event's name. With any other, the server restores neither body nor query nor content type on
/// a re-entry.
pub const HTTP_REQUEST_EVENT: &str = "inngest/http.request";

/// The event that stands for the first request.
///
/// ```json
/// {"name": "inngest/http.request", "data": {"domain": "https://api.example.com", "method": "POST", …}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HttpRequestEvent<'a> {
    /// [`HTTP_REQUEST_EVENT`].
    pub name: Cow<'a, str>,
    /// The request.
    pub data: NewApiRunData<'a>,
}

/// The first request, as Inngest repeats it on every re-entry: method, path, query, content type
/// and body, and nothing else.
///
/// ```
/// use inngest::wire::NewApiRunData;
///
/// let data = NewApiRunData::new("https://api.example.com", "POST", "/orders")
///     .function("create-order")
///     .query_params("a=1&b=2")
///     .content_type("application/json")
///     .body(br#"{"b":1}"#);
/// assert_eq!(data.body, "eyJiIjoxfQ==");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
#[doc(alias = "NewAPIRunData")]
pub struct NewApiRunData<'a> {
    /// The app's origin, such as `https://api.example.com`. Re-entries go here; it is the app's
    /// identity as well.
    pub domain: Cow<'a, str>,
    /// The method.
    pub method: Cow<'a, str>,
    /// The path, without the query.
    pub path: Cow<'a, str>,
    /// The function's id. Empty stands for `"<METHOD> <path>"`.
    #[serde(rename = "fn")]
    pub function: Cow<'a, str>,
    /// The client's address, for viewing; empty when unknown.
    pub ip: Cow<'a, str>,
    /// The request's content type.
    ///
    /// The layer records [`NO_CONTENT_TYPE`](super::headers::NO_CONTENT_TYPE),
    /// `application/vnd.stephttp.none`, for a request that had none, and
    /// [`EMPTY_CONTENT_TYPE`](super::headers::EMPTY_CONTENT_TYPE) for one with an empty
    /// `Content-Type`. An empty text stands for `application/json` on a re-entry.
    pub content_type: Cow<'a, str>,
    /// The query as it was sent, without the `?`.
    pub query_params: Cow<'a, str>,
    /// The body as standard, padded base64. Anything else is refused with 400.
    #[serde(deserialize_with = "text_or_null")]
    pub body: Cow<'a, str>,
}

impl<'a> HttpRequestEvent<'a> {
    /// The event of a request.
    #[must_use]
    pub fn new(data: NewApiRunData<'a>) -> Self {
        Self { name: HTTP_REQUEST_EVENT.into(), data }
    }
}

impl<'a> NewApiRunData<'a> {
    /// A request to an app's origin, such as `https://api.example.com`: a method, and a path
    /// without its query.
    pub fn new(
        domain: impl Into<Cow<'a, str>>,
        method: impl Into<Cow<'a, str>>,
        path: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self { domain: domain.into(), method: method.into(), path: path.into(), ..Self::default() }
    }

    /// Sets the function's id. Set it when the path holds ids: each path would be a function of its
    /// own.
    #[must_use]
    pub fn function(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.function = id.into();
        self
    }

    /// Sets the client's address.
    #[must_use]
    pub fn ip(mut self, ip: impl Into<Cow<'a, str>>) -> Self {
        self.ip = ip.into();
        self
    }

    /// Sets the request's content type. Unless set, it is `application/json` on a re-entry.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<Cow<'a, str>>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Sets the query as it was sent, without the `?`.
    #[must_use]
    pub fn query_params(mut self, query: impl Into<Cow<'a, str>>) -> Self {
        self.query_params = query.into();
        self
    }

    /// Sets the body: any bytes.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = STANDARD.encode(body).into();
        self
    }

    /// The body's bytes; `None` when it is not base64.
    #[must_use]
    pub fn decode_body(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.body.as_bytes()).ok()
    }
}

/// `null` for an empty text.
fn text_or_null<'de, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'a, str>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default().into())
}

/// What `POST /e/{event key}` answers: `{"ids":["01M817P4EZD096Q73BVXH8CCEH"],"status":200}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SentEvents {
    /// The events' ids, in the order in which they were sent.
    #[serde(deserialize_with = "answers::ids")]
    pub ids: Vec<String>,
}

/// The value of [`EVENT_ID_SEED`](super::headers::EVENT_ID_SEED):
/// `<milliseconds>,<base64 of 10 bytes>`.
///
/// The server makes the ids of a call's events from it: ULIDs of this time and entropy, the event's
/// number (from 1) added to the entropy's last four bytes. It takes an id once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventIdSeed {
    /// Milliseconds since the Unix epoch; more than 0.
    pub millis: u64,
    /// What tells this call from others of the same millisecond.
    pub entropy: [u8; 10],
}

impl EventIdSeed {
    /// A seed of this time and entropy.
    #[must_use]
    pub const fn new(millis: u64, entropy: [u8; 10]) -> Self {
        Self { millis, entropy }
    }
}

impl fmt::Display for EventIdSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.millis, STANDARD.encode(self.entropy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_written_as_the_server_documents_it() {
        // "1743130137367,eii2YKXRVTJPuA==", the example in the server's pkg/event/id.go
        let entropy = [0x7a, 0x28, 0xb6, 0x60, 0xa5, 0xd1, 0x55, 0x32, 0x4f, 0xb8];
        let seed = EventIdSeed { millis: 1_743_130_137_367, entropy };
        assert_eq!(seed.to_string(), "1743130137367,eii2YKXRVTJPuA==");
    }

    #[test]
    fn a_body_is_any_bytes_and_null_is_none() {
        let data = NewApiRunData::new("http://a", "POST", "/").body(&[0, 0xff, 7]);
        let json = serde_json::to_string(&data).unwrap();
        assert_eq!(
            serde_json::from_str::<NewApiRunData<'_>>(&json).unwrap().decode_body().unwrap(),
            [0, 0xff, 7]
        );
        let null: NewApiRunData<'_> = serde_json::from_str(r#"{"domain":"http://a","body":null}"#).unwrap();
        assert_eq!((null.decode_body().unwrap(), null.method.as_ref()), (Vec::new(), ""));
        let plain: NewApiRunData<'_> = serde_json::from_str(r#"{"body":"{}"}"#).unwrap();
        assert_eq!(plain.decode_body(), None);
    }
}
