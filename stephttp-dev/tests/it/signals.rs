//! Signals, and waiting for them.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stephttp_dev::{DevServer, RunStatus, StepStatus, ViolationKind};

use crate::support::*;

fn wait_op(id: &str, signal: &str, conflict: &str) -> Value {
    op_with("WaitForSignal", id, json!({"signal": signal, "timeout": "30s", "conflict": conflict}))
}

// docs/protocol.md 5.4 and 6.2
#[tokio::test]
async fn a_signal_is_the_steps_value() {
    let answers = [ops([sleep("long", "9h")]), result(200, "x")];
    let scene = Scene::held([wait_op("sig", "sig-js", "replace")], answers).await;
    let run = scene.server.wait_for_waiting(&scene.run_id, "sig").await;
    assert_eq!(run.step("sig").unwrap().status, StepStatus::WaitingForSignal);
    let got = scene.client.post("/v1/signals", json!({"signal": "sig-js", "data": {"s": 1}})).await;
    assert_eq!((got.status, &got.json()["data"]), (200, &json!({"run_id": scene.run_id})));
    scene.server.idle().await;
    let state = scene.client.actions(&scene.run_id).await.text;
    assert_eq!(
        state,
        format!("{{\"{}\":{{\"data\":{{\"data\":{{\"s\":1}},\"signal\":\"sig-js\"}}}}}}\n", hash("sig"))
    );
    // It has been taken.
    let got = scene.client.post("/v1/signals", json!({"signal": "sig-js"})).await;
    assert_eq!(
        (got.status, got.text.as_str()),
        (404, "{\"error\":\"No signal found\",\"data\":null,\"status\":404}\n")
    );
    scene.server.assert_no_violations();
}

// docs/protocol.md 5.4
#[tokio::test]
async fn a_wait_for_a_signal_times_out_to_null() {
    let scene = Scene::new([wait_op("ws", "sig-raw", "fail")], [result(200, "x")]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    let waited = scene.server.dispatches()[0].at.duration_since(scene.server.calls()[0].at).unwrap();
    assert_eq!(waited, Duration::from_secs(30));
    assert_eq!(run.step("ws").unwrap().status, StepStatus::TimedOut);
    assert_eq!(scene.server.send_signal("sig-raw", 1), None);
    assert_eq!(scene.client.post("/v1/signals", "{").await.status, 400);
    scene.server.assert_no_violations();
}

async fn two(conflict: &str) -> (Scene, String) {
    let scene = Scene::held([wait_op("first", "s", "fail")], [result(200, "x")]).await;
    let second = new_id();
    scene.client.create(&report(&second, &scene.app.domain, [wait_op("second", "s", conflict)])).await;
    (scene, second)
}

// Read in the server's source
#[tokio::test]
async fn a_signal_that_is_waited_for_already_can_be_taken_over() {
    let (scene, second) = two("replace").await;
    assert_eq!(scene.server.send_signal("s", json!({"n": 1})), Some(second.clone()));
    scene.server.wait_for_end(&second).await;
    // The first gets no signal any more, and times out.
    assert_eq!(scene.server.send_signal("s", json!({"n": 2})), None);
    scene.server.release_time();
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.step("first").unwrap().status, StepStatus::TimedOut);
    scene.server.assert_no_violations();
}

// Read in the server's source: the conflict is only logged
#[tokio::test]
async fn a_conflict_in_a_checkpoint_hangs_the_run() {
    let (scene, second) = two("fail").await;
    assert_eq!(scene.violations(), [ViolationKind::SignalConflict, ViolationKind::LostOperation]);
    assert_eq!(scene.server.send_signal("s", ()), Some(scene.run_id.clone()));
    scene.server.release_time();
    scene.server.idle().await;
    let run = scene.server.run(&second).unwrap();
    assert_eq!((run.status, run.outstanding), (RunStatus::Running, 0));
}

// Read in the server's source
#[tokio::test]
async fn a_conflict_in_an_answer_fails_the_run() {
    let scene = Scene::held([wait_op("first", "s", "fail")], [ops([wait_op("second", "s", "fail")])]).await;
    let other = new_id();
    scene.client.create(&report(&other, &scene.app.domain, [planned_discovery()])).await;
    let run = scene.server.wait_for_end(&other).await;
    assert_eq!(run.status, RunStatus::Failed);
    let error = json!({"error": {
        "error": "Signal conflict; signal wait already exists for another run",
        "name": "Error",
        "message": "Signal conflict; signal wait already exists for another run",
    }});
    assert_eq!(serde_json::from_str::<Value>(&run.output).unwrap(), error);
    assert_eq!(scene.violations(), [ViolationKind::SignalConflict]);
}

#[tokio::test]
async fn a_cancelled_run_frees_its_signal() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    server.hold_time();
    let app = App::answering([result(200, "x")]).await;
    let (first, second) = (new_id(), new_id());
    client.create(&report(&first, &app.domain, [wait_op("a", "s", "fail")])).await;
    client.send(client.request(Method::DELETE, &format!("/v1/runs/{first}"))).await.unwrap();
    client.create(&report(&second, &app.domain, [wait_op("a", "s", "fail")])).await;
    assert_eq!(server.send_signal("s", ()), Some(second));
    server.assert_no_violations();
}
