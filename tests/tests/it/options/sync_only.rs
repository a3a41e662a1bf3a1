//! `sync_only`: the first request answers, whatever happens.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use inngest::step::FetchRequest;
use inngest::{Failure, Step, StepError};
use stephttp_dev::{Call, RunStatus, StepStatus};
use stephttp_tests::{Logs, Stage, World};

/// Waits in a helper, where the attribute cannot see it: for what the test wants.
#[inngest::api_fn(id = "sync-only-waits", sync_only)]
async fn waits(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    if stage.effects.count("after a step") > 0 {
        step.run("one", async { Ok(()) }).await?;
    }
    wait(&stage, &step).await?;
    stage.effects.happen("went on");
    Ok("done")
}

async fn wait(stage: &Stage, step: &Step) -> Result<(), StepError> {
    const KINDS: [&str; 6] = ["sleep", "event", "signal", "invoke", "fetch", "both"];
    match KINDS.iter().find(|kind| stage.effects.count(kind) > 0).copied().unwrap_or_default() {
        "event" => drop(step.wait_for_event::<()>("wait", "a").await?),
        "signal" => drop(step.wait_for_signal::<()>("wait", "a").await?),
        "invoke" => step.invoke::<()>("wait", "a").await?,
        "fetch" => drop(step.fetch("wait", FetchRequest::get("https://example.com")).await?),
        "both" => {
            let (_, ran) = tokio::join!(
                step.sleep("wait", Duration::from_secs(1)),
                step.run("beside", async { Ok::<_, Failure>(()) })
            );
            ran?;
        }
        _ => step.sleep("wait", Duration::from_secs(1)).await,
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_that_a_helper_reaches_fails_the_run_with_a_reason() {
    let logs = Logs::collect();
    for kind in ["sleep", "event", "signal", "invoke", "fetch", "both"] {
        for place in ["at once", "after a step"] {
            let stage = Stage::new();
            stage.effects.happen(kind);
            stage.effects.happen(place);
            let world = World::of(stage.app(post(waits))).await;
            let response = world.post("/").send().await.unwrap();
            assert_eq!(response.status(), 500, "{kind} {place}");
            assert!(response.text().await.unwrap().contains("`sync_only`"));

            let run = world.ended().await;
            assert_eq!((run.status, run.response.as_ref().unwrap().status), (RunStatus::Failed, 500));
            assert_eq!(run.step("wait"), None, "{kind} {place}");
            logs.assert_line_with(&["ERROR", &run.id, "`wait`", "`sync-only-waits`", "`sync_only`"]);
            assert_eq!(world.inngest.calls().len(), 1, "{kind} {place}");
            assert!(world.inngest.dispatches().is_empty());
            assert_eq!(stage.effects.count("went on"), 0);
            world.assert_clean();
        }
    }
}

#[tokio::test]
#[should_panic(
    expected = "the step `wait` waits for Inngest, but the function `sync-only-waits` has `sync_only`"
)]
async fn a_wait_panics_without_a_server_too() {
    let _ = waits(State(Stage::new()), Step::detached()).await;
}

/// Goes on after a step that asks to be tried again.
#[inngest::api_fn(id = "sync-only-fails", sync_only)]
async fn fails(State(stage): State<Stage>, step: Step) -> (StatusCode, String) {
    let fail = async {
        stage.effects.happen("tried");
        Err::<(), _>(Failure::retry_after(Duration::from_secs(1), "not now"))
    };
    let error = step.run("one", fail).await.unwrap_err();
    let after = step.run("two", async { Ok("goes on".to_owned()) }).await;
    (StatusCode::ACCEPTED, format!("{} {}", error.message(), after.unwrap()))
}

#[tokio::test]
async fn a_failed_step_gives_its_error_at_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(get(fails))).await;
    let response = world.get("/").send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.text().await.unwrap(), "not now goes on");
    let run = world.ended().await;
    assert_eq!((run.status, run.step("one").unwrap().status), (RunStatus::Completed, StepStatus::Failed));
    assert_eq!(world.inngest.calls_of(Call::NewRun)[0].json()["retries"], 0);
    assert_eq!(stage.effects.count("tried"), 1);
    assert!(world.inngest.dispatches().is_empty());
    world.assert_clean();
}

// ===== Runs of an earlier version of the program =====

/// The endpoint before it had `sync_only`.
#[inngest::api_fn(id = "sync-only-not-yet")]
async fn before(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    sleep(&step, "pause").await;
    Ok(one.to_string())
}

/// The same, deployed while a run is in flight.
#[inngest::api_fn(id = "sync-only-by-now", sync_only)]
async fn after(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    sleep(&step, "pause").await;
    let two = step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    sleep(&step, "another pause").await;
    Ok(format!("{one} {two} by now"))
}

async fn sleep(step: &Step, id: &'static str) {
    step.sleep(id, Duration::from_secs(60)).await;
}

async fn deployed(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    if stage.effects.happen("called") == 1 {
        before(State(stage), step).await
    } else {
        after(State(stage), step).await
    }
}

#[tokio::test]
async fn a_run_that_was_handed_over_before_finds_its_results_and_waits_to_its_end() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(deployed))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "1 1 by now");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    for id in ["one", "pause", "two", "another pause"] {
        assert_eq!(run.step(id).unwrap().status, StepStatus::Completed, "{id}");
    }
    world.assert_clean();
}
