//! What is waited for together, and what races: `parallelMode`, and the server's list of what is
//! open.

use serde_json::{Value, json};
use stephttp_dev::{DevServer, RunStatus, ViolationKind};

use crate::support::*;

fn racing(mut op: Value) -> Value {
    op["opts"]["parallelMode"] = "race".into();
    op
}

fn wait_op(id: &str, event: &str) -> Value {
    op_with("WaitForEvent", id, json!({"event": event, "timeout": "1h"}))
}

/// A run on a held server whose first re-entry hands these over, and whose later ones are answered
/// like that.
async fn after_handing_over(first: Vec<Value>, later: Answer) -> Scene {
    let server = DevServer::start().await.unwrap();
    server.hold_time();
    let app = App::answering([ops(first), later]).await;
    Scene::on(server, app, |domain, run_id| report(run_id, domain, [planned_discovery()])).await
}

fn hours(scene: &Scene) -> Vec<u64> {
    let dispatches = scene.server.dispatches();
    dispatches.iter().map(|d| d.at.duration_since(dispatches[0].at).unwrap().as_secs() / 3_600).collect()
}

// Read in the server's source: a sleep that ends while others are open calls nobody
#[tokio::test]
async fn of_two_sleeps_handed_over_together_only_the_last_calls_the_app() {
    let scene = after_handing_over(vec![sleep("a", "1h"), sleep("b", "2h")], result(200, "x")).await;
    scene.server.release_time();
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(hours(&scene), [0, 2]);
    assert_eq!(run.steps.len(), 2);
    scene.server.assert_no_violations();
}

#[tokio::test]
async fn a_racing_sleep_calls_the_app_at_once() {
    let handed = vec![racing(sleep("a", "1h")), racing(sleep("b", "2h"))];
    let scene = after_handing_over(handed, result(200, "x")).await;
    scene.server.release_time();
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(hours(&scene), [0, 1]);
    scene.server.assert_no_violations();
}

// docs/protocol.md 8.1: the job says it, and one that a wait has brought has no mode
#[tokio::test]
async fn a_failure_for_good_calls_the_app_only_if_its_job_races() {
    let next = || racing(op_with("DiscoveryRequest", "next", json!({})));
    let rows = [
        (wait_op("first", "e"), vec![racing(step_failed("work"))], [0, 1, 3]),
        (wait_op("first", "e"), vec![racing(step_failed("work")), next()], [0, 1, 1]),
        (sleep("first", "1h"), vec![racing(step_failed("work"))], [0, 1, 1]),
    ];
    for (first, failure, expected) in rows {
        let server = DevServer::start().await.unwrap();
        server.hold_time();
        let handed = ops([racing(first), racing(sleep("rest", "3h"))]);
        let app = App::answering([handed, ops(failure.clone()), result(200, "x")]).await;
        let begin = |domain: &str, run_id: &str| report(run_id, domain, [planned_discovery()]);
        let scene = Scene::on(server, app, begin).await;
        scene.server.release_time();
        scene.server.wait_for_end(&scene.run_id).await;
        assert_eq!(hours(&scene), expected, "{failure:?}");
        scene.server.assert_no_violations();
    }
}

// The first request's operations are not known to belong together: docs/protocol.md 8.1
#[tokio::test]
async fn sleeps_of_a_checkpoint_each_call_the_app() {
    let app = App::answering([ops([sleep("b", "2h")]), result(200, "x")]).await;
    let scene =
        Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("a", "1h"), sleep("b", "2h")])).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(hours(&scene), [0, 1]);
    scene.server.assert_no_violations();
}

// Read in the server's source: before version 2 nothing is waited for together
#[tokio::test]
async fn an_older_version_waits_for_nothing_together() {
    let older = |answer: Answer| answer.without("x-inngest-req-version").with("x-inngest-req-version", "1");
    let server = DevServer::start().await.unwrap();
    let first = older(ops([sleep("a", "1h"), sleep("b", "2h")]));
    let app = App::answering([first, older(result(200, "x"))]).await;
    let scene = Scene::on(server, app, |domain, run_id| report(run_id, domain, [planned_discovery()])).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(hours(&scene), [0, 1]);
}

#[tokio::test]
async fn waits_follow_their_own_mode() {
    for (race, expected) in [(false, 1), (true, 2)] {
        let both = [wait_op("a", "first"), wait_op("b", "second")];
        let handed = both.map(|op| if race { racing(op) } else { op }).to_vec();
        let scene = after_handing_over(handed, ops([wait_op("b", "second")])).await;
        scene.server.wait_for_waiting(&scene.run_id, "b").await;
        scene.server.send_event("first", json!({}));
        scene.server.idle().await;
        assert_eq!(scene.app.seen().len(), expected, "race: {race}");
        scene.server.send_event("second", json!({}));
        scene.server.idle().await;
        assert_eq!(scene.app.seen().len(), expected + 1, "race: {race}");
    }
}

#[tokio::test]
async fn a_timeout_beside_others_follows_the_mode_too() {
    let handed = vec![wait_op("w", "never"), sleep("s", "2h")];
    let scene = after_handing_over(handed, result(200, "x")).await;
    scene.server.release_time();
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(hours(&scene), [0, 2]);

    let handed = vec![racing(wait_op("w", "never")), sleep("s", "2h")];
    let scene = after_handing_over(handed, result(200, "x")).await;
    scene.server.release_time();
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(hours(&scene), [0, 1]);
}

// Read in the server's source: what a step reports decides after it ran, the job's mode after it
// failed for good
#[tokio::test]
async fn the_reported_step_decides_after_success_and_its_plan_after_failure() {
    // (planned to race, reported as racing, failing) and whether the app is asked while the sleep
    // goes on
    for (plan, ran, fails, asked) in [
        (true, true, false, true),
        (true, false, false, false),
        (false, true, false, true),
        (true, false, true, true),
        (false, true, true, false),
    ] {
        let report_op = move || {
            let op = if fails { step_failed("p") } else { step_run("p", 1) };
            if ran { racing(op) } else { op }
        };
        let app = App::start(move |reentry: Reentry| async move {
            match (reentry.n, reentry.step()) {
                (1, _) => ops([if plan { racing(planned("p")) } else { planned("p") }, sleep("s", "2h")]),
                (_, Some(_)) => ops([report_op()]),
                _ => result(200, "x"),
            }
        })
        .await;
        let server = DevServer::start().await.unwrap();
        let scene =
            Scene::on(server, app, |domain, run_id| report(run_id, domain, [planned_discovery()])).await;
        scene.server.wait_for_end(&scene.run_id).await;
        let expected = if asked { vec![0, 0, 0] } else { vec![0, 0, 2] };
        assert_eq!(hours(&scene), expected, "plan {plan}, ran {ran}, fails {fails}");
    }
}

// Read in the server's source, and as recorded (docs/protocol.md 8.1): one discovery for a group,
// without the force flag
#[tokio::test]
async fn planning_is_forced_until_the_group_has_ended() {
    let app = App::start(|reentry: Reentry| async move {
        match (reentry.n, reentry.step()) {
            (1, _) => ops([planned("a"), planned("b")]),
            (_, Some(step)) => ops([step_run(if step == hash("a") { "a" } else { "b" }, 1)]),
            _ => result(200, "x"),
        }
    })
    .await;
    let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    scene.server.wait_for_end(&scene.run_id).await;
    let forced: Vec<_> =
        scene.app.seen().iter().map(|r| r.header("x-inngest-force-step-plan").is_some()).collect();
    assert_eq!(forced, [false, true, true, false]);
    scene.server.assert_no_violations();
}

// Read in the server's source: what is saved already counts as open when it comes again beside
// something open, and nothing ever ends it
#[tokio::test]
async fn a_saved_step_beside_a_wait_hangs_the_run() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let saver = client.clone();
    let app = App::start(move |reentry: Reentry| {
        let client = saver.clone();
        async move {
            assert_eq!(client.save(&reentry, [step_run("a", 1)]).await.status, 200);
            ops([step_run("a", 1), sleep("t", "1h")])
        }
    })
    .await;
    let scene = Scene::on(server, app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    scene.server.idle().await;
    assert_eq!(scene.app.seen().len(), 1);
    let run = scene.server.run(&scene.run_id).unwrap();
    assert_eq!((run.status, run.outstanding), (RunStatus::Running, 0));
    assert_eq!(scene.violations(), [ViolationKind::RunHangs]);
    assert!(scene.server.violations()[0].message.contains("counts as open: a."));
}

// Read in the server's source
#[tokio::test]
async fn nothing_but_none_asks_once_more_and_not_twice() {
    let none = || Answer::new(206, r#"[{"op":"None"}]"#);
    let scene = Scene::new([step_run("a", 1), planned_discovery()], [none(), none(), result(200, "x")]).await;
    scene.server.idle().await;
    assert_eq!(scene.app.seen().len(), 2);
    assert_eq!(scene.violations(), [ViolationKind::EmptyAnswer]);
}
