//! Numbers, which the server keeps as floats: docs/protocol.md 6.3.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use stephttp_dev::{DevServer, ViolationKind};

use crate::support::*;

/// The report of a run with one step, whose field is this JSON.
fn report_with(run_id: &str, code: &str, field: &str, json: &str) -> String {
    let mut op = if code == "StepRun" { step_run("a", Value::Null) } else { step_failed("a") };
    op[field] = "HERE".into();
    report(run_id, "http://127.0.0.1:1", [op]).to_string().replace(r#""HERE""#, json)
}

/// What `/actions` says of a step, as it says it.
async fn stored(client: &Client, run_id: &str) -> String {
    let text = client.actions(run_id).await.text;
    let steps: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).unwrap();
    steps[&hash("a")].get().to_owned()
}

#[tokio::test]
async fn a_steps_numbers_come_back_as_floats() {
    let sent = r#"{"a":[9007199254740993,18446744073709551615,1.0,1E5,-0.0],"t":"9007199254740993"}"#;
    let read = r#"{"a":[9007199254740992,18446744073709552000,1,100000,-0],"t":"9007199254740993"}"#;
    for call in ["/v1/checkpoint", "/steps", "/async"] {
        let server = DevServer::start().await.unwrap();
        let client = Client::new(&server);
        let run_id = new_id();
        let body = report_with(&run_id, "StepRun", "data", sent);
        if call == "/v1/checkpoint" {
            client.post(call, body).await;
        } else {
            client.create(&report(&run_id, "http://127.0.0.1:1", [])).await;
            client.post(&format!("/v1/checkpoint/{run_id}{call}"), body).await;
        }
        assert_eq!(stored(&client, &run_id).await, format!(r#"{{"data":{read}}}"#), "{call}");
        let lossy = kinds(&server).into_iter().filter(|kind| *kind == ViolationKind::LossyNumber).count();
        assert_eq!(lossy, 2, "{call}");
    }
}

#[tokio::test]
async fn an_errors_numbers_and_a_signals_are_floats_too() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let run_id = new_id();
    server.hold_dispatches();
    let error = r#"{"name":"E","message":"m","data":1.0,"noRetry":true}"#;
    client.post("/v1/checkpoint", report_with(&run_id, "StepFailed", "error", error)).await;
    assert_eq!(stored(&client, &run_id).await, r#"{"error":{"data":1,"message":"m","name":"E"}}"#);

    let wait = op_with("WaitForSignal", "a", json!({"signal": "s", "timeout": "1h"}));
    let run_id = new_id();
    client.create(&report(&run_id, "http://127.0.0.1:1", [wait])).await;
    client.post("/v1/signals", r#"{"signal":"s","data":9007199254740993}"#).await;
    assert_eq!(stored(&client, &run_id).await, r#"{"data":{"data":9007199254740992,"signal":"s"}}"#);
}

#[tokio::test]
async fn a_number_that_is_too_large_makes_the_state_unreadable() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let run_id = new_id();
    client.post("/v1/checkpoint", report_with(&run_id, "StepRun", "data", "1e400")).await;
    assert_eq!(client.actions(&run_id).await.status, 410);
    assert_eq!(kinds(&server), [ViolationKind::LossyNumber]);
}
