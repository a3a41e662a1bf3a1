//! What a client gets.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::shared::Shared;
use crate::client::Answer;

/// A response of the app, read to its end.
///
/// Its methods panic where a test would fail anyway, and say what the response is.
#[derive(Clone)]
pub struct TestResponse {
    pub(super) answer: Answer,
    /// The run that the request has begun.
    pub(super) run_id: Option<String>,
    pub(super) shared: Arc<Shared>,
}

impl TestResponse {
    /// The status. It can be compared with a number: `assert_eq!(response.status(), 200)`.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// The value of a header, if it is there and a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.header(name)
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.answer.bytes()
    }

    /// The body as a text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        self.answer.text()
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// When it cannot be read as a `T`. The panic shows the response, which may be an error.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        self.answer.json()
    }
}

/// The request, and all of the response but its headers.
impl fmt::Debug for TestResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.answer, f)
    }
}
