//! Calls to third parties that the server makes for a step.

use serde_json::{Value, json};
use stephttp_dev::{DevServer, RunStatus, StepStatus, ViolationKind};

use crate::support::*;

fn gateway(id: &str, url: &str, body: &str) -> Value {
    op_with("Gateway", id, json!({"url": url, "method": "POST", "headers": {"x-a": "b"}, "body": body}))
}

fn ai(id: &str, url: &str) -> Value {
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "model": "gpt-x"});
    let opts = json!({"type": "step.ai.infer", "url": url, "auth_key": "sk-test", "format": "openai-chat", "body": body});
    op_with("AIGateway", id, opts)
}

/// A third party that answers like this.
async fn third_party(status: u16, body: &str) -> App {
    App::answering([Answer::new(status, body)
        .with("content-type", "application/json")
        .with("x-multi", "1")
        .with("x-multi", "2")])
    .await
}

/// A run whose re-entries ask for the call until its value is there. Answers the value too.
async fn asks(op: Value, retries: u32) -> (Scene, Value) {
    let id = op["name"].as_str().unwrap().to_owned();
    let server = DevServer::start().await.unwrap();
    Scene::until_there_is(server, &id, retries, [planned_discovery()], vec![op]).await
}

// docs/protocol.md 5.5
#[tokio::test]
async fn the_server_makes_the_request_and_keeps_what_comes() {
    for status in [200, 503] {
        let other = third_party(status, r#"{"choices":[]}"#).await;
        let url = format!("{}/hello?q=1", other.domain);
        let (scene, value) = asks(gateway("fetch", &url, r#"{"in":1}"#), 3).await;
        let data = &value["data"];
        assert_eq!(data["url"], url);
        assert_eq!((&data["status_code"], &data["body"]), (&json!(status), &json!(r#"{"choices":[]}"#)));
        assert_eq!(
            (&data["headers"]["Content-Type"], &data["headers"]["X-Multi"]),
            (&json!("application/json"), &json!("1,2"))
        );
        let seen = &other.seen()[0];
        assert_eq!(
            (seen.uri.as_str(), seen.header("x-a"), &seen.body[..]),
            ("/hello?q=1", Some("b"), &br#"{"in":1}"#[..])
        );
        assert_eq!(other.seen().len(), 1);
        scene.server.assert_no_violations();
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_sent_in_quotes() {
    let other = third_party(200, "{}").await;
    let (scene, _) = asks(gateway("fetch", &other.domain, "a=1"), 3).await;
    assert_eq!(&other.seen()[0].body[..], br#""a=1""#);
    assert_eq!(scene.violations(), [ViolationKind::GatewayBodyNotJson]);
}

// Read in the server's source: the job is tried again, and the app asks again
#[tokio::test]
async fn a_call_that_fails_is_tried_again_and_then_an_error() {
    let (scene, value) = asks(gateway("fetch", "http://127.0.0.1:1/", ""), 2).await;
    assert_eq!(value["error"]["name"], "GatewayError");
    let message = value["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with(
            "Error making gateway request: error performing request: Post \"http://127.0.0.1:1/\": "
        ),
        "{message}"
    );
    // Three attempts, and the re-entry with the error.
    let generations: Vec<_> = scene.app.seen().iter().map(Reentry::generation).collect();
    assert_eq!(generations, [1, 2, 3, 1]);
    let run = scene.server.run(&scene.run_id).unwrap();
    assert_eq!(run.step("fetch").unwrap().status, StepStatus::Failed);
    scene.server.assert_no_violations();
}

// docs/protocol.md 5.5
#[tokio::test]
async fn an_ai_call_gives_the_providers_json() {
    let other = third_party(200, r#"{"choices":[{"message":{"content":"hello"}}]}"#).await;
    let (scene, value) = asks(ai("ai", &other.domain), 3).await;
    assert_eq!(value, json!({"data": {"choices": [{"message": {"content": "hello"}}]}}));
    let seen = &other.seen()[0];
    assert_eq!(
        (seen.header("authorization"), seen.header("content-type")),
        (Some("Bearer sk-test"), Some("application/json"))
    );
    assert_eq!(&seen.body[..], br#"{"messages":[{"content":"hi","role":"user"}],"model":"gpt-x"}"#);
    scene.server.assert_no_violations();
}

#[tokio::test]
async fn an_ai_call_that_is_refused_gives_the_providers_answer_as_an_error() {
    for (body, expected) in [
        (r#"{"oops":1}"#, json!({"data": {"oops": 1}, "stack": r#"{"oops":1}"#})),
        (
            "",
            json!({"data": {"error": "Error making AI request"}, "stack": r#"{"error":"Error making AI request"}"#}),
        ),
    ] {
        let other = third_party(400, body).await;
        let (_, value) = asks(ai("ai", &other.domain), 0).await;
        let mut expected = expected;
        expected["name"] = "AIGatewayError".into();
        expected["message"] = "Error making AI request: unsuccessful status code: 400".into();
        assert_eq!(value, json!({ "error": expected }));
    }
}

// docs/protocol.md 5.8
#[tokio::test]
async fn at_a_checkpoint_this_machine_is_refused_and_the_run_hangs() {
    let other = third_party(200, "{}").await;
    let scene = Scene::new([gateway("fetch", &other.domain, "")], [result(200, "x")]).await;
    scene.server.idle().await;
    assert!(other.seen().is_empty());
    assert!(scene.app.seen().is_empty());
    assert_eq!(scene.client.actions(&scene.run_id).await.json(), json!({}));
    assert_eq!(scene.violations(), [ViolationKind::LostOperation]);
}

// docs/protocol.md 5.5: without retries the error is kept
#[tokio::test]
async fn at_a_checkpoint_without_retries_the_error_is_kept() {
    let other = third_party(200, "{}").await;
    let port = other.domain.rsplit_once(':').unwrap().1.to_owned();
    for op in [gateway("x", &format!("{}/", other.domain), ""), ai("x", &format!("{}/", other.domain))] {
        let server = DevServer::start().await.unwrap();
        let (scene, value) = Scene::until_there_is(server, "x", 0, [op], Vec::new()).await;
        let message = value["error"]["message"].as_str().unwrap();
        let end = format!(
            "request: error performing request: Post \"http://127.0.0.1:{port}/\": Unable to make request to 127.0.0.1:{port} at IP 127.0.0.1: private IP range"
        );
        assert!(message.ends_with(&end), "{message}");
        assert!(other.seen().is_empty());
        scene.server.assert_no_violations();
    }
}

#[tokio::test]
async fn a_key_is_seen_by_the_provider_alone() {
    let server = DevServer::start().await.unwrap();
    let mut notices = server.subscribe();
    // The URL that a connection fails at holds the key, with this format.
    let opts =
        json!({"url": "http://127.0.0.1:1/v1", "auth_key": "sk-secret", "format": "gemini", "body": {}});
    let asking = ops([op_with("AIGateway", "ai", opts)]);
    let app = App::answering([asking, result(200, "x")]).await;
    let scene = Scene::on(server, app, |domain, run_id| {
        let mut report = report(run_id, domain, [sleep("s", "1s")]);
        report["retries"] = 0.into();
        report
    })
    .await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    let step = run.step("ai").unwrap();
    assert!(step.value.as_ref().unwrap()["message"].as_str().unwrap().contains("key=***"));
    let mut shown = format!("{run:?} {:?} {:?}", scene.server, scene.server.violations());
    while let Some(notice) = notices.try_next() {
        shown.push_str(&format!("{notice} {notice:?}"));
    }
    assert!(!shown.contains("sk-secret"), "{shown}");
    // A test can still look at what was sent.
    assert!(String::from_utf8_lossy(&scene.server.dispatches()[0].response_body).contains("sk-secret"));
}

#[tokio::test]
async fn time_stands_still_while_a_third_party_is_called_and_siblings_go_on() {
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let open = std::sync::Arc::clone(&gate);
    let other = App::start(move |_| {
        let gate = std::sync::Arc::clone(&gate);
        async move {
            gate.notified().await;
            Answer::new(200, "{}")
        }
    })
    .await;
    let url = other.domain.clone();
    // The third party answers only after the sibling has run.
    let app = App::start(move |reentry: Reentry| {
        let (url, open) = (url.clone(), std::sync::Arc::clone(&open));
        async move {
            match (reentry.n, reentry.step()) {
                (1, _) => ops([gateway("fetch", &url, ""), planned("p")]),
                (_, Some(_)) => {
                    open.notify_one();
                    ops([step_run("p", 1)])
                }
                _ => result(200, "x"),
            }
        }
    })
    .await;
    let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, RunStatus::Completed);
    let ats: Vec<_> = scene.server.dispatches().iter().map(|dispatch| dispatch.at).collect();
    assert_eq!(ats, [ats[0]; 3]);
    scene.server.assert_no_violations();
}

// Read in the server's source: a call is made again whenever it is reported
#[tokio::test]
async fn a_call_that_is_reported_again_is_made_again() {
    let other = third_party(200, "{}").await;
    let op = gateway("fetch", &other.domain, "");
    let answers = [ops([op.clone()]), ops([op, sleep("t", "1s")]), result(200, "x")];
    let scene = Scene::new([sleep("s", "1s")], answers).await;
    scene.server.idle().await;
    assert_eq!(other.seen().len(), 2);
    assert!(scene.violations().contains(&ViolationKind::StepRanTwice));
}
