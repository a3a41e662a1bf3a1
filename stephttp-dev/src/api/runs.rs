//! Looking at runs, and cancelling them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::respond::{self, rfc3339};
use super::run_id;
use crate::engine::{Engine, Run};
use crate::inspect::{RunStatus, StepStatus, StepView};
use crate::timeline::Bar;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/v0/runs/{run_id}/actions", get(actions))
        .route("/v0/runs/{run_id}/batch", get(batch))
        .route("/v1/runs/{run_id}", get(run_v1).delete(cancel))
        .route("/api/v2/runs/{run_id}", get(run_v2))
        .route("/api/v2/runs/{run_id}/trace", get(trace_v2))
        .route("/api/v2/runs", get(list_v2))
}

/// The state of a run: a step's value by its hashed id.
async fn actions(State(engine): State<Arc<Engine>>, Path(id): Path<String>) -> Response<Body> {
    state_of(&engine, &id, Run::actions)
}

/// The event that began a run, in an array.
async fn batch(State(engine): State<Arc<Engine>>, Path(id): Path<String>) -> Response<Body> {
    state_of(&engine, &id, |run| Some(json!([run.event()]).to_string()))
}

/// Something of a run that is there only while it is going. What cannot be read is answered like
/// what is not there.
fn state_of(engine: &Engine, id: &str, look: impl FnOnce(&Run) -> Option<String>) -> Response<Body> {
    let Some(id) = run_id(id) else {
        let status = StatusCode::BAD_REQUEST;
        return respond::text(
            status,
            respond::error_body(status, "The run ID specified is invalid", &Value::Null),
        );
    };
    match engine.read(|state| state.running(&id).and_then(look)) {
        Some(body) => respond::text(StatusCode::OK, body + "\n"),
        None => {
            let message = format!("runtime state is no longer available for runID: {id}");
            respond::text(StatusCode::GONE, respond::error_body(StatusCode::GONE, &message, &Value::Null))
        }
    }
}

async fn run_v1(State(engine): State<Arc<Engine>>, Path(id): Path<String>) -> Response<Body> {
    let known = run_id(&id).unwrap_or(id);
    let found = engine.read(|state| {
        let run = state.runs.get(&known)?;
        let mut data = json!({
            "run_id": run.id,
            "run_started_at": rfc3339(run.started_at),
            "function_id": run.fn_id,
            "function_version": 0,
            "environment_id": "00000000-0000-4000-b000-000000000000",
            "event_id": run.event_id,
            "status": run.status().as_str(),
            "ended_at": run.ending.as_ref().map(|ending| rfc3339(ending.at)),
        });
        if let Some(ending) = &run.ending {
            let raw = ending.reply.raw();
            data["output"] = match ending.status {
                RunStatus::Cancelled => json!({}),
                _ if ending.at_checkpoint => output_json(raw),
                _ => STANDARD.encode(raw).into(),
            };
        }
        Some(json!({"data": data, "metadata": {"fetched_at": rfc3339(state.now())}}))
    });
    match found {
        Some(body) => respond::json(StatusCode::OK, body.to_string()),
        // With 200, but for the body.
        None => respond::json(
            StatusCode::OK,
            respond::error_body(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("Unable to load function run: {known}"),
                &Value::Null,
            ),
        ),
    }
}

async fn cancel(State(engine): State<Arc<Engine>>, Path(id): Path<String>) -> Response<Body> {
    if let Some(id) = run_id(&id) {
        engine.change(|state| state.cancel(&id));
    }
    respond::json(StatusCode::OK, "")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    #[serde(default)]
    include_output: bool,
    limit: Option<usize>,
}

async fn run_v2(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
    Query(view): Query<View>,
) -> Response<Body> {
    let known = run_id(&id).unwrap_or(id);
    let found = engine.read(|state| {
        let run = state.runs.get(&known)?;
        let metadata = json!({ "fetchedAt": rfc3339(state.now()) });
        Some(json!({"data": describe(run, view.include_output), "metadata": metadata}))
    });
    match found {
        Some(body) => respond::json(StatusCode::OK, body.to_string()),
        None => respond::error(StatusCode::NOT_FOUND, "Run not found"),
    }
}

/// A run's steps, in the order in which they were taken: of what came together, waits for events
/// come first.
async fn trace_v2(
    State(engine): State<Arc<Engine>>,
    Path(id): Path<String>,
    Query(view): Query<View>,
) -> Response<Body> {
    let known = run_id(&id).unwrap_or(id);
    let found = engine.read(|state| {
        let run = state.runs.get(&known)?;
        let steps: Vec<Value> =
            run.history().map(|(step, bars)| span(step, bars, view.include_output)).collect();
        let mut root =
            json!({"name": "Run", "status": run.status().as_str().to_uppercase(), "children": steps});
        root["startedAt"] = rfc3339(run.started_at).into();
        root["endedAt"] = run.ending.as_ref().map(|ending| rfc3339(ending.at)).into();
        let metadata = json!({ "fetchedAt": rfc3339(state.now()) });
        Some(json!({"data": {"runId": run.id, "rootSpan": root}, "metadata": metadata}))
    });
    match found {
        Some(body) => respond::json(StatusCode::OK, body.to_string()),
        None => respond::error(StatusCode::NOT_FOUND, "Run not found"),
    }
}

fn span(step: &StepView, bars: &[Bar], include_output: bool) -> Value {
    let op = match step.op.as_str() {
        "Sleep" => "SLEEP",
        "WaitForEvent" => "WAIT_FOR_EVENT",
        "WaitForSignal" => "WAIT_FOR_SIGNAL",
        "InvokeFunction" => "INVOKE",
        "AIGateway" => "AI_GATEWAY",
        _ => "RUN",
    };
    let status = match step.status {
        StepStatus::Completed | StepStatus::TimedOut => "COMPLETED",
        StepStatus::Failed => "FAILED",
        StepStatus::Calling | StepStatus::Retrying => "RUNNING",
        _ => "WAITING",
    };
    let mut span = json!({"name": step.id, "stepId": step.hash, "stepOp": op, "status": status});
    if let (Some(first), Some(last)) = (bars.first(), bars.last()) {
        span["queuedAt"] = rfc3339(first.from.at).into();
        span["startedAt"] = rfc3339(first.from.at).into();
        if let Some(until) = last.until.filter(|_| status == "COMPLETED" || status == "FAILED") {
            span["endedAt"] = rfc3339(until.at).into();
        }
    }
    if let Some(value) = step.value.as_ref().filter(|_| include_output) {
        let key = if step.status == StepStatus::Failed { "error" } else { "data" };
        span["output"] = json!({ key: value });
    }
    span
}

/// The latest runs first.
async fn list_v2(State(engine): State<Arc<Engine>>, Query(view): Query<View>) -> Response<Body> {
    let body = engine.read(|state| {
        let limit = view.limit.unwrap_or(40);
        let runs = state.order.iter().rev().filter_map(|id| state.runs.get(id));
        let data: Vec<Value> = runs.take(limit).map(|run| describe(run, view.include_output)).collect();
        let more = state.order.len() > limit;
        json!({"data": data, "metadata": {"fetchedAt": rfc3339(state.now())}, "page": {"hasMore": more}})
    });
    respond::json(StatusCode::OK, body.to_string())
}

fn describe(run: &Run, include_output: bool) -> Value {
    let mut data = json!({
        "id": run.id,
        "app": {"id": run.app},
        "function": {"id": run.function, "name": run.function},
        "status": run.status().as_str().to_uppercase(),
        "queuedAt": rfc3339(run.started_at),
        "startedAt": rfc3339(run.started_at),
        "trigger": {"eventIds": [run.event_id]},
    });
    if let Some(ending) = &run.ending {
        data["endedAt"] = rfc3339(ending.at).into();
        let duration = ending.at.duration_since(run.started_at).unwrap_or_default();
        data["durationMs"] = duration.as_millis().to_string().into();
        if include_output {
            data["output"] = output_json(ending.reply.raw());
        }
    }
    data
}

/// An output as JSON, or as a string if it is none.
fn output_json(raw: &[u8]) -> Value {
    crate::json::read(raw).unwrap_or_else(|_| String::from_utf8_lossy(raw).into())
}
