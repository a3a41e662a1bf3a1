//! What the client of a story receives.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use reqwest::{Response, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::text::explain;

/// What a story's client has received in the end.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// Where it was read, if that is the output of a run.
    output: Option<Url>,
}

impl Answer {
    pub(super) async fn read(response: Response) -> Result<Self, String> {
        let output = Some(response.url().clone()).filter(is_output);
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| explain(&error))?;
        Ok(Self { status, headers, body, output })
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// When it is none, or of another shape.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the answer {} {} cannot be read: {error}", self.status, self.text()),
        }
    }

    /// Where it was read, if that is the output of a run.
    pub(super) fn output(&self) -> Option<&Url> {
        self.output.as_ref()
    }

    /// Whether it is a stream of server-sent events.
    pub(super) fn is_stream(&self) -> bool {
        self.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
    }

    /// The body as JSON, without the values at these pointers; the text, if it is no JSON.
    pub(super) fn without(&self, pointers: &[String]) -> Value {
        let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) else {
            return Value::from(self.text());
        };
        for pointer in pointers {
            if let Some(value) = body.pointer_mut(pointer) {
                *value = Value::Null;
            }
        }
        body
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.status.as_u16(), self.text())
    }
}

/// `/v1/http/runs/{run}/output`, or `/runs/{run}/output`.
pub(super) fn is_output(url: &Url) -> bool {
    url.path().contains("/runs/") && url.path().ends_with("/output")
}
