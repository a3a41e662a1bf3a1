//! `POST /e/{event key}`: sending events.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use url::Url;

use super::call::Call;
use super::extras::Extras;
use super::{ApiClient, ApiError, Patience};
use crate::wire::{EventIdSeed, SentEvents, headers};

static EVENT_ID_SEED: HeaderName = HeaderName::from_static(headers::EVENT_ID_SEED);

/// Where events are sent. The address holds the event key, so it is never shown.
#[derive(Clone)]
pub(crate) struct EventApi(Url);

/// Why events were not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendEventsError {
    /// No key was set up.
    #[error(
        "events cannot be sent without an event key: set INNGEST_EVENT_KEY (or SetupOpts::event_key) to the key that \
         Inngest shows under \"Event keys\""
    )]
    NoKey,
    /// The API did not take them.
    #[error(transparent)]
    Api(ApiError),
}

impl EventApi {
    pub(crate) fn new(base: &Url, key: &str) -> Self {
        let mut url = super::at(base, "e");
        // Never `Err`: the URL has a host.
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(key);
        }
        Self(url)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for EventApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventApi").field("host", &self.0.host_str()).finish_non_exhaustive()
    }
}

impl ApiClient {
    /// Sends a JSON array of events; gives their ids, in order.
    ///
    /// Calls with the same seed give the same ids, and Inngest takes an id once: it is safe to call
    /// again.
    pub(crate) async fn send_events(
        &self,
        events: Bytes,
        count: usize,
        seed: &EventIdSeed,
        patience: Patience,
        extras: Option<&Extras>,
    ) -> Result<Vec<String>, SendEventsError> {
        let EventApi(url) = self.inner.events.as_ref().ok_or(SendEventsError::NoKey)?;
        let mut call = Call::post(url, events).with_event_key().extras(extras);
        // Digits, a comma and base64: always a header's value.
        if let Ok(seed) = HeaderValue::try_from(seed.to_string()) {
            call = call.header(&EVENT_ID_SEED, seed);
        }
        let read = |answer: Bytes| {
            let SentEvents { ids } = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
            if ids.len() == count {
                Ok(ids)
            } else {
                Err(format!("{count} events were sent, but it has {} ids", ids.len()))
            }
        };
        self.call(call, patience, read).await.map_err(SendEventsError::Api)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::{Request, State};
    use axum::response::{IntoResponse, Response};
    use http::{Method, StatusCode};

    use super::*;
    use crate::client::Configuration;
    use crate::connect::Connection;
    use crate::signature::SigningKey;

    const SEED: EventIdSeed = EventIdSeed { millis: 7, entropy: [0; 10] };

    type Answers = Arc<Mutex<Vec<(StatusCode, &'static str)>>>;
    type Seen = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

    /// A client, and the requests that its server sees and answers in turn.
    async fn server(answers: &[(StatusCode, &'static str)]) -> (ApiClient, Seen) {
        async fn answer(State((answers, seen)): State<(Answers, Seen)>, request: Request) -> Response {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            seen.lock().unwrap().push((head, body));
            answers.lock().unwrap().remove(0).into_response()
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Seen::default();
        let state = (Arc::new(Mutex::new(answers.to_vec())), seen.clone());
        tokio::spawn(axum::serve(listener, Router::new().fallback(answer).with_state(state)).into_future());
        (connected(&base, Some(EventApi::new(&base, "the-key"))), seen)
    }

    fn connected(base: &Url, events: Option<EventApi>) -> ApiClient {
        let connection = Connection {
            signing_key: Some(SigningKey::parse("abcd").unwrap()),
            env: Some(HeaderValue::from_static("branch")),
            ..Connection::to(base.clone())
        };
        ApiClient::connect(&connection, Configuration::with_events(events)).unwrap()
    }

    async fn send(client: &ApiClient) -> Result<Vec<String>, String> {
        let sent = client.send_events(Bytes::from_static(b"[{},{}]"), 2, &SEED, Patience::Waited, None).await;
        sent.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn events_are_sent_with_their_seed_and_without_the_signing_key() {
        let (client, seen) = server(&[(StatusCode::OK, r#"{"ids":["a","b"],"status":200}"#)]).await;
        assert_eq!(send(&client).await.unwrap(), ["a", "b"]);
        let (head, body) = seen.lock().unwrap().remove(0);
        assert_eq!((head.method, head.uri.path()), (Method::POST, "/e/the-key"));
        assert_eq!(body, "[{},{}]");
        assert_eq!(head.headers[headers::EVENT_ID_SEED], "7,AAAAAAAAAAAAAA==");
        assert_eq!(head.headers[headers::ENV], "branch");
        assert_eq!(head.headers["content-type"], "application/json");
        assert!(!head.headers.contains_key("authorization"));
    }

    #[tokio::test]
    async fn an_overload_is_tried_again_under_the_same_seed() {
        let answers = [(StatusCode::SERVICE_UNAVAILABLE, "later"), (StatusCode::OK, r#"{"ids":["a","b"]}"#)];
        let (client, seen) = server(&answers).await;
        assert_eq!(send(&client).await.unwrap(), ["a", "b"]);
        let seen = seen.lock().unwrap();
        let seed = |index: usize| seen[index].0.headers[headers::EVENT_ID_SEED].clone();
        assert_eq!(seed(0), seed(1));
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_apis_words_and_without_the_key() {
        let refusal = r#"{"status":401,"message":"","error":"Event key not found"}"#;
        let (client, seen) = server(&[(StatusCode::UNAUTHORIZED, refusal)]).await;
        let error = send(&client).await.unwrap_err();
        assert!(error.contains("401") && error.contains("Event key not found"), "{error}");
        assert!(!error.contains("the-key") && !format!("{client:?}").contains("the-key"), "{client:?}");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_answer_with_other_ids_is_none() {
        let one = (StatusCode::OK, r#"{"ids":["a"]}"#);
        let (client, seen) = server(&[one, one]).await;
        assert!(send(&client).await.unwrap_err().contains("1 ids"));
        // Once could have been an accident.
        assert_eq!(seen.lock().unwrap().len(), 2);
        let client = connected(&client.inner.base, None);
        assert!(send(&client).await.unwrap_err().contains("INNGEST_EVENT_KEY"));
    }

    #[tokio::test]
    async fn a_signal_that_nobody_waits_for_is_none() {
        // As recorded: docs/protocol.md 5.4 and 6.2
        let (client, seen) = server(&[
            (StatusCode::NOT_FOUND, r#"{"error":"No signal found","data":null,"status":404}"#),
            (StatusCode::OK, r#"{"data":{"run_id":"01M817QNM483A695QHA1TT2D4T"},"metadata":{}}"#),
            (StatusCode::NOT_FOUND, "404 page not found"),
        ])
        .await;
        let send = async || client.send_signal(Bytes::from_static(b"{}"), Patience::Waited, None).await;
        assert!(send().await.unwrap().is_none());
        assert_eq!(send().await.unwrap().unwrap().run_id, "01M817QNM483A695QHA1TT2D4T");
        assert!(send().await.unwrap_err().is(StatusCode::NOT_FOUND));
        let (head, _) = &seen.lock().unwrap()[0];
        assert_eq!((head.uri.path(), head.headers.contains_key("authorization")), ("/v1/signals", true));
    }

    #[test]
    fn the_key_is_one_path_segment_and_is_not_shown() {
        let api = EventApi::new(&Url::parse("https://inn.gs/").unwrap(), "a/b?c");
        assert_eq!(api.0.to_string(), "https://inn.gs/e/a%2Fb%3Fc");
        let below = EventApi::new(&Url::parse("http://localhost:8288/below/").unwrap(), "key");
        assert_eq!(below.0.to_string(), "http://localhost:8288/below/e/key");
        assert!(!format!("{api:?} {below:?}").contains("key"), "{below:?}");
        assert!(!format!("{api:?}").contains("a%2F"), "{api:?}");
    }
}
