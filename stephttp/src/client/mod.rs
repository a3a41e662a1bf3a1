//! The checkpoint API, as an app calls it.

mod error;
mod keys;
mod retry;

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde::de::DeserializeOwned;

pub(crate) use error::ApiError;
pub(crate) use keys::Keys;
pub(crate) use retry::Patience;

use crate::run::RunId;
use crate::wire::{ApiErrorBody, CheckpointRun, Envelope, headers};

/// Connections kept open to the API when nothing is sent.
const IDLE_CONNECTIONS: usize = 16;
/// Bytes of an API answer; the largest are a run's memoized steps.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Calls the checkpoint API: authenticates, retries, and reads the answers.
#[derive(Debug)]
pub(crate) struct ApiClient {
    http: reqwest::Client,
    base: Url,
    new_run: Url,
    keys: Keys,
}

impl ApiClient {
    /// # Errors
    /// When no TLS or DNS can be set up.
    pub(crate) fn new(base: Url, keys: Keys, env: Option<&HeaderValue>) -> Result<Self, reqwest::Error> {
        let mut defaults = HeaderMap::new();
        defaults.insert(headers::SDK, HeaderValue::from_static(headers::SDK_VALUE));
        if let Some(env) = env {
            defaults.insert(headers::ENV, env.clone());
        }
        let http = reqwest::Client::builder()
            .default_headers(defaults)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            // The key must not follow a redirect to another host, and the API does not redirect.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let new_run = at(&base, "v1/checkpoint");
        Ok(Self { http, base, new_run, keys })
    }

    /// Where a client reads the output of a run.
    pub(crate) fn output_url(&self, run_id: RunId, token: &str) -> Url {
        let mut url = at(&self.base, &format!("v1/http/runs/{run_id}/output"));
        url.query_pairs_mut().append_pair("token", token);
        url
    }

    /// `POST /v1/checkpoint` with a [`CheckpointNewRunRequest`](crate::wire::CheckpointNewRunRequest).
    pub(crate) async fn checkpoint_new_run(
        &self,
        body: Bytes,
        patience: Patience,
    ) -> Result<CheckpointRun, ApiError> {
        let answer = self.call(Method::POST, &self.new_run, Some(body), patience).await?;
        read::<Envelope<CheckpointRun>>(&answer).map(|envelope| envelope.data)
    }

    /// `POST /v1/checkpoint/{run_id}/steps` with a [`CheckpointStepsRequest`](crate::wire::CheckpointStepsRequest).
    pub(crate) async fn checkpoint_steps(
        &self,
        run_id: RunId,
        body: Bytes,
        patience: Patience,
    ) -> Result<(), ApiError> {
        let url = at(&self.base, &format!("v1/checkpoint/{run_id}/steps"));
        self.call(Method::POST, &url, Some(body), patience).await.map(drop)
    }

    /// `POST /v1/checkpoint/{run_id}/async` with a [`CheckpointAsyncRequest`](crate::wire::CheckpointAsyncRequest).
    pub(crate) async fn checkpoint_async(
        &self,
        run_id: RunId,
        body: Bytes,
        patience: Patience,
    ) -> Result<(), ApiError> {
        let url = at(&self.base, &format!("v1/checkpoint/{run_id}/async"));
        self.call(Method::POST, &url, Some(body), patience).await.map(drop)
    }

    /// `GET /v0/runs/{run_id}/actions`: the run's memoized steps, as JSON.
    pub(crate) async fn memoized_steps(&self, run_id: RunId, patience: Patience) -> Result<Bytes, ApiError> {
        let url = at(&self.base, &format!("v0/runs/{run_id}/actions"));
        self.call(Method::GET, &url, None, patience).await
    }

    async fn call(
        &self,
        method: Method,
        url: &Url,
        body: Option<Bytes>,
        patience: Patience,
    ) -> Result<Bytes, ApiError> {
        retry::retrying(patience, || self.authenticated(&method, url, body.as_ref(), patience)).await
    }

    /// One attempt; a second with the other key if the first key is refused.
    async fn authenticated(
        &self,
        method: &Method,
        url: &Url,
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
        url: &Url,
        body: Option<&Bytes>,
        bearer: Option<&HeaderValue>,
        patience: Patience,
    ) -> Result<Bytes, ApiError> {
        let mut request = reqwest::Request::new(method.clone(), url.clone());
        *request.timeout_mut() = Some(patience.attempt_timeout());
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
        }
        let response = self.http.execute(request).await.map_err(ApiError::unreachable)?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(retry::parse_retry_after);
        let length = response.content_length().unwrap_or_default();
        if length > ANSWER_BYTES as u64 {
            return Err(ApiError::Answer(format!("an answer of {length} bytes")));
        }
        let answer = response.bytes().await.map_err(ApiError::unreachable)?;
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
        _ => String::from_utf8_lossy(answer).chars().take(200).collect(),
    }
}
