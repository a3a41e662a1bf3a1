//! The checkpoint API, as an app calls it.

mod error;
mod events;
mod keys;
mod retry;
mod signals;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use url::Url;

pub(crate) use error::ApiError;
pub(crate) use events::{EventApi, SendEventsError};
pub(crate) use keys::Keys;
pub(crate) use retry::Patience;

use crate::run::RunId;
use crate::wire::{ApiErrorBody, Envelope, headers};

/// Connections kept open to the API when nothing is sent.
const IDLE_CONNECTIONS: usize = 64;
static SDK: HeaderName = HeaderName::from_static(headers::SDK);
static ENV: HeaderName = HeaderName::from_static(headers::ENV);
/// Bytes of an API answer; the largest are a run's memoized steps.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Calls the checkpoint API: authenticates, retries, and reads the answers.
#[derive(Debug)]
pub(crate) struct ApiClient {
    /// Not `reqwest`: its redirects, cookies and proxies cost as much as the rest of a call, for one known host.
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: Url,
    new_run: Uri,
    keys: Keys,
    env: Option<HeaderValue>,
    /// Where events go; `None` without an event key.
    events: Option<EventApi>,
    /// The last call failed: the outage has been logged.
    failing: AtomicBool,
}

impl ApiClient {
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(base: Url, keys: Keys, env: Option<HeaderValue>) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_secs(5)));
        // Named, since rustls does not choose where an application links several providers: it panics.
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(tls);
        let new_run = uri(&at(&base, "v1/checkpoint"));
        Ok(Self { http, base, new_run, keys, env, events: None, failing: AtomicBool::new(false) })
    }

    /// Adds where events are sent.
    pub(crate) fn with_event_api(mut self, events: Option<EventApi>) -> Self {
        self.events = events;
        self
    }

    /// Where a client reads the output of a run.
    pub(crate) fn output_url(&self, run_id: RunId, token: &str) -> Url {
        let mut url = at(&self.base, &format!("v1/http/runs/{run_id}/output"));
        url.query_pairs_mut().append_pair("token", token);
        url
    }

    /// `POST /v1/checkpoint` with a [`CheckpointNewRunRequest`](crate::wire::CheckpointNewRunRequest). `T` is what of the
    /// answer is needed: a [`CheckpointRun`](crate::wire::CheckpointRun), or nothing when the run has ended.
    pub(crate) async fn checkpoint_new_run<T: DeserializeOwned>(
        &self,
        body: Bytes,
        patience: Patience,
    ) -> Result<T, ApiError> {
        let answer = self.call(Method::POST, &self.new_run, Some(body), patience).await?;
        read::<Envelope<T>>(&answer).map(|envelope| envelope.data)
    }

    /// `POST /v1/checkpoint/{run_id}/steps` with a [`CheckpointStepsRequest`](crate::wire::CheckpointStepsRequest).
    pub(crate) async fn checkpoint_steps(
        &self,
        run_id: RunId,
        body: Bytes,
        patience: Patience,
    ) -> Result<(), ApiError> {
        let url = uri(&at(&self.base, &format!("v1/checkpoint/{run_id}/steps")));
        self.call(Method::POST, &url, Some(body), patience).await.map(drop)
    }

    /// `POST /v1/checkpoint/{run_id}/async` with a [`CheckpointAsyncRequest`](crate::wire::CheckpointAsyncRequest).
    pub(crate) async fn checkpoint_async(
        &self,
        run_id: RunId,
        body: Bytes,
        patience: Patience,
    ) -> Result<(), ApiError> {
        let url = uri(&at(&self.base, &format!("v1/checkpoint/{run_id}/async")));
        self.call(Method::POST, &url, Some(body), patience).await.map(drop)
    }

    /// `GET /v0/runs/{run_id}/actions`: the run's memoized steps, as JSON.
    pub(crate) async fn memoized_steps(&self, run_id: RunId, patience: Patience) -> Result<Bytes, ApiError> {
        let url = uri(&at(&self.base, &format!("v0/runs/{run_id}/actions")));
        self.call(Method::GET, &url, None, patience).await
    }

    async fn call(
        &self,
        method: Method,
        url: &Uri,
        body: Option<Bytes>,
        patience: Patience,
    ) -> Result<Bytes, ApiError> {
        let attempt = async || {
            let outcome = self.authenticated(&method, url, body.as_ref(), patience).await;
            self.note(outcome.as_ref().err());
            outcome
        };
        retry::retrying(patience, attempt).await
    }

    /// Logs that calls begin to fail, and that they succeed again.
    fn note(&self, error: Option<&ApiError>) {
        match error {
            None if !self.failing.load(Ordering::Relaxed) => {}
            None => {
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!(api = %self.base, "Inngest answers again");
            }
            Some(error) if error.is_outage() && !self.failing.swap(true, Ordering::Relaxed) => {
                let error = error.report();
                tracing::warn!(api = %self.base, error, "calls to Inngest fail; trying on. Does the server run, at this address?");
            }
            Some(error) if error.is_refused_key() => {
                tracing::error!(api = %self.base, "Inngest does not accept the signing key: check INNGEST_SIGNING_KEY");
            }
            Some(_) => {}
        }
    }

    /// One attempt; a second with the other key if the first key is refused.
    async fn authenticated(
        &self,
        method: &Method,
        url: &Uri,
        body: Option<&Bytes>,
        patience: Patience,
    ) -> Result<Bytes, ApiError> {
        let key = self.keys.current();
        match self.attempt(method, url, body, key.bearer, patience).await {
            Err(ApiError::Status { status: StatusCode::UNAUTHORIZED, message }) => {
                match self.keys.after_refusal(key) {
                    Some(other) => self.attempt(method, url, body, other.bearer, patience).await,
                    None => Err(ApiError::Status { status: StatusCode::UNAUTHORIZED, message }),
                }
            }
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        url: &Uri,
        body: Option<&Bytes>,
        bearer: Option<&HeaderValue>,
        patience: Patience,
    ) -> Result<Bytes, ApiError> {
        let mut request = self.request(method, url, body);
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        self.exchange(request, patience).await
    }

    /// A request without any key.
    fn request(&self, method: &Method, url: &Uri, body: Option<&Bytes>) -> Request<Full<Bytes>> {
        let mut request = Request::new(body.cloned().map(Full::new).unwrap_or_default());
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.clone();
        let fields = request.headers_mut();
        fields.insert(&SDK, HeaderValue::from_static(headers::SDK_VALUE));
        if let Some(env) = &self.env {
            fields.insert(&ENV, env.clone());
        }
        if body.is_some() {
            fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, patience: Patience) -> Result<Bytes, ApiError> {
        let exchange = async {
            let (head, body) = self.http.request(request).await.map_err(ApiError::unreachable)?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(ApiError::unreachable)?;
            Ok((head, body.to_bytes()))
        };
        let (head, answer) = tokio::time::timeout(patience.attempt_timeout(), exchange)
            .await
            .map_err(ApiError::unreachable)??;
        let status = head.status;
        let retry_after = head.headers.get(RETRY_AFTER).and_then(retry::parse_retry_after);
        if status.is_success() {
            return Ok(answer);
        }
        let message = error_message(&answer);
        match retry_after {
            Some(delay) if retry::is_worth_retrying(status) => {
                Err(ApiError::RetryAfter { status, message, delay })
            }
            _ => Err(ApiError::Status { status, message }),
        }
    }
}

/// What the `url` crate makes is an absolute URI.
fn uri(url: &Url) -> Uri {
    Uri::try_from(url.as_str()).unwrap_or_default()
}

/// A path below the base, which may have a path of its own.
fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(answer).map_err(|error| ApiError::Answer(error.to_string()))
}

/// What an error answer says: its JSON's `error`, or its text.
fn error_message(answer: &[u8]) -> String {
    match serde_json::from_slice::<ApiErrorBody>(answer) {
        Ok(body) if !body.error.is_empty() => body.error,
        _ => String::from_utf8_lossy(answer).trim().chars().take(200).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::CheckpointRun;

    #[tokio::test]
    async fn an_https_server_that_breaks_off_is_unreachable() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("https://{}/below", listener.local_addr().unwrap());
        let client = ApiClient::new(base.parse().unwrap(), Keys::default(), None).unwrap();
        let call = client.checkpoint_new_run::<CheckpointRun>(Bytes::from_static(b"{}"), Patience::Once);
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap()
        };
        let (outcome, hello) = tokio::join!(call, server);
        // A TLS handshake, not a request in the clear.
        assert_eq!(hello, 0x16);
        assert!(matches!(outcome, Err(ApiError::Unreachable(_))), "{outcome:?}");
    }

    #[test]
    fn paths_go_below_the_base_and_tokens_are_escaped() {
        let client = |base: &str| ApiClient::new(base.parse().unwrap(), Keys::default(), None).unwrap();
        assert_eq!(client("http://a").new_run, "http://a/v1/checkpoint");
        assert_eq!(client("https://a:1/b/").new_run, "https://a:1/b/v1/checkpoint");
        let run_id = "01M817NZCZ3BTTPY1FEX7T2M4B".parse().unwrap();
        assert_eq!(
            client("http://a").output_url(run_id, "x&y=z").as_str(),
            "http://a/v1/http/runs/01M817NZCZ3BTTPY1FEX7T2M4B/output?token=x%26y%3Dz"
        );
    }
}
