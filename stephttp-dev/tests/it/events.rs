//! Events, and waiting for them.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stephttp_dev::{Call, DevServer, InjectedFault, RunStatus, StepStatus, ViolationKind};

use crate::support::*;

fn wait_op(id: &str, opts: Value) -> Value {
    op_with("WaitForEvent", id, opts)
}

/// A run that waits for an event while time is held, and then ends.
async fn waiting(opts: Value) -> Scene {
    Scene::held([wait_op("wait", opts)], [result(200, "x")]).await
}

// docs/protocol.md 5.4
#[tokio::test]
async fn an_event_that_matches_is_the_steps_value() {
    let scene = Scene::held(
        [wait_op("wait", json!({"event": "test/ev-js", "timeout": "30s", "if": "async.data.id == \"abc\""}))],
        [ops([step_run("after", 1)]), result(200, "x")],
    )
    .await;
    let run = scene.server.wait_for_waiting(&scene.run_id, "wait").await;
    assert_eq!(run.step("wait").unwrap().status, StepStatus::WaitingForEvent);
    assert_eq!(run.outstanding, 1);
    // Another id, another name: nothing is woken.
    scene.client.post("/e/devkey", json!({"name": "test/ev-js", "data": {"id": "other"}})).await;
    scene.client.post("/e/devkey", json!({"name": "test/other", "data": {"id": "abc"}})).await;
    scene.server.idle().await;
    assert!(scene.app.seen().is_empty());

    let event = json!({"name": "test/ev-js", "data": {"id": "abc", "n": 1}, "ts": 1_795_337_946_848_u64});
    let got = scene.client.post("/e/devkey", event).await;
    let id = got.json()["ids"][0].as_str().unwrap().to_owned();
    assert_eq!((got.status, got.json()), (200, json!({"ids": [id], "status": 200})));
    // Looked at before the run ends.
    scene.server.wait_for_dispatch(1).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    let expected = json!({"data": {"id": "abc", "n": 1}, "id": id, "name": "test/ev-js", "ts": 1_795_337_946_848_u64, "user": {}});
    let step = run.step("wait").unwrap();
    assert_eq!((step.status, step.value.as_ref()), (StepStatus::Completed, Some(&expected)));
    let seen: Vec<_> = scene.server.events().into_iter().map(|event| event.name).collect();
    assert_eq!(seen, ["test/ev-js", "test/other", "test/ev-js"]);
    scene.server.assert_no_violations();
}

// docs/protocol.md 6.2: the value in `/actions` is bare, with its keys sorted
#[tokio::test]
async fn the_state_shows_the_bare_event() {
    let scene = Scene::held(
        [wait_op("wait", json!({"event": "e", "timeout": "1h"}))],
        [ops([sleep("long", "9h")]), result(200, "x")],
    )
    .await;
    let id = scene.server.send_event("e", json!({"a": 1}));
    scene.server.idle().await;
    let state = scene.client.actions(&scene.run_id).await;
    let ts = scene.server.events()[0].ts;
    let event = format!(r#"{{"data":{{"a":1}},"id":"{id}","name":"e","ts":{ts},"user":{{}}}}"#);
    assert_eq!(state.text, format!("{{\"{}\":{event}}}\n", hash("wait")));
}

// docs/protocol.md 5.4 and 6.2
#[tokio::test]
async fn a_wait_times_out_to_null() {
    let scene = waiting(json!({"event": "test/never", "timeout": "2s"})).await;
    let started = scene.server.now();
    scene.server.release_time();
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.server.dispatches()[0].at, started + Duration::from_secs(2));
    let step = run.step("wait").unwrap();
    assert_eq!((step.status, step.value.as_ref()), (StepStatus::TimedOut, Some(&Value::Null)));
    // Too late.
    scene.server.send_event("test/never", json!({}));
    scene.server.idle().await;
    assert_eq!(scene.app.seen().len(), 1);
    scene.server.assert_no_violations();
}

// Read in the server's source: without a timeout the wait is over at once. The name may stand in
// `name` (JS).
#[tokio::test]
async fn a_wait_without_a_timeout_is_over_at_once() {
    let scene = waiting(json!({})).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.server.dispatches()[0].at, scene.server.calls()[0].at);
    scene.server.assert_no_violations();
}

#[tokio::test]
async fn the_event_that_began_the_run_can_be_compared_with() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    server.hold_time();
    let condition = "async.data.path == event.data.path";
    let wait = wait_op("wait", json!({"event": "e", "timeout": "1h", "if": condition}));
    let app = App::answering([ops([wait]), result(200, "x")]).await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [planned_discovery()])).await;
    server.wait_for_waiting(&run_id, "wait").await;
    server.send_event("e", json!({"path": "/other"}));
    server.send_event("e", json!({}));
    server.idle().await;
    assert_eq!(app.seen().len(), 1);
    server.send_event("e", json!({"path": "/orders"}));
    server.wait_for_end(&run_id).await;
    server.assert_no_violations();
}

// Read in the server's source: a checkpoint knows no events, and reaches for the first
#[tokio::test]
async fn comparing_with_the_runs_own_event_in_a_checkpoint_crashes_the_server() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let condition = "async.data.id == event.data.id";
    let wait = wait_op("wait", json!({"event": "e", "timeout": "1h", "if": condition}));
    let got = client.post("/v1/checkpoint", report(&new_id(), "http://127.0.0.1:1", [wait])).await;
    assert_eq!((got.status, got.text.as_str()), (500, ""));
    assert_eq!(kinds(&server), [ViolationKind::EventInExpression]);
}

// docs/protocol.md 5.4
#[tokio::test]
async fn a_bad_expression_in_a_checkpoint_is_lost() {
    let scene = waiting(json!({"event": "e", "timeout": "2s", "if": "this is not cel ((("})).await;
    scene.server.release_time();
    scene.server.send_event("e", json!({}));
    scene.server.idle().await;
    assert_eq!(scene.client.actions(&scene.run_id).await.json(), json!({}));
    assert_eq!(scene.server.run(&scene.run_id).unwrap().status, RunStatus::Running);
    assert_eq!(scene.violations(), [ViolationKind::LostOperation]);
}

// Read in the server's source
#[tokio::test]
async fn a_bad_expression_in_an_answer_fails_the_run() {
    let bad = wait_op("wait", json!({"event": "e", "timeout": "2s", "if": "async.data.id =="}));
    let scene = Scene::new([sleep("s", "1s")], [ops([bad, planned("never")])]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, RunStatus::Failed);
    let output: Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(output["error"]["name"], "InvalidExpression");
    scene.server.idle().await;
    assert_eq!(scene.app.seen().len(), 1);
    assert_eq!(scene.violations(), [ViolationKind::BadExpression]);
}

// Read in the server's source
#[tokio::test]
async fn waiting_for_longer_than_a_year_fails_the_run() {
    for too_long in [wait_op("wait", json!({"event": "e", "timeout": "367d"})), sleep("t", "367d")] {
        let scene = Scene::new([sleep("s", "1s")], [ops([too_long])]).await;
        let run = scene.server.wait_for_end(&scene.run_id).await;
        assert_eq!(run.status, RunStatus::Failed);
        assert!(run.output.contains("InngestErrTimeoutTooLong"), "{}", run.output);
        assert_eq!(scene.violations().len(), 1);
    }
}

#[tokio::test]
async fn one_event_wakes_all_that_wait_in_their_order() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    server.hold_time();
    let app = App::answering([result(200, "x")]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let run_id = new_id();
        let wait = wait_op("wait", json!({"event": "e", "timeout": "1h"}));
        client.create(&report(&run_id, &app.domain, [wait])).await;
        ids.push(run_id);
    }
    server.send_event("e", json!({}));
    server.idle().await;
    let woken: Vec<_> = server.dispatches().into_iter().map(|dispatch| dispatch.run_id).collect();
    assert_eq!(woken, ids);
}

#[tokio::test]
async fn a_cancelled_run_waits_no_more() {
    let scene = waiting(json!({"event": "e", "timeout": "1h"})).await;
    let path = format!("/v1/runs/{}", scene.run_id);
    let got = scene.client.send(scene.client.request(Method::DELETE, &path)).await.unwrap();
    assert_eq!(got.status, 200);
    scene.server.send_event("e", json!({}));
    scene.server.release_time();
    scene.server.idle().await;
    assert!(scene.app.seen().is_empty());
    let run = scene.server.run(&scene.run_id).unwrap();
    assert_eq!((run.status, run.outstanding), (RunStatus::Cancelled, 0));
    assert_eq!(scene.client.actions(&scene.run_id).await.status, 410);
}

// docs/protocol.md 5.4: an array; a seed makes the ids, and the same ids are not delivered again
#[tokio::test]
async fn a_seed_makes_ids_and_what_has_come_is_not_delivered_again() {
    let scene = waiting(json!({"event": "test/sent", "timeout": "1h"})).await;
    let seed = "1743130137367,eii2YKXRVTJPuA==";
    let send = async || {
        let body = json!([{"name": "test/one", "data": {"a": 1}, "ts": 1_795_337_949_663_u64}, {"name": "test/two"}]);
        let request =
            scene.client.request(Method::POST, "/e/NO_EVENT_KEY_SET").header("x-inngest-event-id-seed", seed);
        scene.client.send(request.body(body.to_string())).await.unwrap().json()["ids"].clone()
    };
    let first = send().await;
    assert_eq!(first.as_array().unwrap().len(), 2);
    assert_ne!(first[0], first[1]);
    assert_eq!(send().await, first);
    let duplicates: Vec<_> = scene.server.events().iter().map(|event| event.duplicate).collect();
    assert_eq!(duplicates, [false, false, true, true]);

    // A sender's own id counts as well; the answer names the server's.
    for woken in [true, false] {
        let event = json!({"name": "test/sent", "id": "mine"});
        let id = scene.client.post("/e/k", event).await.json()["ids"][0].clone();
        assert_ne!(id, "mine");
        let last = scene.server.events().pop().unwrap();
        assert_eq!((last.id.as_str(), last.duplicate), ("mine", !woken));
    }
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.step("wait").unwrap().value.as_ref().unwrap()["id"], "mine");
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    for (body, error) in [
        ("", None),
        ("[]", None),
        ("1", Some("Request body must contain")),
        ("{", Some("")),
        ("{}", Some("event name is empty")),
        (r#"{"name":"e","data":[]}"#, Some("")),
        (r#"{"name":"e","ts":"now"}"#, Some("")),
        (r#"{"name":"e","ts":1}"#, Some("timestamp is before")),
        (r#"{"name":"Inngest/e"}"#, Some("event name is reserved")),
    ] {
        let got = client.post("/e/k", body).await;
        let status = if error.is_some() { 400 } else { 200 };
        assert_eq!((got.status, &got.json()["status"]), (status, &json!(status)), "{body}");
        assert_eq!(got.json()["ids"], json!([""]));
        if let Some(error) = error {
            assert!(got.json()["error"].as_str().unwrap().contains(error), "{}", got.text);
        }
    }
    assert!(server.events().is_empty());
    // The ones before are taken.
    let got = client.post("/e/k", r#"[{"name":"a"},{"name":""}]"#).await;
    assert_eq!((got.status, got.json()["ids"].as_array().unwrap().len()), (400, 1));
    assert_eq!(server.events().len(), 1);
    let many = Value::from_iter((0..5_001).map(|_| json!({"name": "e"})));
    let got = client.post("/e/k", many).await;
    assert_eq!((got.status, got.json()["ids"].as_array().unwrap().len()), (400, 5_000));
}

// docs/protocol.md 1.2
#[tokio::test]
async fn an_event_key_is_asked_for_when_there_is_one() {
    let server = DevServer::builder().event_key("right").signing_key("00ff").start().await.unwrap();
    let client = Client::new(&server);
    let got = client.post("/e/wrong", json!({"name": "e"})).await;
    assert_eq!(
        (got.status, got.text.as_str()),
        (401, r#"{"status":401,"message":"","error":"Event key not found"}"#)
    );
    // The signing key is not asked for.
    assert_eq!(client.post("/e/right", json!({"name": "e"})).await.status, 200);
    assert_eq!(server.events().len(), 1);
}

#[tokio::test]
async fn large_integers_are_rounded_and_noted() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    client.post("/e/k", r#"{"name":"e","data":{"order":{"id":9007199254740993},"n":1.0}}"#).await;
    let event = server.wait_for_event(1).await;
    assert_eq!(event.data, json!({"order": {"id": 9_007_199_254_740_992_u64}, "n": 1}));
    assert_eq!(kinds(&server), [ViolationKind::LossyNumber]);
    assert!(server.violations()[0].message.contains("data.order.id = 9007199254740993"));
}

#[tokio::test]
async fn faults_work_on_events_and_signals() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    server.inject(InjectedFault::on(Call::Events).respond(500));
    server.inject(InjectedFault::on(Call::Events).nth(2).drop_response());
    server.inject(InjectedFault::on(Call::Signals).refuse());
    assert_eq!(client.post("/e/k", json!({"name": "e"})).await.status, 500);
    assert!(server.events().is_empty());
    assert!(client.try_post("/e/k", json!({"name": "e"})).await.is_err());
    assert_eq!(server.events().len(), 1);
    assert!(client.try_post("/v1/signals", json!({"signal": "s"})).await.is_err());
    assert_eq!(server.calls_of(Call::Events).len(), 2);
    assert_eq!(server.calls_of(Call::Signals).len(), 1);
}

#[tokio::test]
async fn people_are_told_who_waits_and_what_comes() {
    let server = DevServer::start().await.unwrap();
    server.hold_time();
    let mut notices = server.subscribe();
    let waits = [
        wait_op("in-time", json!({"event": "e", "timeout": "1h"})),
        wait_op("too-late", json!({"event": "other", "timeout": "2h"})),
    ];
    let app = App::answering([ops([]), result(200, "x")]).await;
    let scene = Scene::on(server, app, |domain, run_id| report(run_id, domain, waits)).await;
    let id = scene.server.send_event("e", json!({}));
    scene.server.send_signal("s", 1);
    scene.server.release_time();
    scene.server.wait_for_end(&scene.run_id).await;
    let mut told = Vec::new();
    while let Some(notice) = notices.try_next() {
        told.push(notice.to_string().replace(&scene.run_id, "RUN").replace(&id, "ID"));
    }
    told.retain(|line| !line.contains("re-entering"));
    assert_eq!(
        told,
        [
            "RUN run of POST /orders",
            "RUN waiting at in-time for the event e, 1h at most",
            "RUN waiting at too-late for the event other, 2h at most",
            "event e (ID)",
            "RUN step in-time has what it waited for",
            "signal s, for which nobody waits",
            "RUN step too-late timed out",
            "RUN completed",
        ]
    );
}
