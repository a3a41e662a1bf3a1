//! Publishing, and listening to what is published.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Query, State};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE,
    HeaderValue,
};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;
use inngest::wire::realtime::{EVENT_STREAM, MESSAGE_BYTES, TOKEN_LIFE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::listening::Listening;
use super::{Place, auth, respond};
use crate::engine::{Engine, State as EngineState, Taken};
use crate::realtime::{Chunk, Claims, Message, PartState, Topic, data};

/// How long the rest of an event is waited for before its beginning is forwarded, in real time.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a sender that is refused in the middle of its body may go on sending, so that it comes
/// to read the answer.
const LINGERING: Duration = Duration::from_millis(500);
/// What is read of a stream of messages: so many chunks of so many bytes.
const CHUNKS: usize = 1000;
const CHUNK_BYTES: usize = 1024;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/v1/realtime/token", post(token))
        .route("/v1/realtime/sse", get(listen))
        .route("/v1/realtime/publish", post(publish))
        .route("/v1/realtime/publish/tee", post(tee))
        .layer(DefaultBodyLimit::disable())
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    token: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    topic: String,
    run_id: Option<String>,
    metadata: Option<String>,
}

impl Wanted {
    /// The token: an `Authorization` that could have one goes before the query.
    fn token<'a>(&'a self, headers: &'a HeaderMap) -> &'a str {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        header.filter(|value| value.len() > 8).and_then(|value| value.get(7..)).unwrap_or(&self.token)
    }

    /// What a valid token says.
    fn claims(&self, engine: &Engine, headers: &HeaderMap) -> Option<Claims> {
        let token = self.token(headers);
        engine.read(|state| state.realtime.secret.read(token, state.now()))
    }

    /// Why somebody may not publish: a token for listening is no key, not even where none is
    /// needed. `told` says that in the route's words.
    fn refused(
        &self,
        engine: &Engine,
        headers: &HeaderMap,
        told: impl FnOnce(&str) -> String,
    ) -> Option<Response<Body>> {
        match self.claims(engine, headers) {
            Some(claims) if claims.publish => None,
            Some(_) => {
                Some(respond::text(StatusCode::UNAUTHORIZED, told("Not authenticated for publishing")))
            }
            None => (!auth::has_key(engine, headers)).then(auth::failed),
        }
    }
}

/// As Go's `http.Error` says it.
fn plain(status: StatusCode, message: &str) -> Response<Body> {
    respond::text(status, format!("{message}\n"))
}

/// `POST /v1/realtime/token`. The server takes any valid token in the key's place.
async fn token(
    State(engine): State<Arc<Engine>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if wanted.claims(&engine, &headers).is_none() && !auth::has_key(&engine, &headers) {
        return auth::failed();
    }
    let Ok(topics) = serde_json::from_slice::<Option<Vec<Topic>>>(&body) else {
        let message = "Invalid request: must provide a list of topics";
        return respond::error(StatusCode::BAD_REQUEST, message);
    };
    let topics = topics.unwrap_or_default().into_iter().map(Topic::here).collect();
    let jwt = engine.read(|state| state.realtime_token(topics, TOKEN_LIFE));
    respond::json(StatusCode::CREATED, format!("{}\n", json!({ "jwt": jwt })))
}

/// `GET /v1/realtime/sse`
async fn listen(
    State(engine): State<Arc<Engine>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(subscription) = engine.change(|state| state.listen(wanted.token(&headers))) else {
        return match auth::has_key(&engine, &headers) {
            true => respond::error(StatusCode::UNAUTHORIZED, "Not authenticated"),
            false => auth::failed(),
        };
    };
    let mut response = Response::new(Body::new(Listening::new(engine, subscription)));
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_EXPOSE_HEADERS, "Content-Type"),
        (CONTENT_TYPE, EVENT_STREAM),
        (CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `POST /v1/realtime/publish/tee`
async fn tee(
    State(engine): State<Arc<Engine>>,
    Query(wanted): Query<Wanted>,
    Extension(Place(place)): Extension<Place>,
    headers: HeaderMap,
    mut body: Body,
) -> Response<Body> {
    if let Some(refused) = wanted.refused(&engine, &headers, |why| format!("{why}\n")) {
        return refused;
    }
    if wanted.channel.is_empty() {
        return plain(StatusCode::BAD_REQUEST, "channel query parameter required");
    }
    let failed = || plain(StatusCode::INTERNAL_SERVER_ERROR, "Error forwarding data");
    let mut part = engine.publish_part(&wanted.channel, place);
    let mut held = false;
    loop {
        let frame = if held {
            let Ok(frame) = tokio::time::timeout(PATIENCE, body.frame()).await else {
                part.flush();
                held = false;
                continue;
            };
            frame
        } else {
            body.frame().await
        };
        let data = match frame.transpose() {
            Ok(Some(frame)) => frame.into_data(),
            Ok(None) => break,
            Err(_) => {
                part.end(PartState::BrokenOff);
                return failed();
            }
        };
        let Ok(data) = data else { continue };
        match part.take(&data) {
            Taken::Forwarded => held = false,
            Taken::Held => held = true,
            Taken::TooLarge => {
                part.end(PartState::TooLarge);
                engine.spawn(async move {
                    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
                    let _ = tokio::time::timeout(LINGERING, rest).await;
                });
                return failed();
            }
        }
    }
    part.end(PartState::Ended);
    respond::bare(StatusCode::OK, "")
}

/// `POST /v1/realtime/publish`
async fn publish(
    State(engine): State<Arc<Engine>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let told = |why: &str| respond::error_body(StatusCode::UNAUTHORIZED, why, &Value::Null);
    if let Some(refused) = wanted.refused(&engine, &headers, told) {
        return refused;
    }
    let run_id = wanted.run_id.as_deref().filter(|id| ulid::Ulid::from_string(id).is_ok());
    let metadata = wanted.metadata.as_deref().filter(|metadata| !metadata.is_empty());
    let message = |state: &EngineState, kind, data| Message {
        kind,
        data,
        metadata,
        at: state.now(),
        channel: &wanted.channel,
        topic: &wanted.topic,
        run_id,
    };
    let chunked = headers.get(CONTENT_TYPE).is_some_and(|value| value == "text/stream");
    engine.change(|state| {
        if chunked {
            let stream = ulid::Ulid::generate().to_string();
            let named = |state: &EngineState, kind| message(state, kind, json!(stream).to_string());
            let (begin, end) = (named(state, "datastream-start"), named(state, "datastream-end"));
            state.realtime.publish(&begin);
            for chunk in body.chunks(CHUNK_BYTES).take(CHUNKS) {
                let data = String::from_utf8_lossy(chunk);
                state.realtime.publish_chunk(&begin, &Chunk { stream: &stream, data: &data });
            }
            state.realtime.publish(&end);
        } else {
            if body.len() > MESSAGE_BYTES {
                state.note_cut_message(run_id, body.len());
            }
            let body = body.get(..MESSAGE_BYTES).unwrap_or(&body);
            let message = message(state, "data", data(body));
            state.realtime.publish(&message);
        }
    });
    respond::bare(StatusCode::OK, "")
}
