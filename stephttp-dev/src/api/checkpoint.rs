//! The calls by which an app reports.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::routing::post;
use bytes::Bytes;
use http::{Response, StatusCode};
use inngest::wire::realtime::RUN_TOKEN_LIFE;
use serde_json::{Value, json};

use super::{Place, respond};
use crate::engine::{AsyncRefusal, Engine, NewRunRefusal, StepsRefusal};
use crate::realtime::Topic;

pub(super) fn routes() -> Router<Arc<Engine>> {
    let mut router = Router::new();
    for prefix in ["/v1/checkpoint", "/v1/http/runs"] {
        router = router
            .route(prefix, post(new_run))
            .route(&format!("{prefix}/{{run_id}}/steps"), post(save_steps))
            .route(&format!("{prefix}/{{run_id}}/async"), post(save_async));
    }
    router.layer(DefaultBodyLimit::disable())
}

async fn new_run(
    State(engine): State<Arc<Engine>>,
    Extension(Place(place)): Extension<Place>,
    body: Bytes,
) -> Response<Body> {
    match engine.new_run(&body) {
        Ok(created) => {
            engine.change(|state| state.log.calls[place].run_id = Some(created.run_id.clone()));
            calls_made(&engine, created.ticket).await;
            let mut data =
                json!({"fn_id": created.fn_id, "app_id": created.app_id, "run_id": created.run_id});
            if let Some(token) = created.token {
                data["token"] = token.into();
            }
            let topics = vec![Topic::stream_of(&created.run_id)];
            data["realtime_token"] = engine.read(|state| state.realtime_token(topics, RUN_TOKEN_LIFE)).into();
            let fetched_at = respond::rfc3339(engine.read(crate::engine::State::now));
            let answer = json!({"data": data, "metadata": {"fetched_at": fetched_at}});
            respond::json(StatusCode::OK, answer.to_string())
        }
        Err(NewRunRefusal::Unreadable) => respond::error(StatusCode::BAD_REQUEST, "Invalid request body"),
        Err(NewRunRefusal::Crash) => respond::json(StatusCode::INTERNAL_SERVER_ERROR, ""),
    }
}

/// Waits until third parties have been called: a checkpoint is answered after that.
async fn calls_made(engine: &Engine, ticket: u64) {
    engine.until(|state| (!state.tickets.is_open(ticket)).then_some(())).await;
}

async fn save_steps(
    State(engine): State<Arc<Engine>>,
    Path(path_id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    match engine.save_steps(&path_id, &body) {
        Ok(ticket) => {
            calls_made(&engine, ticket).await;
            respond::json(StatusCode::OK, "")
        }
        Err(StepsRefusal::Crash) => respond::json(StatusCode::INTERNAL_SERVER_ERROR, ""),
        Err(StepsRefusal::Unreadable(why)) => {
            respond::error(StatusCode::BAD_REQUEST, &format!("invalid request body: {why}"))
        }
    }
}

/// The run has ended or was cancelled, or there never was one.
fn not_found(run_id: &str) -> Response<Body> {
    let (status, message) = (StatusCode::BAD_REQUEST, "run not found in state store");
    respond::json(status, respond::error_body(status, message, &json!({ "run_id": run_id })))
}

async fn save_async(
    State(engine): State<Arc<Engine>>,
    Path(path_id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let Err((run_id, refusal)) = engine.save_async(&path_id, &body) else {
        return respond::json(StatusCode::OK, "");
    };
    let (status, message, data) = match refusal {
        AsyncRefusal::Unreadable(why) => {
            (StatusCode::BAD_REQUEST, format!("invalid request body: {why}"), Value::Null)
        }
        AsyncRefusal::NotFound => return not_found(&run_id),
        AsyncRefusal::NotFinished(why) => (StatusCode::BAD_REQUEST, why, json!({ "run_id": run_id })),
        AsyncRefusal::Stale(why) => (StatusCode::CONFLICT, why, json!({ "run_id": run_id })),
        AsyncRefusal::TooLarge(why) => (StatusCode::PAYLOAD_TOO_LARGE, why, json!({ "run_id": run_id })),
    };
    respond::json(status, respond::error_body(status, &message, &data))
}
