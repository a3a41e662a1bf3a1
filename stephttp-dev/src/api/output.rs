//! Waiting for a run's output.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::routing::get;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;

use super::respond;
use crate::engine::{Engine, Reply};

/// How long a client is kept waiting.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/v1/http/runs/{run_id}/output", get(output))
        .route("/v1/checkpoint/{run_id}/output", get(output))
}

/// The token alone decides which run it is; the path is ignored.
async fn output(State(engine): State<Arc<Engine>>, Query(Token { token }): Query<Token>) -> Response<Body> {
    let token = token.unwrap_or_default();
    let run_id =
        engine.read(|state| state.runs.values().find(|run| run.token == token).map(|run| run.id.clone()));
    let Some(run_id) = run_id else {
        let status = StatusCode::UNAUTHORIZED;
        let body =
            respond::error_body(status, "Unable to find run with auth token", &serde_json::Value::Null);
        return respond::text(status, body);
    };
    let ended = engine.until(|state| Some(state.runs.get(&run_id)?.ending.as_ref()?.reply.clone()));
    match tokio::time::timeout(PATIENCE, ended).await {
        Ok(_) if engine.change(|state| state.mischief.empty_output()) => respond::bare(StatusCode::OK, ""),
        Ok(reply) => answer(&reply),
        Err(_) => respond::json(
            StatusCode::OK,
            r#"{"status":"running","message":"run did not end within 5 minutes"}"#,
        ),
    }
}

fn answer(reply: &Reply) -> Response<Body> {
    match reply {
        Reply::Raw(raw) => respond::json(StatusCode::OK, raw.clone()),
        Reply::Api(api, _) => {
            // Informational statuses cannot be a final answer.
            let status = StatusCode::from_u16(api.status).ok().filter(|status| !status.is_informational());
            let mut response = respond::bare(status.unwrap_or(StatusCode::OK), api.body.clone());
            for (name, value) in &api.headers {
                let name = HeaderName::from_bytes(name.as_bytes());
                if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                    // The connection has its own idea of the length.
                    if name != http::header::CONTENT_LENGTH && name != http::header::TRANSFER_ENCODING {
                        response.headers_mut().insert(name, value);
                    }
                }
            }
            response
        }
    }
}
