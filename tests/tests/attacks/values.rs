//! Values that are nested as deeply as a handler takes them.
//!
//! What a client sends passes `Json<Value>` in the first request. Were it not read back in a later
//! one, the client would decide that a finished step looks failed.

use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::post;
use axum::{Json, Router};
use inngest::{Event, Remember, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Stage, World};

use crate::turn;

const PAUSE: Duration = Duration::from_secs(60);

/// The most that `serde_json` reads.
const MOST: usize = 127;

/// An object of so many levels around some JSON.
fn nested(levels: usize, inner: &str) -> String {
    let arrays = levels - 1;
    format!(r#"{{"a":{}{inner}{}}}"#, "[".repeat(arrays), "]".repeat(arrays))
}

fn value(levels: usize) -> Value {
    (1..levels).fold(json!([]), |inner, _| json!({ "a": inner }))
}

#[inngest::api_fn(id = "attacks-keep")]
async fn keep(
    State(stage): State<Stage>,
    step: Step,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StepError> {
    let charge = async {
        stage.effects.happen("charged");
        Ok(body)
    };
    let charged = step.run("charge", charge).await;
    step.sleep("pause", PAUSE).await;
    if charged.is_err() {
        step.run("undo", async { Ok(stage.effects.happen("undone")) }).await?;
    }
    Ok(Json(charged?))
}

#[tokio::test]
async fn a_body_that_a_handler_takes_is_read_back_from_its_step() {
    let _turn = turn::beside_others().await;
    // The second has a number for which a text is stored.
    for body in [nested(MOST, "7"), nested(MOST, "[1.0]").replacen('[', "", 1).replacen(']', "", 1)] {
        let stage = Stage::new();
        let world = World::of(stage.app(post(keep))).await;
        let request = world.post("/").header("content-type", "application/json").body(body.clone());
        let response = request.send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), body);
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        assert_eq!(stage.effects.all(), ["charged"]);
        world.assert_clean();
    }
    let stage = Stage::new();
    let world = World::of(stage.app(post(keep))).await;
    let request = world.post("/").header("content-type", "application/json").body(nested(MOST + 1, "7"));
    assert_eq!(request.send().await.unwrap().status(), 400);
    assert!(stage.effects.all().is_empty());
}

#[inngest::api_fn(id = "attacks-event")]
async fn wait(step: Step) -> Result<String, StepError> {
    let event = step.wait_for_event::<Value>("wait", "attacks/deep").filter("async.data.a != null").await?;
    Ok(event.map_or_else(String::new, |event| event.data.to_string()))
}

#[tokio::test]
async fn an_events_data_may_be_as_deep_as_any_value() {
    let _turn = turn::beside_others().await;
    let world = World::of(Router::new().route("/", post(wait))).await;
    world.inngest.hold_time();
    let response = world.post("/").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "wait").await;
    let data = nested(MOST, "7");
    let event = format!(r#"{{"name":"attacks/deep","data":{data},"user":{data}}}"#);
    let client = reqwest::Client::new();
    let sent = client.post(format!("{}/e/key", world.inngest.url())).body(event).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    assert_eq!(world.follow(response).await.text().await.unwrap(), data);
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "attacks-signal")]
async fn wait_for_signal(step: Step) -> Result<String, StepError> {
    let data = step.wait_for_signal::<Value>("wait", "attacks/deep").await?;
    Ok(data.map_or_else(String::new, |data| data.to_string()))
}

#[tokio::test]
async fn a_signals_data_may_be_as_deep_as_any_value() {
    let _turn = turn::beside_others().await;
    let world = World::of(Router::new().route("/", post(wait_for_signal))).await;
    world.inngest.hold_time();
    let response = world.post("/").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "wait").await;
    let data = nested(MOST, "7");
    let signal = format!(r#"{{"signal":"attacks/deep","data":{data}}}"#);
    let client = reqwest::Client::new();
    let sent = client.post(format!("{}/v1/signals", world.inngest.url())).body(signal).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    assert_eq!(world.follow(response).await.text().await.unwrap(), data);
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "attacks-invoke")]
async fn invoke(step: Step) -> Result<String, StepError> {
    let sent = step.send_event("send", Event::new("attacks/sent", value(MOST))).await?;
    assert!(!sent.is_empty());
    let echo: Value = step.invoke("echo", "echo").data(value(MOST)).await?;
    Ok(echo.to_string())
}

#[tokio::test]
async fn what_is_sent_and_returned_may_be_as_deep_as_any_value() {
    let _turn = turn::beside_others().await;
    let echo = |data: Value| async move { Ok::<_, String>(data) };
    let world = World::builder()
        .inngest(|inngest| inngest.function("echo", echo))
        .start(Router::new().route("/", post(invoke)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), value(MOST).to_string());
    assert_eq!(world.inngest.wait_for_event(1).await.data, value(MOST));
    world.ended().await;
    world.assert_clean();
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Claims(Value);

impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let levels = parts.headers.get("x-levels").and_then(|levels| levels.to_str().ok()?.parse().ok());
        levels.map(|levels| Self(value(levels))).ok_or(StatusCode::UNAUTHORIZED)
    }
}

#[inngest::api_fn(id = "attacks-remember")]
async fn remember(Remember(claims): Remember<Claims>, step: Step) -> String {
    step.sleep("pause", PAUSE).await;
    claims.0.to_string()
}

#[tokio::test]
async fn a_remembered_value_may_be_as_deep_as_any() {
    let _turn = turn::beside_others().await;
    let world = World::of(Router::new().route("/", post(remember))).await;
    let response = world.post("/").header("x-levels", MOST).send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), value(MOST).to_string());
    world.ended().await;
    world.assert_clean();
    // One that could not be restored is refused at once.
    let response = world.post("/").header("x-levels", MOST + 1).send().await.unwrap();
    assert_eq!(response.status(), 500);
}

/// Is written without what it needs to be read.
#[derive(Debug, Serialize, Deserialize)]
struct Lossy {
    #[serde(skip_serializing)]
    #[allow(dead_code, reason = "what it holds is lost")]
    amount: u64,
}

#[inngest::api_fn(id = "attacks-unreadable", retries = 3)]
async fn unreadable(State(stage): State<Stage>, step: Step, kind: String) -> Result<String, StepError> {
    let happen = || stage.effects.happen("charged");
    match kind.as_str() {
        "deep" => {
            let charge = async {
                happen();
                Ok(value(MOST + 1))
            };
            step.run("charge", charge).await?;
        }
        _ => {
            let charge = async {
                happen();
                Ok(Lossy { amount: 7 })
            };
            step.run("charge", charge).await?;
        }
    }
    Ok("charged".to_owned())
}

#[tokio::test]
async fn an_output_that_does_not_read_back_fails_its_step_at_once_and_clearly() {
    let _turn = turn::beside_others().await;
    for kind in ["deep", "lossy"] {
        let stage = Stage::new();
        let world = World::of(stage.app(post(unreadable))).await;
        let response = world.post("/").body(kind).send().await.unwrap();
        assert_eq!(response.status(), 500);
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["step"], "charge");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("cannot be read back") && message.contains("`String`"), "{message}");
        // Its effect has happened, and would happen again.
        assert_eq!(stage.effects.count("charged"), 1);
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Failed);
        assert!(world.inngest.dispatches().is_empty());
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "attacks-raw")]
async fn raw(step: Step, body: Json<Box<RawValue>>) -> Result<Json<Box<RawValue>>, StepError> {
    let kept = step.run("keep", async { Ok(body.0) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok(Json(kept))
}

#[tokio::test]
async fn a_raw_value_of_any_depth_comes_back() {
    let _turn = turn::beside_others().await;
    let world = World::of(Router::new().route("/", post(raw))).await;
    let body = nested(100_000, "7");
    let request = world.post("/").header("content-type", "application/json").body(body.clone());
    let response = request.send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), body);
    world.ended().await;
    // The real server reads 10,000 levels, and refuses the call with more.
    let calls = world.inngest.calls();
    let deepest =
        calls.iter().map(|call| String::from_utf8_lossy(&call.body).matches("[[[[[[[[").count()).max();
    assert!(deepest.is_some_and(|matches| matches > 0));
    assert!(calls.iter().all(|call| !call.json().is_null() || call.body.is_empty()));
    world.assert_clean();
}

#[inngest::api_fn(id = "attacks-send-deep")]
async fn send_deep(step: Step) -> Result<String, StepError> {
    let event = step.send_event("event", Event::new("attacks/sent", value(MOST + 1))).await.unwrap_err();
    let signal = step.send_signal("signal", "attacks", value(MOST + 1)).await.unwrap_err();
    Ok(format!("{event}\n{signal}"))
}

#[tokio::test]
async fn what_nobody_could_read_is_not_sent() {
    let _turn = turn::beside_others().await;
    let world = World::of(Router::new().route("/", post(send_deep))).await;
    let text = world.post("/").send().await.unwrap().text().await.unwrap();
    assert_eq!(text.matches("more than 127 levels").count(), 2, "{text}");
    world.ended().await;
    assert!(world.inngest.calls_of(Call::Events).is_empty() && world.inngest.events().is_empty());
    world.assert_clean();
}
