//! What comes in from outside of runs: events and signals.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::respond;
use crate::engine::Engine;

/// By this header a sender makes the ids of its events.
const SEED: &str = "x-inngest-event-id-seed";

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/e/{key}", post(events)).layer(DefaultBodyLimit::disable())
}

pub(super) fn signal_routes() -> Router<Arc<Engine>> {
    Router::new().route("/v1/signals", post(signal)).layer(DefaultBodyLimit::disable())
}

async fn events(
    State(engine): State<Arc<Engine>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if engine.settings.event_key.as_ref().is_some_and(|wanted| *wanted != key) {
        let status = StatusCode::UNAUTHORIZED;
        return respond::json(status, r#"{"status":401,"message":"","error":"Event key not found"}"#);
    }
    let seed = headers.get(SEED).and_then(|seed| seed.to_str().ok());
    let answered = engine.change(|state| state.take_events(&body, seed));
    // Neither answer says its type, so that the real server's library takes it for text.
    let ids = Value::from(answered.ids);
    match answered.error {
        None => respond::text(StatusCode::OK, format!("{{\"ids\":{ids},\"status\":200}}\n")),
        Some(error) => {
            let error = Value::from(error);
            let body = format!("{{\"ids\":{ids},\"status\":400,\"error\":{error}}}\n");
            respond::text(StatusCode::BAD_REQUEST, body)
        }
    }
}

#[derive(Deserialize)]
struct Signal {
    #[serde(default)]
    signal: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

async fn signal(State(engine): State<Arc<Engine>>, body: Bytes) -> Response<Body> {
    let Ok(Signal { signal, data }) = serde_json::from_slice(&body) else {
        return respond::error(StatusCode::BAD_REQUEST, "Invalid signal data");
    };
    if signal.is_empty() {
        return respond::error(StatusCode::INTERNAL_SERVER_ERROR, "Failed to receive signal");
    }
    let data = data.as_ref().map_or("null", |data| data.get());
    let (run_id, now) = engine.change(|state| (state.signal(&signal, data), state.now()));
    match run_id {
        Some(run_id) => {
            let metadata = json!({ "fetched_at": respond::rfc3339(now) });
            let body = json!({"data": {"run_id": run_id}, "metadata": metadata});
            respond::json(StatusCode::OK, body.to_string())
        }
        None => respond::error(StatusCode::NOT_FOUND, "No signal found"),
    }
}
