//! What the page looks at: one run, and its values as a whole.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use http::{Response, StatusCode};
use serde_json::Value;

use super::{document, json, refused};
use crate::engine::Engine;
use crate::inspect::{blot, without_keys};

fn found(value: Option<Value>, what: &str) -> Response<Body> {
    value.map_or_else(
        || refused(StatusCode::NOT_FOUND, &format!("there is no such {what}")),
        |value| json(&value),
    )
}

pub(super) async fn run(State(engine): State<Arc<Engine>>, Path(run): Path<String>) -> Response<Body> {
    let timeline = engine.read(|state| state.timeline(&run));
    found(timeline.map(|timeline| timeline.page_json()), "run")
}

/// A run's timeline in lines.
pub(super) async fn text(State(engine): State<Arc<Engine>>, Path(run): Path<String>) -> Response<Body> {
    match engine.read(|state| state.timeline(&run)) {
        Some(timeline) => document("text/plain; charset=utf-8", format!("{timeline}\n")),
        None => found(None, "run"),
    }
}

/// A run's timeline as a picture.
pub(super) async fn picture(State(engine): State<Arc<Engine>>, Path(run): Path<String>) -> Response<Body> {
    match engine.read(|state| state.timeline(&run)) {
        Some(timeline) => document("image/svg+xml", timeline.svg()),
        None => found(None, "run"),
    }
}

/// A step's value or its error.
pub(super) async fn step(
    State(engine): State<Arc<Engine>>,
    Path((run, hash)): Path<(String, String)>,
) -> Response<Body> {
    let value =
        engine.read(|state| Some(state.runs.get(&run)?.step(&hash)?.value.clone().unwrap_or_default()));
    found(
        value.map(|mut value| {
            blot(&mut value);
            value
        }),
        "step",
    )
}

/// What the n-th re-entry of a run was answered.
pub(super) async fn answer(
    State(engine): State<Arc<Engine>>,
    Path((run, n)): Path<(String, usize)>,
) -> Response<Body> {
    let body = engine.read(|state| {
        let mut dispatches = state.log.dispatches.iter().filter(|dispatch| dispatch.run_id == run);
        dispatches.nth(n.checked_sub(1)?).map(|dispatch| dispatch.response_body.clone())
    });
    found(body.map(|body| read(&body)), "re-entry")
}

/// What the run's client gets.
pub(super) async fn response(State(engine): State<Arc<Engine>>, Path(run): Path<String>) -> Response<Body> {
    let body = engine.read(|state| {
        let ending = state.runs.get(&run)?.ending.clone()?;
        Some(match ending.response {
            Some(response) => response.body.into(),
            None => ending.reply.raw().clone(),
        })
    });
    found(body.map(|body| read(&body)), "response")
}

/// A body as JSON, or as a text where it is none.
fn read(body: &[u8]) -> Value {
    let text = without_keys(body);
    crate::json::read(&text).unwrap_or(Value::String(text))
}
