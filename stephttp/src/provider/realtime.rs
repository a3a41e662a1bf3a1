//! Messages that are published outside of steps, and tokens for those who listen.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use serde::Serialize;
use tokio::time::Instant;

use crate::app::App;
use crate::client::{ApiError, Extras, Message, Patience, PublishInClear, SubscriptionToken};
use crate::middleware::PublishContext;
use crate::wire::realtime::Topic;

/// Publishes messages outside of steps, and gives tokens to listen to them:
/// [`Provider::realtime`](crate::Provider::realtime) gives it.
///
/// ```
/// use axum::Json;
/// use axum::extract::{Path, State};
/// use inngest::client::ApiError;
/// use inngest::Provider;
/// use serde_json::{Value, json};
///
/// /// Where a page asks, for somebody who may see the order, where to listen.
/// async fn listen(State(inngest): State<Provider>, Path(order): Path<String>) -> Json<Value> {
///     let token = inngest.realtime().token(format!("orders/{order}"), ["status"]).await;
///     // new EventSource(url).onmessage = ({ data }) => show(JSON.parse(data).data)
///     Json(json!({ "url": token.ok().map(|token| token.url().to_owned()) }))
/// }
///
/// async fn shipped(inngest: &Provider, order: &str) -> Result<(), ApiError> {
///     inngest.realtime().publish(format!("orders/{order}"), "status", json!({ "shipped": true })).await
/// }
/// ```
///
/// In a handler with steps, publish with [`Step::publish`](crate::Step::publish): what is published
/// here is published anew in each re-entry. Within a step's code it is right: each attempt tells
/// how far it is.
///
/// Calls are made with the signing key, and tried again as [those of the
/// client](crate::client::ApiClient#retries). A middleware sees each that publishes, as
/// [`after_publish`](crate::middleware::Middleware::after_publish). The call is not in
/// [`in_flight`](crate::Provider::in_flight): who awaits it waits for it.
///
/// Clones are the same.
#[derive(Clone)]
pub struct Realtime {
    app: Arc<App>,
}

impl Realtime {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Publishes a message to a topic of a channel, for those who listen to it now; see
    /// [`Step::publish`](crate::Step::publish). When an answer is lost on its way, it is published
    /// twice.
    ///
    /// # Errors
    /// An [`ApiError`] of the kind [`Request`](crate::client::ApiErrorKind::Request), and no call,
    /// when the message makes no sense (an empty name, a topic that begins with `$`, data that
    /// cannot be written as JSON or has over 512 KiB so), and when a middleware
    /// [seals](crate::middleware::Middleware::seals) what runs hold and the app does not
    /// [say](crate::SetupOpts::stream_in_clear) that a message may be in clear. Of another kind
    /// when the API refuses it, or cannot be reached in any attempt; after an [unclear
    /// outcome](ApiError::is_outcome_unclear) it may have been published.
    ///
    /// # Cancellation
    /// Dropping the future may leave the message published or not.
    pub async fn publish(
        &self,
        channel: impl Into<String>,
        topic: impl Into<String>,
        data: impl Serialize,
    ) -> Result<(), ApiError> {
        let message = Message::new(channel.into(), topic.into(), &data);
        // Not held over the call: it need not be `Send`.
        drop(data);
        let (began, extras) = (Instant::now(), Extras::new(HeaderMap::new()));
        let outcome = match message {
            Err(fault) => Err(ApiError::request(fault.to_string())),
            Ok(_) if !self.app.sends_in_clear() => Err(ApiError::request(PublishInClear.to_string())),
            Ok(message) => self.app.client().publish(message, None, Patience::AsSetUp, Some(&extras)).await,
        };
        let middleware = self.app.middleware();
        if !middleware.is_empty() {
            let published = PublishContext::new(extras.attempts(), began.elapsed());
            middleware.after_publish(&published, outcome.as_ref().map(drop)).await;
        }
        outcome
    }

    /// A token by which a client of the app, a browser say, listens to topics of a channel at
    /// Inngest, by server-sent events.
    ///
    /// It is valid for a minute, for as many connections as are made then. A connection lasts up to
    /// 15 minutes, also when the token is not valid any more: a client that goes on asks the app
    /// for another. It hears what is published while it is connected, and not what was before. It
    /// cannot publish.
    ///
    /// <div class="warning">
    ///
    /// **On a self-hosted server, who has any such token can get all others.** Inngest's own server
    /// takes a token in the signing key's place when it is asked for tokens of other topics: who
    /// has one can listen to every channel, and to every run's [stream](crate::Live), whose name or
    /// id they know. There, give tokens only to clients that may hear everything, and pass on to
    /// others yourself what they may hear.
    ///
    /// </div>
    ///
    /// # Errors
    /// An [`ApiError`] of the kind [`Request`](crate::client::ApiErrorKind::Request), and no call,
    /// when the channel's or a topic's name is empty, or there is no topic. Of another kind when
    /// the API refuses, or cannot be reached in any attempt.
    ///
    /// # Cancellation
    /// The call has no effect, so it can be dropped at any time.
    #[doc(alias = "getSubscriptionToken")]
    pub async fn token<T: Into<String>>(
        &self,
        channel: impl Into<String>,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<SubscriptionToken, ApiError> {
        let channel = channel.into();
        if channel.is_empty() {
            return Err(ApiError::request("the name of the channel to listen to is empty"));
        }
        let topics: Vec<_> = topics.into_iter().map(|topic| Topic::new(&*channel, topic.into())).collect();
        if topics.is_empty() {
            return Err(ApiError::request("there are no topics to listen to"));
        }
        if topics.iter().any(|topic| topic.name.is_empty()) {
            return Err(ApiError::request("the name of a topic to listen to is empty"));
        }
        self.app.client().subscription_token(&topics).await
    }
}

impl fmt::Debug for Realtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Realtime").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::post;
    use http::Request;
    use http_body_util::BodyExt;
    use tower_service::Service;

    use crate::client::ApiErrorKind;
    use crate::middleware::Middleware;
    use crate::{Provider, SetupOpts, Step};

    struct Seals;

    impl Middleware for Seals {
        fn seals(&self) -> bool {
            true
        }
    }

    // Without the attribute, so that setting up does not know that it publishes.
    async fn publishes(step: Step) -> String {
        let error = step.publish("tell", "channel", "topic", "secret").await.unwrap_err();
        format!("{}: {}", error.name(), error.message())
    }

    #[tokio::test]
    async fn beside_a_middleware_that_seals_nothing_is_published_in_clear() {
        let provider =
            Provider::setup(SetupOpts::default().dev_server("http://127.0.0.1:1").middleware(Seals));
        let provider = provider.unwrap();
        let error = provider.realtime().publish("channel", "topic", "secret").await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Request, 0));
        assert!(error.message().contains("SetupOpts::stream_in_clear"), "{error}");

        let mut app = Router::new().route("/", post(publishes)).layer(provider.layer());
        let response = app.call(Request::post("/").body(Body::empty()).unwrap()).await.unwrap();
        let said = response.into_body().collect().await.unwrap().to_bytes();
        let said = String::from_utf8_lossy(&said);
        assert!(
            said.starts_with("PublishInClear: ") && said.contains("SetupOpts::stream_in_clear"),
            "{said}"
        );
    }
}
