//! The client of an app that is tested: what it receives, and how it waits for a run's output.

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use crate::text::explain;

/// How soon an output that is not there yet is asked for again.
const AGAIN: Duration = Duration::from_millis(20);

/// The header that a run's own response has at both output routes.
const RUN_ID: &str = "x-run-id";

/// Shared by all tests of a process.
static HTTP: OnceLock<reqwest::Client> = OnceLock::new();

/// A client that follows no redirect and keeps no connection: one may belong to a process that has
/// died.
pub(crate) fn http() -> io::Result<reqwest::Client> {
    if let Some(client) = HTTP.get() {
        return Ok(client.clone());
    }
    let builder = reqwest::Client::builder().redirect(Policy::none()).no_proxy().pool_max_idle_per_host(0);
    // It never leaves the machine, and the platform's roots take long to read.
    #[cfg(feature = "rustls")]
    let builder = builder.tls_certs_only([]);
    let made = builder.build().map_err(|error| io::Error::other(explain(&error)))?;
    Ok(HTTP.get_or_init(|| made).clone())
}

/// What a client has received, read to its end.
///
/// Its methods panic where a test would fail anyway, and say what the response is.
#[derive(Clone)]
pub struct Answer {
    /// The request, such as `POST /orders`.
    request: String,
    /// Where it was read; `None` if the engine has told of it.
    url: Option<Url>,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn new(
        request: &str,
        url: Option<Url>,
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    ) -> Self {
        Self { request: request.to_owned(), url, status, headers, body }
    }

    /// Reads a response to its end; the error says why it broke off.
    pub(crate) async fn read(request: &str, response: Response) -> Result<Self, String> {
        let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| explain(&error))?;
        Ok(Self::new(request, Some(url), status, headers, body))
    }

    /// The status. It can be compared with a number: `assert_eq!(answer.status(), 200)`.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of a header, if it is there and a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as a text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(error) => panic!("the body is no text: {error}. It is of {self:?}"),
        }
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// When it cannot be read as a `T`. The panic shows the response, which may be an error.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => {
                panic!("the body is no `{}`: {error}. It is of {self:?}", std::any::type_name::<T>())
            }
        }
    }

    pub(crate) fn request(&self) -> &str {
        &self.request
    }

    /// Where it was read, if a client has read it.
    pub(crate) fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// Where it sends its client.
    pub(crate) fn location(&self) -> Option<Url> {
        self.url.as_ref()?.join(self.headers.get(LOCATION)?.to_str().ok()?).ok()
    }
}

/// The status and the body.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.status.as_u16(), String::from_utf8_lossy(&self.body))
    }
}

/// The request, and all of the answer but its headers.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "the answer to {}: {} {body}", self.request, self.status)
    }
}

/// Waits for a run's output as a client does: it goes where it is `led`, and asks again when the
/// route has nothing yet, or the process that it waited at has died. Asking again cannot do harm.
/// The error says why the connection broke more than `failures` times.
pub(crate) async fn output(
    request: &str,
    mut url: Url,
    failures: usize,
    ask: impl Fn(Url) -> RequestBuilder,
    led: impl Fn(&Answer) -> Option<Url>,
) -> Result<Answer, String> {
    let mut failed = 0;
    loop {
        let answer = match ask(url.clone()).send().await {
            Ok(response) => Answer::read(request, response).await,
            Err(error) => Err(explain(&error)),
        };
        match answer {
            Ok(answer) if answer.headers.contains_key(RUN_ID) => return Ok(answer),
            // Everything else is the route's own answer.
            Ok(answer) => match led(&answer) {
                Some(next) => url = next,
                None if matches!(answer.status, StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE) => {}
                None => return Ok(answer),
            },
            Err(_) if failed < failures => failed += 1,
            Err(why) => return Err(why),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
