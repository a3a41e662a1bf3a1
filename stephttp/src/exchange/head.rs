//! What of a request's head Inngest repeats on every re-entry.

use std::borrow::Cow;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath, OriginalUri};
use http::header::{CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::RecordedMethod;
use crate::wire::headers;

// Looked up in every request: a name made beforehand needs no parsing.
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
static RUN_ID: HeaderName = HeaderName::from_static(headers::RUN_ID);
static SIGNATURE: HeaderName = HeaderName::from_static(headers::SIGNATURE);
static PREFER: HeaderName = HeaderName::from_static("prefer");

/// Taken when a `Step` is extracted, or before that, where functions without a `Step` are recorded.
/// All of it is reference-counted: nothing is copied until a run is reported.
#[derive(Debug, Clone)]
pub(crate) struct RequestHead {
    method: Method,
    recorded_method: RecordedMethod,
    uri: Uri,
    matched_path: Option<MatchedPath>,
    host: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    forwarded_for: Option<HeaderValue>,
    real_ip: Option<HeaderValue>,
    peer: Option<SocketAddr>,
    prefers_async: bool,
}

impl RequestHead {
    /// The head of a request that has been [looked at](RecordedMethod::of).
    pub(crate) fn new(parts: &Parts, recorded_method: RecordedMethod) -> Self {
        // A nested router strips its prefix from the URI that its handlers see.
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let header = |name: &HeaderName| parts.headers.get(name).cloned();
        Self {
            method: parts.method.clone(),
            recorded_method,
            uri: uri.clone(),
            matched_path: parts.extensions.get().cloned(),
            host: parts.headers.get(HOST).cloned(),
            content_type: parts.headers.get(CONTENT_TYPE).cloned(),
            forwarded_for: header(&FORWARDED_FOR),
            real_ip: header(&REAL_IP),
            peer: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0),
            prefers_async: parts.headers.get_all(&PREFER).iter().any(asks_for_async),
        }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The method that Inngest calls back with.
    pub(crate) fn recorded_method(&self) -> RecordedMethod {
        self.recorded_method
    }

    pub(crate) fn matched_path(&self) -> Option<&MatchedPath> {
        self.matched_path.as_ref()
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The content type as it is recorded, which [`restore_content_type`] turns back.
    pub(crate) fn content_type(&self) -> Cow<'_, str> {
        match &self.content_type {
            None => Cow::Borrowed(headers::NO_CONTENT_TYPE),
            Some(value) if value.is_empty() => Cow::Borrowed(headers::EMPTY_CONTENT_TYPE),
            Some(value) => text(Some(value)),
        }
    }

    /// Whether the client would rather not wait for the result: `Prefer: respond-async`.
    pub(crate) fn prefers_async(&self) -> bool {
        self.prefers_async
    }

    /// The host that the client asked for. Only dev mode goes by it.
    pub(crate) fn host(&self) -> Option<&str> {
        let authority = self.uri.authority().map(http::uri::Authority::as_str);
        authority.or_else(|| self.host.as_ref()?.to_str().ok()).filter(|host| !host.is_empty())
    }

    /// The client's address as far as it can be known, for viewing only: a client may claim any.
    pub(crate) fn ip(&self) -> Cow<'_, str> {
        let forwarded = text(self.forwarded_for.as_ref());
        if !forwarded.is_empty() {
            let first = forwarded.split(',').next().unwrap_or_default().trim();
            return Cow::Owned(address(first));
        }
        match (&self.real_ip, self.peer) {
            (Some(ip), _) => Cow::Owned(address(&text(Some(ip)))),
            (None, Some(peer)) => Cow::Owned(peer.ip().to_string()),
            (None, None) => Cow::Borrowed(""),
        }
    }
}

/// As much of a text as an address can have, with a zone and a port.
fn address(text: &str) -> String {
    text.chars().take(100).collect()
}

/// RFC 7240: preferences are separated by commas, and may have parameters.
fn asks_for_async(value: &HeaderValue) -> bool {
    let is_async = |preference: &[u8]| {
        let name = preference.split(|byte| *byte == b';').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"respond-async")
    };
    value.as_bytes().split(|byte| *byte == b',').any(is_async)
}

/// Headers are nearly always text; what is not is kept as far as it goes.
fn text(value: Option<&HeaderValue>) -> Cow<'_, str> {
    value.map_or(Cow::Borrowed(""), |value| String::from_utf8_lossy(value.as_bytes()))
}

/// Whether a request looks like Inngest's call back: both headers are there, even if the signature
/// is empty.
pub(crate) fn is_reentry(headers: &HeaderMap) -> bool {
    headers.contains_key(&RUN_ID) && headers.contains_key(&SIGNATURE)
}

/// Makes a re-entry's content type that of the first request, for which Inngest could not keep that
/// there was none.
pub(crate) fn restore_content_type(map: &mut HeaderMap) {
    let Some(value) = map.get(CONTENT_TYPE) else { return };
    if value == headers::NO_CONTENT_TYPE {
        map.remove(CONTENT_TYPE);
    } else if value == headers::EMPTY_CONTENT_TYPE {
        map.insert(CONTENT_TYPE, HeaderValue::from_static(""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_told_from_their_neighbours() {
        for (value, wanted) in [
            ("respond-async", true),
            ("wait=10, Respond-Async ; a=b", true),
            ("respond-async-ish, wait", false),
            ("x=\"respond-async\"", false),
            ("", false),
        ] {
            assert_eq!(asks_for_async(&HeaderValue::from_static(value)), wanted, "{value}");
        }
    }
}
