//! What comes when a run is over, and what comes twice: docs/protocol.md 2.3, 2.6, 3.4 and 4.3.

use std::sync::Arc;

use serde_json::{Value, json};
use stephttp_dev::{Call, Clock, DevServer, InjectedFault, RunStatus, ViolationKind};

use crate::support::*;

/// A run whose first re-entry ends it well, and whose late re-entry answers this.
async fn answered_late(late: Answer) -> Scene {
    let server = DevServer::start().await.unwrap();
    server.reenter_after_end(1);
    let app = App::answering([result(200, "well"), late]).await;
    let scene = Scene::on(server, app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    scene.server.wait_for_answer(2).await;
    scene.server.idle().await;
    assert_eq!(scene.app.seen().len(), 2);
    scene
}

#[tokio::test]
async fn an_answer_that_ends_a_run_ends_one_that_is_over_as_well() {
    let bare = json!({"data": {"status": 410, "headers": {}, "body": "gone"}}).to_string();
    for (late, status, output) in [
        (Answer::new(410, "gone").no_retry(), RunStatus::Failed, "gone"),
        (Answer::new(500, bare.clone()).no_retry(), RunStatus::Failed, &bare),
        (result(200, "otherwise"), RunStatus::Completed, &complete(200, "otherwise").to_string()),
        (ops([complete(200, "x")]), RunStatus::Completed, "null"),
    ] {
        let scene = answered_late(late).await;
        let run = scene.server.run(&scene.run_id).unwrap();
        assert_eq!((run.status, run.output.as_str()), (status, output));
        assert!(scene.violations().contains(&ViolationKind::FinalizedAgain), "{:?}", scene.violations());
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_new_leaves_a_run_that_is_over_as_it_is() {
    let none = json!([{"id": hash("x"), "op": "None"}]).to_string();
    for late in [
        Answer::new(206, "[]"),
        Answer::new(206, none),
        Answer::new(200, ""),
        Answer::new(206, ""),
        Answer::new(503, "later").with("x-inngest-no-retry", "false"),
        ops([sleep("t", "1s")]),
        result(200, "well"),
    ] {
        let scene = answered_late(late).await;
        let run = scene.server.run(&scene.run_id).unwrap();
        assert_eq!((run.status, run.response.unwrap().body.as_str()), (RunStatus::Completed, "well"));
        scene.server.assert_no_violations();
    }
}

#[tokio::test]
async fn a_discovery_that_is_under_way_at_the_end_still_counts() {
    let server = Arc::new(DevServer::start().await.unwrap());
    let watched = Arc::clone(&server);
    let app = App::start(move |reentry: Reentry| {
        let server = Arc::clone(&watched);
        async move {
            if reentry.n == 1 {
                return result(200, "first");
            }
            server.wait_for_end(reentry.run_id()).await;
            Answer::new(410, "over").no_retry()
        }
    })
    .await;
    let client = Client::new(&server);
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("a", "1s"), sleep("b", "1s")])).await;
    server.wait_for_answer(2).await;
    assert_eq!(server.run(&run_id).unwrap().status, RunStatus::Failed);
    assert_eq!(kinds(&server), [ViolationKind::FinalizedAgain]);
}

#[tokio::test]
async fn a_repeated_first_call_is_carried_out_again() {
    for (op, reentries) in [
        (sleep("x", "1h"), 3),
        (step_error("x"), 3),
        (step_failed("x"), 3),
        (planned_discovery(), 3),
        // What waits for an event is known by its run and step, and ends once.
        (op_with("WaitForEvent", "x", json!({"event": "e", "timeout": "1h"})), 1),
    ] {
        let scene = Scene::held([], [Answer::new(206, "[]")]).await;
        let first = report(&new_id(), &scene.app.domain, [step_run("a", 1), op.clone()]);
        for _ in 0..3 {
            scene.client.create(&first).await;
        }
        scene.server.release_time();
        scene.server.idle().await;
        assert_eq!(scene.app.seen().len(), reentries, "{op}");
        let again = scene.violations().iter().filter(|kind| **kind == ViolationKind::CarriedOutAgain).count();
        assert_eq!(again, 2, "{op}");
    }
}

#[tokio::test]
async fn what_was_told_by_steps_is_carried_out_once() {
    // The first call carries it out, or only creates the run.
    for (first, waits) in [(vec![step_run("a", 1), sleep("x", "1h")], 1), (vec![step_run("a", 1)], 3)] {
        let scene = Scene::held([], [result(200, "")]).await;
        let run_id = new_id();
        let first = report(&run_id, &scene.app.domain, first);
        for _ in 0..waits {
            scene.client.create(&first).await;
        }
        for _ in 0..3 {
            scene.client.steps(&run_id, [sleep("x", "1h")]).await;
        }
        scene.server.release_time();
        scene.server.wait_for_end(&run_id).await;
        scene.server.idle().await;
        assert_eq!(scene.app.seen().len(), 1);
        scene.server.assert_no_violations();
    }
}

// Read in the server's source: the state has been deleted, and the first call makes it anew
#[tokio::test]
async fn a_first_call_after_the_end_begins_the_run_again() {
    let scene =
        Scene::new([step_run("a", 1), sleep("s", "1s")], [result(200, "one"), result(200, "two")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.client.actions(&scene.run_id).await.status, 410);
    let first = report(&scene.run_id, &scene.app.domain, [step_run("a", 1)]);
    scene.client.create(&first).await;
    assert_eq!(scene.client.actions(&scene.run_id).await.json(), json!({hash("a"): {"data": 1}}));
    scene.server.assert_no_violations();
    // What the run had told before is news again.
    scene.client.steps(&scene.run_id, [sleep("s", "1s")]).await;
    scene.server.wait_for_answer(2).await;
    let run = scene.server.run(&scene.run_id).unwrap();
    assert_eq!(run.response.unwrap().body, "two");
}

#[tokio::test]
async fn a_reentry_that_saves_to_a_cancelled_run_is_told() {
    let scene = Scene::held([step_run("a", 1), sleep("s", "1h")], [result(200, "")]).await;
    scene.server.cancel(&scene.run_id);
    let body = json!({"run_id": scene.run_id, "steps": [step_run("b", 1)]});
    let got = scene.client.post(&format!("/v1/checkpoint/{}/async", scene.run_id), body.clone()).await;
    assert_eq!((got.status, &got.json()["error"]), (400, &json!("run not found in state store")));
    // A first request is told nothing.
    let got = scene.client.post(&format!("/v1/checkpoint/{}/steps", scene.run_id), body).await;
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    // There was no re-entry in whose name it could be.
    assert_eq!(scene.violations(), [ViolationKind::MissingDispatch]);
    let got = scene.client.output(&scene.token).await;
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    let shown = scene.client.get(&format!("/v1/runs/{}", scene.run_id)).await.json();
    assert_eq!(shown["data"]["status"], "Cancelled");
    assert_eq!(scene.server.calls_of(Call::Run).len(), 1);
}

#[tokio::test]
async fn the_state_of_a_run_that_is_being_ended_is_empty_and_then_gone() {
    let scene = Scene::new([step_run("a", 1), sleep("s", "1s")], [result(200, "")]).await;
    scene.server.inject(InjectedFault::on(Call::Actions).first(2).of_ended_runs().body("{}"));
    scene.server.wait_for_end(&scene.run_id).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let got = scene.client.actions(&scene.run_id).await;
        seen.push((got.status, got.text));
    }
    assert_eq!(seen[..2], [(200, "{}".to_owned()), (200, "{}".to_owned())]);
    assert_eq!(seen[2].0, 410);
}

#[tokio::test]
async fn the_state_of_a_run_that_goes_on_can_fail_to_load() {
    let scene = Scene::held([step_run("a", 1), sleep("s", "1h")], [result(200, "")]).await;
    scene.server.inject(InjectedFault::on(Call::Actions).of_ended_runs().body("{}"));
    scene.server.inject(InjectedFault::on(Call::Actions).respond(410));
    let got = scene.client.actions(&scene.run_id).await;
    assert_eq!(got.status, 410);
    assert_eq!(got.json()["error"], "runtime state is no longer available");
    assert_eq!(scene.client.actions(&scene.run_id).await.status, 200);
}

#[tokio::test]
async fn an_output_can_be_empty_before_it_is_stored() {
    let scene = Scene::held([sleep("s", "1h")], [result(201, "x")]).await;
    scene.server.empty_outputs(1);
    let (client, token) = (scene.client.clone(), scene.token.clone());
    let waiting = tokio::spawn(async move { client.output(&token).await });
    scene.server.wait_for_call(Call::Output, 1).await;
    assert!(!waiting.is_finished());
    scene.server.release_time();
    let got = waiting.await.unwrap();
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    let got = scene.client.output(&scene.token).await;
    assert_eq!((got.status, got.text.as_str()), (201, "x"));
}

#[tokio::test]
async fn a_job_that_is_dispatched_again_beside_itself_counts_twice() {
    let server = Arc::new(DevServer::builder().clock(Clock::Real).start().await.unwrap());
    let watched = Arc::clone(&server);
    let app = App::start(move |reentry: Reentry| {
        let server = Arc::clone(&watched);
        async move {
            match reentry.n {
                1 => {
                    assert!(server.dispatch_beside(reentry.run_id()));
                    server.wait_for_answer(2).await;
                    ops([step_run("a", 1)])
                }
                2 => ops([step_run("a", 1)]),
                _ => result(200, "x"),
            }
        }
    })
    .await;
    let client = Client::new(&server);
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [planned("a")])).await;
    server.wait_for_end(&run_id).await;
    server.wait_for_answer(1).await;
    let seen = app.seen();
    let dispatched: Vec<_> =
        seen[..2].iter().map(|reentry| (reentry.header("x-inngest-job-id"), reentry.generation())).collect();
    assert_eq!(dispatched[0].0, dispatched[1].0);
    assert_eq!((dispatched[0].1, dispatched[1].1), (1, 2));
    // Both told of the same: the step ran once, and what comes next came once.
    assert_eq!(seen.len(), 3);
    server.assert_no_violations();
}

#[tokio::test]
async fn a_re_entry_can_come_once_more_after_its_answer() {
    let scene = Scene::held(
        [sleep("s", "1h")],
        [ops([sleep("t", "1h")]), ops([sleep("t", "1h")]), result(200, "x"), Answer::new(206, "[]")],
    )
    .await;
    scene.server.duplicate_dispatch(1);
    scene.server.duplicate_dispatch(3);
    scene.server.release_time();
    scene.server.wait_for_answer(4).await;
    let seen = scene.app.seen();
    let generations: Vec<u32> = seen.iter().map(Reentry::generation).collect();
    assert_eq!(generations, [1, 2, 1, 2]);
    assert_eq!(seen[0].header("x-inngest-job-id"), seen[1].header("x-inngest-job-id"));
    let run = scene.server.run(&scene.run_id).unwrap();
    assert_eq!((run.status, run.response.unwrap().body.as_str()), (RunStatus::Completed, "x"));
    scene.server.idle().await;
    scene.server.assert_no_violations();
}

// docs/protocol.md 3.1
#[tokio::test]
async fn a_request_without_a_content_type_comes_back_as_json() {
    for body in ["", "eA=="] {
        let app = App::answering([result(200, "")]).await;
        let scene = Scene::with(app, |domain, run_id| {
            let mut report = report(run_id, domain, [sleep("s", "1s")]);
            report["event"]["data"]["content_type"] = Value::from("");
            report["event"]["data"]["body"] = body.into();
            report
        })
        .await;
        scene.server.wait_for_end(&scene.run_id).await;
        assert_eq!(scene.app.seen()[0].header("content-type"), Some("application/json"));
    }
}
