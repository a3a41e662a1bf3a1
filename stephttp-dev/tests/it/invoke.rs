//! Invoking functions.

use std::time::Duration;

use serde_json::{Value, json};
use stephttp_dev::{DevServer, RunStatus, StepStatus, ViolationKind};

use crate::support::*;

fn invoke(id: &str, function: &str, timeout: Option<&str>) -> Value {
    let mut opts = json!({"function_id": function, "payload": {"data": {"in": 1}}});
    if let Some(timeout) = timeout {
        opts["timeout"] = timeout.into();
    }
    op_with("InvokeFunction", id, opts)
}

/// A run that invokes something, and what its state shows then.
async fn state_after(server: DevServer, op: Value) -> (Scene, Value) {
    Scene::until_there_is(server, "inv", 3, [op], Vec::new()).await
}

// docs/protocol.md 5.6
#[tokio::test]
async fn a_stand_in_function_gives_its_result() {
    let server = DevServer::start().await.unwrap();
    server.function("demo-app-fn-ok", |data| async move { Ok::<_, String>(json!({ "out": data })) });
    let (scene, value) = state_after(server, invoke("inv", "demo-app-fn-ok", None)).await;
    assert_eq!(value, json!({"data": {"out": {"in": 1}}}));
    let run = scene.server.run(&scene.run_id).unwrap();
    assert_eq!(run.step("inv").unwrap().status, StepStatus::Completed);
    scene.server.assert_no_violations();
}

// docs/protocol.md 5.6
#[tokio::test]
async fn a_function_that_fails_gives_its_error() {
    let builder = DevServer::builder()
        .function("bad", |_| async { Err("fn bad") })
        .function("worse", |_| async { panic!("on purpose") as Result<Value, String> });
    for (name, message) in [("bad", "fn bad"), ("worse", "the stand-in function panicked")] {
        let server = builder.clone().start().await.unwrap();
        let (scene, value) = state_after(server, invoke("inv", name, Some("20s"))).await;
        let stack = format!("Error: {message}");
        let error =
            json!({"error": "NonRetriableError", "message": message, "name": "Error", "stack": stack});
        assert_eq!(value, json!({ "error": error }));
        let run = scene.server.run(&scene.run_id).unwrap();
        assert_eq!(run.step("inv").unwrap().status, StepStatus::Failed);
        scene.server.assert_no_violations();
    }
}

// docs/protocol.md 5.6
#[tokio::test]
async fn a_function_that_nobody_knows_is_an_error() {
    let (scene, value) =
        state_after(DevServer::start().await.unwrap(), invoke("inv", "ghost-nope", Some("5s"))).await;
    let message = "could not find function with ID: ghost-nope";
    assert_eq!(value, json!({"error": {"message": message, "name": "Error"}}));
    scene.server.assert_no_violations();
}

#[tokio::test]
async fn time_stands_still_while_a_function_works() {
    let server = DevServer::start().await.unwrap();
    let work = std::sync::Arc::new(tokio::sync::Notify::new());
    let done = std::sync::Arc::clone(&work);
    server.function("slow", move |_| {
        let done = std::sync::Arc::clone(&done);
        async move {
            done.notified().await;
            Ok::<_, String>(json!("done"))
        }
    });
    let scene = Scene::on(server, App::answering([result(200, "x")]).await, |domain, id| {
        report(id, domain, [invoke("inv", "slow", Some("5s")), sleep("s", "1s")])
    })
    .await;
    let started = scene.server.now();
    scene.server.wait_for_waiting(&scene.run_id, "inv").await;
    assert_eq!(scene.server.now(), started);
    work.notify_one();
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.step("inv").unwrap().value, Some(json!("done")));
    assert_eq!(scene.server.dispatches()[0].at, started);
}

/// A server that has seen the endpoint `target`, which answers re-entries like this.
async fn with_target(answers: impl IntoIterator<Item = Answer>) -> (DevServer, App, Client) {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering(answers).await;
    let mut seen = report(&new_id(), &app.domain, [complete(200, "")]);
    seen["event"]["data"]["fn"] = "target".into();
    client.create(&seen).await;
    (server, app, client)
}

#[tokio::test]
async fn an_endpoint_that_has_been_seen_can_be_invoked_here_but_not_at_the_real_server() {
    for (answer, expected) in [
        (result(201, r#"{"total":3}"#), json!({"data": {"total": 3}})),
        (result(200, "plain"), json!({"data": "plain"})),
    ] {
        let (server, target, _) = with_target([ops([sleep("inner", "1s")]), answer]).await;
        let (scene, value) = state_after(server, invoke("inv", "target", None)).await;
        assert_eq!(value, expected);
        let seen = &target.seen()[0];
        assert_eq!((seen.uri.as_str(), seen.header("content-type")), ("/orders", Some("application/json")));
        assert_eq!(&seen.body[..], br#"{"in":1}"#);
        assert_eq!(scene.server.runs()[2].event["name"], "inngest/function.invoked");
        assert_eq!(scene.violations(), [ViolationKind::InvokedEndpoint]);
    }
}

#[tokio::test]
async fn an_invoked_endpoint_that_fails_gives_an_error() {
    let failed = Answer::new(500, complete(503, "down").to_string()).no_retry();
    let (server, ..) = with_target([failed]).await;
    let (_, value) = state_after(server, invoke("inv", "target", None)).await;
    assert_eq!(value["error"]["message"], "down");
}

// Read in the server's source
#[tokio::test]
async fn an_invocation_that_takes_too_long_is_an_error() {
    let (server, ..) = with_target([ops([sleep("inner", "2h")]), result(200, "late")]).await;
    let (scene, value) = state_after(server, invoke("inv", "target", Some("1h"))).await;
    let message = "Timed out waiting for invoked function to complete";
    let name = "InngestInvokeTimeoutError";
    let error = json!({"error": format!("{name}: {message}"), "message": message, "name": name});
    assert_eq!(value, json!({ "error": error }));
    let runs = scene.server.runs();
    let own: Vec<_> =
        scene.server.dispatches().into_iter().filter(|dispatch| dispatch.run_id == scene.run_id).collect();
    let began = scene.server.dispatches()[0].at;
    assert_eq!(own[0].at.duration_since(began).unwrap(), Duration::from_secs(3_600));
    // What it comes to in the end interests nobody.
    let invoked = scene.server.wait_for_end(&runs[2].id).await;
    assert_eq!(invoked.status, RunStatus::Completed);
    scene.server.wait_for_end(&scene.run_id).await;
}

// Read in the server's source
#[tokio::test]
async fn an_invocation_without_a_payload_crashes_the_server() {
    let op = op_with("InvokeFunction", "inv", json!({"function_id": "f"}));
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let got = client.post("/v1/checkpoint", report(&new_id(), "http://127.0.0.1:1", [op.clone()])).await;
    assert_eq!((got.status, got.text.as_str()), (500, ""));
    assert_eq!(kinds(&server), [ViolationKind::MissingPayload]);

    let scene = Scene::new([sleep("s", "1s")], [ops([op])]).await;
    scene.server.idle().await;
    assert_eq!(scene.violations(), [ViolationKind::MissingPayload, ViolationKind::EmptyAnswer]);
}

#[tokio::test]
async fn numbers_of_a_payload_and_a_result_are_rounded() {
    let server = DevServer::start().await.unwrap();
    server.function("f", |data| async move {
        assert_eq!(data, json!({"n": 9_007_199_254_740_992_u64}));
        Ok::<_, String>(json!(9_007_199_254_740_993_u64))
    });
    let opts = json!({"function_id": "f", "payload": {"data": {"n": 9_007_199_254_740_993_u64}}});
    let (scene, value) = state_after(server, op_with("InvokeFunction", "inv", opts)).await;
    assert_eq!(value, json!({"data": 9_007_199_254_740_992_u64}));
    assert_eq!(scene.violations(), [ViolationKind::LossyNumber; 2]);
}
