//! What the page does: events, signals, the clock, and ends of runs.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::refused;
use crate::clock::Clock;
use crate::engine::Engine;

/// How far the clock may be moved at once: ten years.
const FAR: f64 = 10.0 * 365.0 * 86_400_000.0;

fn done(what: &Value) -> Response<Body> {
    super::json(what)
}

fn bad(why: impl std::fmt::Display) -> Response<Body> {
    refused(StatusCode::BAD_REQUEST, &why.to_string())
}

#[derive(Deserialize)]
struct Event {
    name: String,
    data: Map<String, Value>,
}

pub(super) async fn event(State(engine): State<Arc<Engine>>, body: Bytes) -> Response<Body> {
    let Event { name, data } = match crate::json::read(&body) {
        Ok(event) => event,
        Err(error) => return bad(format!("an event has a name, and data that is an object: {error}")),
    };
    let (sent, woken) = engine.change(|state| {
        let sent = state.send_event(&name, None, data);
        (sent, state.log.events.last().map_or(0, |event| event.woken))
    });
    match sent {
        Ok(id) => done(&json!({ "id": id, "woken": woken })),
        Err(why) => bad(why),
    }
}

#[derive(Deserialize)]
struct Signal {
    signal: String,
    #[serde(default)]
    data: Value,
}

pub(super) async fn signal(State(engine): State<Arc<Engine>>, body: Bytes) -> Response<Body> {
    let Signal { signal, data } = match crate::json::read(&body) {
        Ok(signal) => signal,
        Err(error) => return bad(format!("a signal has a name and data: {error}")),
    };
    match engine.change(|state| state.signal(&signal, &data.to_string())) {
        Some(run) => done(&json!({ "run": run })),
        None => refused(StatusCode::NOT_FOUND, &format!("no step waits for the signal `{signal}`")),
    }
}

#[derive(Deserialize)]
struct Hands {
    /// How far a manual clock is moved, in milliseconds.
    advance: Option<f64>,
    /// Whether a skipping clock stands still.
    held: Option<bool>,
}

pub(super) async fn clock(State(engine): State<Arc<Engine>>, body: Bytes) -> Response<Body> {
    let Hands { advance, held } = match crate::json::read(&body) {
        Ok(hands) => hands,
        Err(error) => return bad(format!("the clock is told `advance` or `held`: {error}")),
    };
    let kind = engine.settings.clock;
    if let Some(held) = held {
        if kind != Clock::Skip {
            return bad(format!("time can be held where it is skipped; this is Clock::{kind:?}"));
        }
        engine.change(|state| state.work.time.hold(held));
    }
    if let Some(millis) = advance {
        if kind != Clock::Manual {
            return bad(format!("only Clock::Manual can be moved; this is Clock::{kind:?}"));
        }
        if !(0.0..=FAR).contains(&millis) {
            return bad("the clock is moved on by so many milliseconds, of ten years at most");
        }
        if engine.advance(Duration::from_secs_f64(millis / 1000.0)).await.is_err() {
            let why = "the clock stands at something that is under way and does not end";
            return refused(StatusCode::CONFLICT, why);
        }
    }
    done(&json!({}))
}

#[derive(Deserialize)]
struct Held {
    held: bool,
}

pub(super) async fn dispatches(State(engine): State<Arc<Engine>>, body: Bytes) -> Response<Body> {
    match crate::json::read::<Held>(&body) {
        Ok(Held { held }) => {
            engine.change(|state| state.work.held = held);
            done(&json!({}))
        }
        Err(error) => bad(format!("re-entries are told whether they are `held`: {error}")),
    }
}

pub(super) async fn cancel(State(engine): State<Arc<Engine>>, Path(run): Path<String>) -> Response<Body> {
    let running = engine.change(|state| {
        let running = state.running(&run).is_some();
        if running {
            state.cancel(&run);
        }
        running
    });
    if running { done(&json!({})) } else { refused(StatusCode::NOT_FOUND, "no such run is going on") }
}
