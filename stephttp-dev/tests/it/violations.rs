//! Mistakes of an SDK that are not shown elsewhere.

use serde_json::json;
use stephttp_dev::{DevServer, ViolationKind};

use crate::support::*;

#[tokio::test]
async fn step_ids_have_to_be_hashes() {
    let mut missing = step_run("a", 1);
    missing.as_object_mut().unwrap().remove("id");
    let mut plain = step_run("b", 1);
    plain["id"] = "b".into();
    let mut upper = step_run("c", 1);
    upper["id"] = hash("c").to_uppercase().into();
    let scene = Scene::new([missing, plain, upper, step_run("d", 1)], [result(200, "")]).await;
    assert_eq!(scene.violations(), [ViolationKind::BadStepId; 3]);
    let violation = &scene.server.violations()[1];
    assert_eq!(violation.run_id.as_deref(), Some(scene.run_id.as_str()));
    assert_eq!(violation.message, "StepRun `b` has the id `b`, not 40 lower-case hex digits");
}

#[tokio::test]
async fn a_users_step_may_not_be_called_complete() {
    let scene = Scene::new([step_run("complete", 1)], [result(200, "")]).await;
    assert_eq!(scene.violations(), [ViolationKind::ReservedStepId]);
}

#[tokio::test]
async fn a_step_runs_once() {
    let again = |timing: u64, data: u64| {
        let mut step = step_run("a", data);
        step["timing"]["a"] = timing.into();
        step
    };
    // Another time, another value: it ran twice. The same report again: a call that was repeated.
    let scene = Scene::new([again(1, 1)], [result(200, "")]).await;
    scene.client.steps(&scene.run_id, [again(1, 1)]).await;
    scene.server.assert_no_violations();
    scene.client.steps(&scene.run_id, [again(2, 1)]).await;
    scene.client.steps(&scene.run_id, [again(1, 2)]).await;
    assert_eq!(scene.violations(), [ViolationKind::StepRanTwice; 2]);
    let messages: Vec<_> = scene.server.violations().into_iter().map(|violation| violation.message).collect();
    assert!(messages[0].contains("with the same outcome"), "{}", messages[0]);
    assert!(messages[1].contains("with another outcome"), "{}", messages[1]);
}

#[tokio::test]
async fn a_step_that_another_request_had_saved_ran_twice() {
    let scene =
        Scene::new([step_run("a", 1), sleep("s", "1s")], [ops([step_run("a", 1)]), result(200, "")]).await;
    // The real server swallows the repeated step, and goes on once.
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.app.seen().len(), 2);
    assert_eq!(scene.violations(), [ViolationKind::StepRanTwice]);
}

#[tokio::test]
async fn registers_may_be_saved_by_several() {
    let server = DevServer::builder().write_once("order:").start().await.unwrap();
    let client = Client::new(&server);
    let run_id = new_id();
    client.create(&report(&run_id, "http://127.0.0.1:1", [step_run("order:1", "first")])).await;
    client.steps(&run_id, [step_run("order:1", "second")]).await;
    assert_eq!(client.actions(&run_id).await.json()[hash("order:1")], json!({"data": "first"}));
    server.assert_no_violations();
}

#[tokio::test]
async fn a_function_has_one_method() {
    let app = App::answering([result(200, "")]).await;
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    server.hold_dispatches();
    let mut ids = Vec::new();
    for method in ["POST", "PUT"] {
        let run_id = new_id();
        let mut report = report(&run_id, &app.domain, [sleep("s", "1s")]);
        report["event"]["data"]["fn"] = "orders".into();
        report["event"]["data"]["method"] = method.into();
        client.create(&report).await;
        ids.push(run_id);
    }
    server.release_dispatches();
    for id in &ids {
        server.wait_for_end(id).await;
    }
    assert!(app.seen().iter().all(|reentry| reentry.method == http::Method::PUT));
    assert_eq!(kinds(&server), [ViolationKind::AmbiguousFunction]);
}

#[tokio::test]
async fn a_method_that_the_server_calls_nobody_by_is_noted() {
    let server = DevServer::start().await.unwrap();
    let mut report = report(&new_id(), "http://127.0.0.1:1", [complete(200, "")]);
    report["event"]["data"]["method"] = "FOO".into();
    Client::new(&server).create(&report).await;
    assert_eq!(kinds(&server), [ViolationKind::UnusableMethod]);
}

#[tokio::test]
async fn what_comes_after_the_end_is_noted() {
    let scene = Scene::new([step_run("a", 1), complete(200, "")], [result(200, "")]).await;
    assert_eq!(scene.client.steps(&scene.run_id, [step_run("b", 1)]).await.status, 200);
    assert_eq!(scene.violations(), [ViolationKind::RunEnded]);
}

#[tokio::test]
async fn ids_that_are_sent_have_to_be_right() {
    let scene = Scene::new([step_run("a", 1)], [result(200, "")]).await;
    let body = json!({"run_id": scene.run_id, "fn_id": "x", "app_id": "", "steps": [step_run("b", 1)]});
    scene.client.post(&format!("/v1/checkpoint/{}/steps", scene.run_id), body).await;
    assert_eq!(scene.violations(), [ViolationKind::WrongIds]);
}

#[tokio::test]
#[should_panic(expected = "the SDK made 1 mistake(s):\n  - ReservedStepId: StepRun has the id `complete`")]
async fn violations_are_listed() {
    let scene = Scene::new([step_run("complete", 1)], [result(200, "")]).await;
    scene.server.assert_no_violations();
}

#[tokio::test]
async fn an_answer_in_the_handlers_place_is_named_with_its_status_and_what_to_do() {
    let rejected = Answer::new(503, r#"{"error":"rejected"}"#)
        .with("x-inngest-no-retry", "false")
        .with("x-stephttp-rejected", "401");
    let scene = Scene::new([sleep("s", "1s")], [rejected, result(200, "")]).await;
    // It is tried again, as the answer says.
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, stephttp_dev::RunStatus::Completed);
    assert_eq!(scene.violations(), [ViolationKind::Rejected]);
    let message = &scene.server.violations()[0].message;
    assert!(message.contains("answered a re-entry with 401 in the handler's place"), "{message}");
    assert!(message.contains("Let re-entries pass"), "{message}");
}
