//! Inngest's realtime API: parts of a run's stream, subscriptions to it, and tokens
//! (docs/protocol.md, "Realtime").

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use reqwest::Request;

use super::call::{Call, SDK};
use super::error::Credential;
use super::{ApiClient, ApiError, OutputBody, Patience, SubscriptionToken, at};
use crate::wire::RunId;
use crate::wire::headers;
use crate::wire::realtime::{EVENT_STREAM, RealtimeToken, Topic};

/// Inngest says that a subscription stands before it sends anything.
const SUBSCRIBING: Duration = Duration::from_secs(5);

impl ApiClient {
    /// Publishes a part of a run's stream, as it comes. The answer is there when Inngest has taken
    /// all of it. It is not made again: what has arrived of it is not known.
    pub(crate) async fn publish_part<B>(&self, run_id: RunId, part: B) -> Result<(), ApiError>
    where
        B: HttpBody<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut url = at(&self.inner.base, "v1/realtime/publish/tee");
        url.query_pairs_mut().append_pair("channel", &run_id.to_string());
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = self.inner.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if let Some(bearer) = self.inner.keys.current().bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        *request.body_mut() = Some(reqwest::Body::wrap(part));
        let of_call = |error: ApiError| error.of_call(&url, Credential::SigningKey, 1, true);
        let response = self
            .inner
            .output_http
            .execute(request)
            .await
            .map_err(|error| of_call(ApiError::broken(error)))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(of_call(ApiError::refused(status, String::new(), None))),
        }
    }

    /// Subscribes to a run's stream. What is published after the answer is in its body.
    ///
    /// The token is all that is shown: it is a client's.
    ///
    /// # Cancellation
    /// Dropping the future, or the body, ends the subscription.
    pub(crate) async fn subscribe(&self, token: &str) -> Result<OutputBody, ApiError> {
        let url = self.subscription_url(token);
        let mut request = Request::new(Method::GET, url.clone());
        let fields = request.headers_mut();
        fields.insert(&SDK, HeaderValue::from_static(headers::SDK_VALUE));
        fields.insert(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
        let of_call = move |error: ApiError| error.of_call(&url, Credential::RunToken, 1, false);
        let response = tokio::time::timeout(SUBSCRIBING, self.inner.output_http.execute(request)).await;
        let response: http::Response<reqwest::Body> = match response {
            Ok(Ok(response)) => response.into(),
            Ok(Err(error)) => return Err(of_call(ApiError::broken(error))),
            Err(_) => return Err(of_call(ApiError::timed_out())),
        };
        if response.status() != StatusCode::OK {
            return Err(of_call(ApiError::refused(response.status(), String::new(), None)));
        }
        Ok(response.into_body().map_err(move |error| of_call(ApiError::broken(error))).boxed_unsync())
    }

    /// Where a run's stream can be subscribed to with a token.
    pub(crate) fn subscription_url(&self, token: &str) -> url::Url {
        let mut url = at(&self.inner.base, "v1/realtime/sse");
        url.query_pairs_mut().append_pair("token", token);
        url
    }

    /// A token for subscribing to a run's stream, which is valid for a minute.
    pub(crate) async fn stream_token(&self, run_id: RunId) -> Result<String, ApiError> {
        self.token_of(&[Topic::stream_of(run_id.to_string())], Patience::Waited).await
    }

    /// A token for a client of the app, which is valid for a minute.
    pub(crate) async fn subscription_token(
        &self,
        topics: &[Topic<'_>],
    ) -> Result<SubscriptionToken, ApiError> {
        let token = self.token_of(topics, Patience::AsSetUp).await?;
        let url = self.subscription_url(&token).into();
        Ok(SubscriptionToken::new(token, url))
    }

    async fn token_of(&self, topics: &[Topic<'_>], patience: Patience) -> Result<String, ApiError> {
        let url = at(&self.inner.base, "v1/realtime/token");
        let body = serde_json::to_vec(topics).map_err(|error| ApiError::request(error.to_string()))?;
        let token: RealtimeToken = self.read(Call::post(&url, body.into()), patience).await?;
        Ok(token.jwt)
    }
}
