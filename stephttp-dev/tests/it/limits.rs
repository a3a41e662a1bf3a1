//! What the server drops silently: docs/protocol.md 10.

use serde_json::{Value, json};
use stephttp_dev::{RunStatus, ViolationKind};

use crate::support::*;

const MIB: usize = 1024 * 1024;

fn big(id: &str, bytes: usize) -> Value {
    step_run(id, "x".repeat(bytes))
}

// docs/protocol.md 2.1
#[tokio::test]
async fn a_first_call_over_4_mib_is_refused() {
    let scene = Scene::new([], [result(200, "")]).await;
    let got = scene
        .client
        .post("/v1/checkpoint", report(&new_id(), "http://127.0.0.1:1", [big("a", 4 * MIB)]))
        .await;
    assert_eq!(got.status, 400);
    let got = scene
        .client
        .post("/v1/checkpoint", report(&new_id(), "http://127.0.0.1:1", [big("a", 4 * MIB - 1_000)]))
        .await;
    assert_eq!(got.status, 200);
    assert_eq!(scene.violations(), [ViolationKind::TooLarge]);
}

// "step output 4MiB-20", "4MiB+10"
#[tokio::test]
async fn an_output_over_4_mib_is_dropped() {
    let scene = Scene::new([], [result(200, "")]).await;
    // `{"data":"…"}` is 11 bytes longer.
    for (id, bytes) in [("fits", 4 * MIB - 11), ("not", 4 * MIB - 10)] {
        assert_eq!(scene.client.steps(&scene.run_id, [big(id, bytes)]).await.status, 200);
    }
    let steps = scene.client.actions(&scene.run_id).await.json();
    assert!(steps.get(hash("fits")).is_some() && steps.get(hash("not")).is_none());
    assert_eq!(scene.violations(), [ViolationKind::TooLarge]);
}

// "9 of 12 steps kept, 32 820 902 bytes"
#[tokio::test]
async fn state_over_32_mib_is_dropped() {
    let scene = Scene::new([], [result(200, "")]).await;
    for n in 0..9 {
        assert_eq!(
            scene.client.steps(&scene.run_id, [big(&format!("s{n}"), 4 * MIB - 100)]).await.status,
            200
        );
    }
    assert_eq!(scene.client.actions(&scene.run_id).await.json().as_object().unwrap().len(), 8);
    assert_eq!(scene.violations(), [ViolationKind::TooLarge]);
}

// docs/protocol.md 4.1
#[tokio::test]
async fn an_answer_that_is_too_large_completes_the_run_with_nothing() {
    let too_large = [result(200, &"x".repeat(8 * MIB)), ops([big("a", 4 * MIB)])];
    for answer in too_large {
        let scene = Scene::new([sleep("s", "1s")], [answer]).await;
        let run = scene.server.wait_for_end(&scene.run_id).await;
        assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, ""));
        assert_eq!(scene.violations(), [ViolationKind::TooLarge]);
        let got = scene.client.output(&scene.token).await;
        assert_eq!((got.status, got.text.as_str()), (200, ""));
    }
}

#[tokio::test]
async fn a_re_entrys_save_that_is_too_large_is_refused() {
    let app = App::start(|_| async { std::future::pending().await }).await;
    let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    scene.server.wait_for_dispatch(1).await;
    let dispatch = &scene.server.dispatches()[0];
    let body = json!({
        "run_id": scene.run_id, "qi_id": dispatch.job_id, "request_id": dispatch.request_id,
        "generation_id": dispatch.generation, "steps": [big("a", 4 * MIB)],
    });
    let got = scene.client.post(&format!("/v1/checkpoint/{}/async", scene.run_id), body).await;
    assert_eq!(got.status, 413);
    assert_eq!(scene.violations(), [ViolationKind::TooLarge]);
}

// "1005 steps + sleep"
#[tokio::test]
async fn a_run_with_1000_steps_is_completed_with_an_error_when_it_is_to_be_re_entered() {
    let scene = Scene::new((0..1_000).map(|n| step_run(&format!("s{n}"), n)), [result(200, "")]).await;
    assert_eq!(scene.server.run(&scene.run_id).unwrap().status, RunStatus::Running);
    scene.server.assert_no_violations();
    scene.client.steps(&scene.run_id, [sleep("s", "1s")]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, RunStatus::Completed);
    let output: Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(
        (&output["error"], &output["name"]),
        (&json!("function has too many steps"), &json!("InngestErrFunctionOverflowed"))
    );
    assert_eq!(scene.violations(), [ViolationKind::TooManySteps]);
    assert!(scene.app.seen().is_empty());
}

// The end of a sleep is a step too, but the server counts before it
#[tokio::test]
async fn a_run_may_have_999_steps_when_it_is_re_entered_and_any_number_when_it_is_not() {
    let steps = |count: u64| (0..count).map(|n| step_run(&format!("s{n}"), n));
    let scene = Scene::new(steps(999), [ops([step_run("more", 1)]), result(200, "")]).await;
    scene.client.steps(&scene.run_id, [sleep("s", "1s")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!((scene.app.seen().len(), scene.violations()), (1, vec![ViolationKind::TooManySteps]));

    let ends = steps(1_200).chain([complete(200, "fin")]);
    let scene = Scene::new(ends, [result(200, "")]).await;
    assert_eq!(scene.server.run(&scene.run_id).unwrap().output, "fin");
    scene.server.assert_no_violations();
}
