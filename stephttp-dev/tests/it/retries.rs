//! How often what fails is tried, and when: docs/protocol.md 7.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use stephttp_dev::{DevServer, RunStatus, StepStatus, ViolationKind};

use crate::support::*;

/// A run that begins so, of a function with so many retries.
async fn run(retries: Value, first: Value, answers: Vec<Answer>) -> Scene {
    let app = App::answering(answers).await;
    Scene::with(app, |domain, run_id| {
        let mut report = report(run_id, domain, [first]);
        report["retries"] = retries;
        report
    })
    .await
}

fn generations(scene: &Scene) -> Vec<u32> {
    scene.app.seen().iter().map(Reentry::generation).collect()
}

/// Seconds between one re-entry and the next; the first counts from the run's creation.
fn waits(server: &DevServer) -> Vec<u64> {
    let mut last = server.calls()[0].at;
    let mut since = |at: SystemTime| {
        let wait = at.duration_since(last).unwrap().as_secs();
        last = at;
        wait
    };
    server.dispatches().iter().map(|dispatch| since(dispatch.at)).collect()
}

// docs/protocol.md 7.1: the first attempt was in the first request
#[tokio::test]
async fn a_step_that_failed_in_the_first_request_has_its_retries_and_then_its_error() {
    for (retries, expected) in [(json!(0), 0), (json!(1), 1), (json!(3), 3), (json!(-1), 4), (json!(null), 0)]
    {
        let mut answers = vec![ops([step_error("e")]); expected];
        answers.push(result(200, "caught"));
        let scene = run(retries.clone(), step_error("e"), answers).await;
        let run = scene.server.wait_for_end(&scene.run_id).await;
        let mut numbers: Vec<u32> = (1..).take(expected).collect();
        numbers.push(1);
        assert_eq!(generations(&scene), numbers, "{retries}");
        let step = run.step("e").unwrap();
        assert_eq!((step.status, step.attempts as usize), (StepStatus::Failed, expected + 1));
        let missing: &[_] = if retries.is_null() { &[ViolationKind::MissingRetries] } else { &[] };
        assert_eq!(scene.violations(), missing);
    }
}

// docs/protocol.md 7.1: one job for the retries, a new one after the error was stored
#[tokio::test]
async fn retries_are_one_job() {
    let answers = vec![ops([step_error("e")]), ops([step_error("e")]), result(200, "")];
    let scene = run(json!(1), sleep("s", "1s"), answers).await;
    scene.server.wait_for_end(&scene.run_id).await;
    let seen = scene.app.seen();
    let jobs: Vec<_> = seen.iter().map(|reentry| reentry.header("x-inngest-job-id")).collect();
    assert_eq!(jobs[0], jobs[1]);
    assert_ne!(jobs[1], jobs[2]);
    let requests: std::collections::HashSet<_> = seen.iter().map(|r| r.header("x-request-id")).collect();
    assert_eq!(requests.len(), 3);
    assert_eq!(generations(&scene), [1, 2, 1]);
}

// docs/protocol.md 7.1
#[tokio::test]
async fn a_step_that_fails_in_a_re_entry_has_one_attempt_more_than_retries() {
    let mut answers = vec![ops([step_error("e")]); 4];
    answers.push(result(200, "caught"));
    let scene = run(json!(3), sleep("s", "1s"), answers).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(generations(&scene), [1, 2, 3, 4, 1]);
    assert_eq!(waits(&scene.server), [1, 15, 30, 60, 0]);
    scene.server.assert_no_violations();
}

#[tokio::test]
async fn the_first_retry_of_a_first_request_comes_after_five_seconds() {
    let answers = vec![ops([step_error("e")]), ops([step_run("e", "ok")]), result(200, "")];
    let scene = run(json!(3), step_error("e"), answers).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(waits(&scene.server), [5, 15, 0]);
    assert_eq!(run.step("e").unwrap().status, StepStatus::Completed);
    scene.server.assert_no_violations();
}

// docs/protocol.md 7.4
#[tokio::test]
async fn a_final_failure_is_not_retried() {
    for answer in [ops([step_failed("e")]), ops([step_error("e")]).no_retry()] {
        let scene = run(json!(3), sleep("s", "1s"), vec![answer, result(200, "")]).await;
        let run = scene.server.wait_for_end(&scene.run_id).await;
        assert_eq!(generations(&scene), [1, 1]);
        assert_eq!(run.step("e").unwrap().status, StepStatus::Failed);
        scene.server.assert_no_violations();
    }
    let scene = run(json!(3), step_failed("e"), vec![result(200, "")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!((generations(&scene), waits(&scene.server)), (vec![1], vec![0]));
}

// docs/protocol.md 7.3: up to a second early
#[tokio::test]
async fn retry_after_counts_for_a_failed_step_only() {
    let later = humantime_date(Duration::from_secs(3_600));
    for (header, wait) in [("7", 6..=7), ("0", 0..=1), ("9999999", 86_399..=86_400), (&later, 3_590..=3_600)]
    {
        let failed = ops([step_error("e")]).with("retry-after", header);
        let scene = run(json!(3), sleep("s", "1s"), vec![failed, result(200, "")]).await;
        scene.server.wait_for_end(&scene.run_id).await;
        assert!(wait.contains(&waits(&scene.server)[1]), "{header}: {:?}", waits(&scene.server));
    }
    let failed = Answer::new(500, "{}").with("retry-after", "7");
    let scene = run(json!(3), sleep("s", "1s"), vec![failed, result(200, "")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(waits(&scene.server), [1, 15]);
    scene.server.assert_no_violations();
}

fn humantime_date(from_now: Duration) -> String {
    inngest::wire::duration::format_instant(SystemTime::now() + from_now)
}

// docs/protocol.md 4.5
#[tokio::test]
async fn a_failure_without_no_retry_at_the_last_attempt_hangs_the_run() {
    for (retries, expected) in [(0, 1), (1, 2), (3, 4)] {
        let scene = run(json!(retries), sleep("s", "1s"), vec![Answer::new(500, "{}")]).await;
        scene.server.idle().await;
        assert_eq!(generations(&scene), (1..=expected).collect::<Vec<u32>>());
        let run = scene.server.run(&scene.run_id).unwrap();
        assert_eq!((run.status, run.outstanding), (RunStatus::Running, 0));
        assert_eq!(scene.violations(), [ViolationKind::RunHangs]);
        assert_eq!(scene.client.actions(&scene.run_id).await.status, 200);
    }
}

// docs/protocol.md 3.3
#[tokio::test]
async fn an_sdk_can_give_up_by_the_generation() {
    let body = json!({"data": {"status": 500, "headers": {}, "body": "gave up"}}).to_string();
    let app = App::start(move |reentry: Reentry| {
        let answer = Answer::new(500, body.clone());
        async move { if reentry.generation() < 3 { answer } else { answer.no_retry() } }
    })
    .await;
    let scene = Scene::with(app, |domain, run_id| {
        let mut report = report(run_id, domain, [sleep("s", "1s")]);
        report["retries"] = 2.into();
        report
    })
    .await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(generations(&scene), [1, 2, 3]);
    let got = scene.client.output(&scene.token).await;
    assert_eq!((got.status, got.text.as_str()), (500, "gave up"));
    scene.server.assert_no_violations();
}

// docs/protocol.md 4.1
#[tokio::test]
async fn an_app_that_is_not_there_is_tried_again() {
    let server = DevServer::builder().retry_interval(Duration::from_secs(2)).start().await.unwrap();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let domain = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let run_id = new_id();
    Client::new(&server).create(&report(&run_id, &domain, [sleep("s", "1s")])).await;
    server.idle().await;
    let dispatches = server.dispatches();
    assert_eq!(dispatches.len(), 4);
    assert!(dispatches.iter().all(|dispatch| dispatch.status.is_none() && dispatch.error.is_some()));
    assert_eq!(waits(&server), [1, 2, 2, 2]);
    assert_eq!(kinds(&server), [ViolationKind::RunHangs]);
}

// docs/protocol.md 4.1: an unreadable duration in an answer is an error that is retried
#[tokio::test]
async fn a_sleep_that_cannot_be_read_is_an_error() {
    let scene = run(json!(3), sleep("s", "1s"), vec![ops([sleep("t", "soon")]), result(200, "")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(generations(&scene), [1, 2]);
    assert_eq!(scene.violations(), [ViolationKind::BadSleep]);

    let scene = run(json!(3), sleep("s", "367d"), vec![result(200, "")]).await;
    scene.server.idle().await;
    assert!(scene.app.seen().is_empty());
    assert_eq!(scene.violations(), [ViolationKind::BadSleep]);
}

// docs/protocol.md 7.4: never ends
#[tokio::test]
async fn a_failure_under_the_results_id_is_noted() {
    let scene = run(json!(0), sleep("s", "1s"), vec![ops([step_failed("complete")]), result(200, "")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.violations(), [ViolationKind::ReservedStepId]);
}

// docs/protocol.md 2.6: saved steps stay while the job is retried
#[tokio::test]
async fn steps_saved_before_a_failure_stay() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let saver = client.clone();
    let app = App::start(move |reentry: Reentry| {
        let client = saver.clone();
        async move {
            match reentry.n {
                1 => {
                    assert_eq!(client.save(&reentry, [step_run("b", 2)]).await.status, 200);
                    ops([step_error("c")])
                }
                2 => {
                    let state = client.actions(reentry.run_id()).await.json();
                    assert_eq!(state[hash("b")], json!({"data": 2}));
                    ops([step_run("c", 3)])
                }
                _ => result(200, "done"),
            }
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("s", "1s")])).await;
    let run = server.wait_for_end(&run_id).await;
    assert_eq!(run.response.unwrap().body, "done");
    assert_eq!(app.seen().iter().map(Reentry::generation).collect::<Vec<_>>(), [1, 2, 1]);
    server.assert_no_violations();
}
