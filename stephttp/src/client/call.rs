//! One call, with all its attempts.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Request, Response};
use serde::de::DeserializeOwned;
use url::Url;

use super::error::Credential;
use super::extras::Extras;
use super::retry::{self, Attempts};
use super::{ApiClient, ApiError, Inner, Patience};
use crate::connect::bare;
use crate::untrusted::{Joined, shown};
use crate::wire::{ApiErrorBody, headers};

pub(super) static SDK: HeaderName = HeaderName::from_static(headers::SDK);
static ENV: HeaderName = HeaderName::from_static(headers::ENV);

/// Bytes of an API answer, but for [`MEMO_BYTES`].
const ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes of a run's memoized steps.
const MEMO_BYTES: usize = 64 * 1024 * 1024;

/// What is asked of the API.
pub(super) struct Call<'a> {
    method: Method,
    url: &'a Url,
    body: Option<Bytes>,
    credential: Credential,
    extra: Option<(&'static HeaderName, HeaderValue)>,
    /// From middlewares.
    extras: Option<&'a Extras>,
    repeatable: bool,
}

impl<'a> Call<'a> {
    pub(super) fn get(url: &'a Url) -> Self {
        Self { method: Method::GET, body: None, ..Self::post(url, Bytes::new()) }
    }

    pub(super) fn post(url: &'a Url, body: Bytes) -> Self {
        let credential = Credential::SigningKey;
        Self {
            method: Method::POST,
            url,
            body: Some(body),
            credential,
            extra: None,
            extras: None,
            repeatable: true,
        }
    }

    /// Sent without the signing key: its address holds an event key, and may be at another host.
    pub(super) fn with_event_key(self) -> Self {
        Self { credential: Credential::EventKey, ..self }
    }

    pub(super) fn header(self, name: &'static HeaderName, value: HeaderValue) -> Self {
        Self { extra: Some((name, value)), ..self }
    }

    /// The SDK's own headers replace those of the same name.
    pub(super) fn extras(self, extras: Option<&'a Extras>) -> Self {
        Self { extras, ..self }
    }

    /// Whether it may have its effect twice. If not, it is tried again only when it surely has had
    /// none.
    pub(super) fn repeatable(self, repeatable: bool) -> Self {
        Self { repeatable, ..self }
    }

    fn has_effect(&self) -> bool {
        self.method != Method::GET
    }

    fn answer_bytes(&self) -> usize {
        if self.has_effect() { ANSWER_BYTES } else { MEMO_BYTES }
    }
}

impl ApiClient {
    /// Makes a call and reads its answer, a JSON text.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        patience: Patience,
    ) -> Result<T, ApiError> {
        self.call(call, patience, |answer| serde_json::from_slice(&answer).map_err(|error| error.to_string()))
            .await
    }

    /// Makes a call and reads its answer.
    pub(super) async fn call<T>(
        &self,
        call: Call<'_>,
        patience: Patience,
        read: impl Fn(Bytes) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        let mut attempts = Attempts::begin(patience, &self.inner.limits);
        let outcome = self.persist(&call, &mut attempts, read).await;
        if let Some(extras) = call.extras {
            extras.made(attempts.made());
        }
        outcome.map_err(|error| {
            let unclear = call.has_effect() && attempts.unclear();
            error.of_call(call.url, call.credential, attempts.made(), unclear)
        })
    }

    /// Attempts, until one succeeds, fails for good, or patience is at its end.
    async fn persist<T>(
        &self,
        call: &Call<'_>,
        attempts: &mut Attempts,
        read: impl Fn(Bytes) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        loop {
            let outcome = self.authenticated(call, attempts).await;
            if call.credential == Credential::SigningKey {
                self.note(outcome.as_ref().err());
            }
            let error = match outcome.map(&read) {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(garbage)) => attempts.garbled(&garbage),
                Err(error) => error,
            };
            let Some(delay) = attempts.wait_after(&error, call.repeatable) else { return Err(error) };
            tracing::debug!(error = error.report(), ?delay, "calling Inngest again");
            tokio::time::sleep(delay).await;
        }
    }

    /// One attempt; a second with the other key if the first key is refused.
    async fn authenticated(&self, call: &Call<'_>, attempts: &mut Attempts) -> Result<Bytes, ApiError> {
        if call.credential == Credential::EventKey {
            return self.attempt(call, None, attempts).await;
        }
        let keys = &self.inner.keys;
        let key = keys.current();
        let refused = match self.attempt(call, key.bearer, attempts).await {
            Err(error) if error.is(StatusCode::UNAUTHORIZED) => error,
            outcome => return outcome,
        };
        let Some(other) = keys.other_than(key) else { return Err(refused) };
        let outcome = self.attempt(call, other.bearer, attempts).await;
        // Whatever else it says: it has looked at the call.
        let taken = match &outcome {
            Ok(_) => true,
            Err(error) => {
                error.status().is_some_and(|status| !error.is_refused_key() && !status.is_server_error())
            }
        };
        if taken {
            keys.prefer(other);
        }
        outcome
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        bearer: Option<&HeaderValue>,
        attempts: &mut Attempts,
    ) -> Result<Bytes, ApiError> {
        let timeout = attempts.next();
        let mut request = self.request(call);
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let http = match call.credential {
            Credential::EventKey => &self.inner.event_http,
            Credential::SigningKey | Credential::RunToken => &self.inner.http,
        };
        let exchange = exchange(http.execute(request), call.answer_bytes());
        let outcome = tokio::time::timeout(timeout, exchange).await;
        let outcome = outcome.unwrap_or_else(|_| Err(ApiError::timed_out()));
        // At once: it is logged before the whole call has ended.
        let outcome = outcome.map_err(|error| error.at(call.url));
        if let Err(error) = &outcome {
            attempts.note(error);
        }
        outcome
    }

    /// A request without any key.
    fn request(&self, call: &Call<'_>) -> Request {
        let mut request = Request::new(call.method.clone(), call.url.clone());
        *request.body_mut() = call.body.clone().map(Into::into);
        let Inner { headers, headers_with_body, event_headers, .. } = &*self.inner;
        let own = match call.credential {
            Credential::EventKey => event_headers,
            _ if call.body.is_some() => headers_with_body,
            _ => headers,
        };
        let fields = request.headers_mut();
        match call.extras {
            None => fields.clone_from(own),
            Some(extras) => {
                fields.clone_from(extras.headers());
                for (name, value) in own {
                    // A middleware may want an answer in another form.
                    if *name != ACCEPT || !fields.contains_key(ACCEPT) {
                        fields.insert(name, value.clone());
                    }
                }
            }
        }
        if let Some((name, value)) = &call.extra {
            fields.insert(*name, value.clone());
        }
        request
    }

    /// Whether the last call found Inngest out of reach.
    pub(crate) fn is_failing(&self) -> bool {
        self.inner.failing.load(Ordering::Relaxed)
    }

    /// Logs that calls begin to fail, and that they succeed again.
    fn note(&self, error: Option<&ApiError>) {
        let inner = &*self.inner;
        match error {
            None if !inner.failing.load(Ordering::Relaxed) => {}
            None => {
                inner.failing.store(false, Ordering::Relaxed);
                tracing::info!(api = bare(inner.base.as_str()), "Inngest answers again");
            }
            Some(error) if error.is_outage() && !inner.failing.swap(true, Ordering::Relaxed) => {
                let error = error.report();
                tracing::warn!(
                    api = bare(inner.base.as_str()),
                    error,
                    "calls to Inngest fail; trying on. Does the server run, at this address?"
                );
            }
            Some(error) if error.is_refused_key() => {
                tracing::error!(
                    api = bare(inner.base.as_str()),
                    "Inngest does not accept the signing key: check INNGEST_SIGNING_KEY"
                );
            }
            Some(_) => {}
        }
    }
}

/// The headers of every call, and those of the [client](crate::connect::HttpClients::headers).
pub(super) fn headers(
    env: Option<&HeaderValue>,
    user_agent: Option<&HeaderValue>,
    has_body: bool,
    of_client: HeaderMap,
) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(&SDK, HeaderValue::from_static(headers::SDK_VALUE));
    if let Some(env) = env {
        fields.insert(&ENV, env.clone());
    }
    if let Some(user_agent) = user_agent {
        fields.insert(USER_AGENT, user_agent.clone());
    }
    if has_body {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    fields.extend(of_client);
    fields
}

/// An answer that is read to its end.
async fn exchange(
    response: impl Future<Output = Result<Response, reqwest::Error>>,
    answer_bytes: usize,
) -> Result<Bytes, ApiError> {
    let mut response = response.await.map_err(ApiError::broken)?;
    let mut answer = Joined::default();
    while let Some(data) = response.chunk().await.map_err(ApiError::broken)? {
        if answer.len() + data.len() > answer_bytes {
            return Err(ApiError::answer(format!("the answer has over {answer_bytes} bytes")));
        }
        answer.push(&data);
    }
    let (status, answer) = (response.status(), answer.join());
    if status.is_success() {
        return Ok(answer);
    }
    let retry_after = response.headers().get(RETRY_AFTER).filter(|_| retry::is_worth_retrying(status));
    let retry_after = retry_after.and_then(retry::parse_retry_after);
    Err(ApiError::refused(status, error_message(&answer), retry_after))
}

/// What an error answer says: its JSON's `error`, or its text.
fn error_message(answer: &[u8]) -> String {
    let message = match serde_json::from_slice::<ApiErrorBody>(answer) {
        Ok(body) if !body.error.is_empty() => body.error,
        _ => String::from_utf8_lossy(answer).trim().to_owned(),
    };
    shown(&message).to_string()
}
