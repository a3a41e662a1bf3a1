//! What the SDK sends and reads, compared with recordings of the real server and its SDKs, in
//! `tests/tests/it/recordings`.
//!
//! The handlers here have no attribute, so that function id and retries are those of the
//! recordings.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use inngest::signature::SigningKey;
use inngest::wire::{ApiErrorBody, CheckpointRun, Envelope, StepHash};
use inngest::{Failure, Step, StepError};
use serde_json::{Value, json};
use stephttp_dev::Call;
use stephttp_tests::World;
use tokio::sync::watch;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn recording(name: &str) -> Value {
    let path = format!("{}/tests/it/recordings/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Replaces what differs from run to run by its type, and drops what only other SDKs send.
fn normal(value: &Value) -> Value {
    const VARIES: [&str; 11] = [
        "run_id",
        "fn_id",
        "app_id",
        "domain",
        "ts",
        "a",
        "b",
        "duration",
        "token",
        "realtime_token",
        "fetched_at",
    ];
    // Stacks are the JS SDK's.
    const LEFT_OUT: [&str; 1] = ["stack"];
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
            .map(|(name, value)| match value {
                Value::String(text) if VARIES.contains(&name.as_str()) && text.parse::<f64>().is_err() => {
                    // Sleeps say their duration in a text that does not vary.
                    let fixed = name == "duration";
                    (name.clone(), if fixed { value.clone() } else { json!("<text>") })
                }
                Value::Number(_) if VARIES.contains(&name.as_str()) => (name.clone(), json!("<number>")),
                value => (name.clone(), normal(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(normal).collect(),
        value => value.clone(),
    }
}

async fn sleeps(step: Step, _body: String) {
    step.sleep("s", Duration::from_secs(1)).await;
}

#[tokio::test]
async fn the_first_call_is_as_recorded() {
    let recorded = recording("first-call-sleep");
    let world = World::of(Router::new().route("/event-body-base64", post(sleeps))).await;
    let request = world.post("/event-body-base64?a=1&b=two%20words&b=3");
    let request = request.header("content-type", "application/json").body(r#"{"b":1, "a":"x"}"#);
    request.send().await.unwrap();
    world.ended().await;

    let call = world.inngest.calls_of(Call::NewRun).remove(0);
    assert_eq!(call.path, recorded["request"]["path"].as_str().unwrap());
    assert_eq!(call.headers["content-type"], "application/json");
    assert!(call.headers["x-inngest-sdk"].to_str().unwrap().starts_with("rust:v"));
    assert_eq!(normal(&call.json()), normal(&recorded["request"]["json"]));
    world.assert_clean();
}

async fn fails_and_answers(step: Step) -> impl IntoResponse {
    let failed = step.run("e", async { Err::<(), _>(Failure::non_retriable("bad e")) }).await;
    assert_eq!(failed.unwrap_err().name(), "NonRetriableError");
    ([("content-type", "application/json")], "\"x\"")
}

#[tokio::test]
async fn a_run_that_ends_in_its_first_request_is_reported_as_recorded() {
    let recorded = recording("first-call-failed-and-complete");
    let app = Router::new().route("/checkpoint-stepfailed-and-complete", post(fails_and_answers));
    let world = World::of(app).await;
    let request =
        world.post("/checkpoint-stepfailed-and-complete").header("content-type", "application/json");
    request.send().await.unwrap();
    world.ended().await;

    let mut sent = normal(&world.inngest.calls()[0].json());
    // The name of the error's type, which the recording's hand-made app had no use for.
    assert_eq!(sent["steps"][0]["error"]["name"].take(), json!("NonRetriableError"));
    sent["steps"][0]["error"]["name"] = json!("Error");
    assert_eq!(sent, normal(&recorded["request"]["json"]));
    world.assert_clean();
}

async fn fails_after_a_sleep(step: Step) -> Result<(), StepError> {
    step.sleep("s", Duration::from_secs(1)).await;
    step.run("e", async { Err::<(), _>(Failure::new("bad e")) }).await
}

async fn answers_after_a_sleep(step: Step) -> impl IntoResponse {
    step.sleep("s", Duration::from_secs(1)).await;
    (StatusCode::CREATED, [("content-type", "text/plain"), ("x-custom", "v")], "plain body")
}

async fn is_down_after_a_sleep(step: Step) -> impl IntoResponse {
    step.sleep("s", Duration::from_secs(1)).await;
    (StatusCode::SERVICE_UNAVAILABLE, [("content-type", "text/plain"), ("x-custom", "1")], "down")
}

#[tokio::test]
async fn answers_to_reentries_are_as_recorded() {
    let app = Router::new()
        .route("/reentry-step-error", post(fails_after_a_sleep))
        .route("/reentry-complete", post(answers_after_a_sleep))
        .route("/reentry-failed", post(is_down_after_a_sleep));
    for name in ["reentry-step-error", "reentry-complete", "reentry-failed"] {
        let recorded = recording(name);
        let world = World::of(app.clone()).await;
        world.post(&format!("/{name}")).send().await.unwrap();
        let run = world.ended().await;

        let dispatch = world.inngest.dispatches().remove(0);
        let recorded = &recorded["response"];
        assert_eq!(dispatch.status.unwrap().as_u16(), recorded["status"], "{name}");
        for (header, value) in recorded["headers"].as_object().unwrap() {
            let sent = dispatch.response_headers.get(header).unwrap_or_else(|| panic!("{name}: no {header}"));
            assert!(
                header == "x-inngest-sdk" || sent == value.as_str().unwrap(),
                "{name}: {header}: {sent:?}"
            );
        }
        let mut expected = recorded["json"].clone();
        if let Some(result) = expected.get_mut("data").and_then(Value::as_object_mut) {
            // The recording's app sent how long it had taken; the field is optional.
            result.remove("duration");
            // This SDK says of a response which run it is of.
            result["headers"]["x-run-id"] = json!(run.id);
        }
        assert_eq!(normal(&dispatch.response_json()), normal(&expected), "{name}");
        world.assert_clean();
    }
}

async fn slow_then_sleeps(
    State(mut created): State<watch::Receiver<bool>>,
    step: Step,
) -> Result<(), StepError> {
    step.run("before", async { Ok::<_, Failure>("A".to_owned()) }).await?;
    created.wait_for(|created| *created).await.unwrap();
    step.sleep("zzz", Duration::from_secs(2)).await;
    Ok(())
}

#[tokio::test]
async fn operations_that_follow_the_first_call_are_added_as_recorded() {
    let recorded = recording("steps-call");
    let (created, when_created) = watch::channel(false);
    let app = Router::new().route("/sleep", post(slow_then_sleeps)).with_state(when_created);
    let world =
        World::builder().opts(|opts, url| opts.dev_server(url).linger(Duration::ZERO)).start(app).await;
    let response = world.post("/sleep").send();
    let after_the_first_call = async {
        let run = world.inngest.wait_for_run().await;
        created.send(true).unwrap();
        run
    };
    let (response, run) = tokio::join!(response, after_the_first_call);
    assert_eq!(response.unwrap().status(), 303);
    world.ended().await;

    assert_eq!(world.inngest.calls_of(Call::NewRun).len(), 1);
    let call = world.inngest.calls_of(Call::Steps).remove(0);
    assert_eq!(call.path, format!("/v1/checkpoint/{}/steps", run.id));
    let (sent, recorded) = (call.json(), &recorded["request"]["json"]);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sent), names(recorded));
    let (sent, recorded) = (&sent["steps"][0], &recorded["steps"][0]);
    for field in ["id", "op", "displayName", "userland"] {
        assert_eq!(sent[field], recorded[field]);
    }
    // JS gives the duration as the name, which the server takes when `opts` has none.
    assert_eq!(sent["opts"]["duration"], recorded["name"]);
    world.assert_clean();
}

async fn claims(step: Step) {
    let branch = async |name: &str, seconds| {
        step.sleep(format!("s-{name}"), Duration::from_secs(seconds)).await;
        step.run(name, async { Ok::<_, Failure>(1) }).await
    };
    let _ = tokio::join!(branch("p1", 1), branch("p2", 100));
}

/// The register of what comes next: a finished step like any other, whose first value stays
/// (docs/protocol.md 2.6).
#[tokio::test]
async fn claims_are_saved_as_steps_before_the_steps_begin() {
    let world = World::of(Router::new().route("/", post(claims))).await;
    world.post("/").send().await.unwrap();
    world.ended().await;
    let first = &world.inngest.calls_of(Call::NewRun)[0].json()["steps"];
    assert_eq!(first[0]["name"], "stephttp:shared");
    assert_eq!(first[1]["opts"], json!({"duration": "1s", "parallelMode": "race"}));
    let saves = world.inngest.calls_of(Call::Async);
    let saved: Vec<_> =
        saves.iter().flat_map(|call| call.json()["steps"].as_array().unwrap().clone()).collect();
    let claim = saved.iter().find(|op| op["data"].to_string().contains("claimed")).unwrap();
    assert_eq!(claim["op"], "StepRun");
    assert!(claim["name"].as_str().unwrap().starts_with("stephttp:order:"), "{claim}");
    let claimed = claim["data"].as_array().unwrap().iter().find(|entry| !entry["claimed"].is_null()).unwrap();
    let hashes = ["p1", "p2"].map(|id| StepHash::of(id).to_string());
    assert!(
        claimed["claimed"]
            .as_array()
            .unwrap()
            .iter()
            .all(|hash| hashes.contains(&hash.as_str().unwrap().to_owned()))
    );
    assert!(!claimed["by"].as_str().unwrap().is_empty(), "the job");
    let p1 = saved.iter().position(|op| op["name"] == "p1").unwrap();
    let at = saved.iter().position(|op| op == claim).unwrap();
    assert!(at < p1);
    world.assert_clean();
}

#[test]
fn recorded_signatures_verify_over_the_raw_body() {
    let key = SigningKey::parse(KEY).unwrap();
    for name in ["reentry-signed", "reentry-signed-binary"] {
        let request = &recording(name)["request"];
        let body = match &request["body_base64"] {
            Value::String(body) => BASE64_STANDARD.decode(body).unwrap(),
            _ => request["body"].as_str().unwrap().as_bytes().to_vec(),
        };
        let signature = request["headers"]["X-Inngest-Signature"].as_str().unwrap();
        let seconds = signature["t=".len()..].split('&').next().unwrap().parse().unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(key.verifies(signature, &body, at), "{name}");
        assert_eq!(key.sign(&body, at), signature, "{name}");
        assert!(!key.verifies(signature, b"{}", at), "{name}");
    }
}

#[test]
fn the_bearer_is_the_hash_that_the_js_sdk_sends() {
    let recorded = recording("js-signed-api-call");
    let key = SigningKey::parse(KEY).unwrap();
    assert_eq!(
        format!("Bearer {}", key.bearer()),
        recorded["request"]["headers"]["Authorization"].as_str().unwrap()
    );
}

#[test]
fn recorded_answers_are_read() {
    let answer = recording("first-call-sleep")["response"]["json"].clone();
    let run: Envelope<CheckpointRun> = serde_json::from_value(answer).unwrap();
    assert_eq!(run.data.run_id, "01M818949KQQCEZ4GNZY2N6Z3W");
    assert_eq!(run.data.token.as_deref(), Some("RUN_TOKEN"));
    // docs/protocol.md 2.2
    let without_token = r#"{"data":{"fn_id":"c447f140-a0d7-5ed6-b4bc-b34597dc8a7e","app_id":"38628d2f-3dcc-5cc3-9130-381291504e64","run_id":"00000000000000000000000000","realtime_token":"REALTIME_TOKEN"},"metadata":{"fetched_at":"2026-11-22T09:12:34.537717862Z"}}"#;
    let run: Envelope<CheckpointRun> = serde_json::from_str(without_token).unwrap();
    assert_eq!(run.data.token, None);
    let refused: ApiErrorBody =
        serde_json::from_str(r#"{"error":"Invalid request body","data":null,"status":400}"#).unwrap();
    assert_eq!(refused.error, "Invalid request body");
}
