//! Steps whose outputs cannot be kept, steps beyond a run's limits, and steps that outlive their
//! handler.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use inngest::wire::limits::{RUN_STEPS, STEP_OUTPUT_BYTES};
use inngest::{Failure, Step, StepError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stephttp_dev::{RunStatus, StepStatus};
use stephttp_tests::{Logs, Stage, World};
use tokio::task::JoinHandle;

const PAUSE: Duration = Duration::from_secs(86_400);

// ===== Outputs =====

/// JSON has no such keys.
#[derive(Debug, Serialize, Deserialize)]
struct Unwritable(HashMap<(u8, u8), u8>);

/// What is written cannot be read again.
#[derive(Debug, Serialize, Deserialize)]
struct Unreadable {
    #[serde(skip_serializing)]
    _needed: u8,
}

/// Runs a step with this output, in the first request or in a re-entry, and goes on.
async fn output<T: Serialize + DeserializeOwned>(
    stage: &Stage,
    step: &Step,
    output: T,
) -> Result<String, StepError> {
    if stage.effects.count("in a re-entry") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    let run = async {
        stage.effects.happen("ran");
        Ok::<_, Failure>(output)
    };
    let kept = step.run("bad-output", run).await;
    step.run("afterwards", async { Ok::<_, Failure>(stage.effects.happen("afterwards")) }).await?;
    Ok(kept.map_or_else(|error| format!("{}: {error}", error.name()), |_| "kept".to_owned()))
}

#[inngest::api_fn(id = "bad-steps-unwritable")]
async fn unwritable(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    output(&stage, &step, Unwritable([((1, 2), 3)].into())).await
}

#[inngest::api_fn(id = "bad-steps-unreadable")]
async fn unreadable(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    output(&stage, &step, Unreadable { _needed: 1 }).await
}

/// One byte more than is kept, with quotes and `{"data":}`.
const TOO_LONG: usize = STEP_OUTPUT_BYTES - 11 + 1;

#[inngest::api_fn(id = "bad-steps-too-large")]
async fn too_large(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    output(&stage, &step, "x".repeat(TOO_LONG)).await
}

/// The output is refused with these words, once and for good, and the handler goes on.
async fn assert_output_refused(route: fn() -> axum::routing::MethodRouter<Stage>, words: &[&str]) {
    for place in ["in the first request", "in a re-entry"] {
        let stage = Stage::new();
        stage.effects.happen(place);
        let world = World::of(stage.app(route())).await;
        let mut response = world.get("/").send().await.unwrap();
        if place == "in a re-entry" {
            response = world.follow(response).await;
        }
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        assert!(text.contains("`bad-output`"), "{place}: {text}");
        assert!(words.iter().all(|word| text.contains(word)), "{place}: {text}");

        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed);
        assert_eq!(run.step("bad-output").unwrap().status, StepStatus::Failed);
        assert_eq!((stage.effects.count("ran"), stage.effects.count("afterwards")), (1, 1));
        world.assert_clean();
    }
}

#[tokio::test]
async fn an_output_that_cannot_be_written_is_an_error_that_names_the_step_and_the_type() {
    assert_output_refused(
        || get(unwritable),
        &["StepOutputNotSerializable", "Unwritable", "key must be a string"],
    )
    .await;
}

#[tokio::test]
async fn an_output_that_cannot_be_read_again_is_an_error_that_names_the_step_and_the_type() {
    assert_output_refused(
        || get(unreadable),
        &["StepOutputNotDeserializable", "Unreadable", "missing field"],
    )
    .await;
}

#[tokio::test]
async fn an_output_over_4_mib_is_an_error_that_names_the_step_and_the_limit() {
    let size = (STEP_OUTPUT_BYTES + 1).to_string();
    assert_output_refused(|| get(too_large), &["StepOutputTooLarge", "4 MiB", &size]).await;
}

#[inngest::api_fn(id = "bad-steps-largest")]
async fn largest(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let text = step.run("largest", async { Ok("x".repeat(TOO_LONG - 1)) }).await?;
    step.sleep("pause", PAUSE).await;
    stage.effects.happen("awake");
    Ok(text.len().to_string())
}

#[tokio::test]
async fn an_output_of_4_mib_is_kept() {
    let stage = Stage::new();
    let world = World::of(stage.app(get(largest))).await;
    let response = world.get("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), (TOO_LONG - 1).to_string());
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.count("awake"), 1);
    world.assert_clean();
}

#[inngest::api_fn(id = "bad-steps-too-much")]
async fn too_much(step: Step) -> Result<String, StepError> {
    let mut kept = 0;
    for turn in 0..9 {
        match step.run(format!("part-{turn}"), async { Ok("x".repeat(STEP_OUTPUT_BYTES - 4_096)) }).await {
            Ok(_) => kept += 1,
            Err(error) => return Ok(format!("{kept} kept; {error}")),
        }
    }
    Ok(kept.to_string())
}

#[tokio::test]
async fn outputs_over_32_mib_in_all_are_an_error_that_names_the_limit() {
    let world = World::of(Router::new().route("/", get(too_much))).await;
    let text = world.get("/").send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with("8 kept; ") && text.contains("32 MiB") && text.contains("`part-8`"), "{text}");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

// ===== Too many =====

#[inngest::api_fn(id = "bad-steps-too-many")]
async fn too_many(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let sleeps = usize::from(stage.effects.count("in a re-entry") > 0);
    if sleeps > 0 {
        step.sleep("pause", PAUSE).await;
    }
    for turn in sleeps..RUN_STEPS {
        step.run(format!("step-{turn}"), async { Ok(stage.effects.happen("ran")) }).await?;
    }
    let Err(error) = step.run("one-more", async { Ok(stage.effects.happen("one more")) }).await else {
        return Ok("one more ran".to_owned());
    };
    Ok(error.to_string())
}

#[tokio::test]
async fn the_1000th_step_does_not_run_and_its_error_names_the_limit() {
    for (place, ran) in [("in the first request", 999), ("in a re-entry", 998)] {
        let stage = Stage::new();
        stage.effects.happen(place);
        let world = World::of(stage.app(get(too_many))).await;
        let mut response = world.get("/").send().await.unwrap();
        if place == "in a re-entry" {
            response = world.follow(response).await;
        }
        let text = response.text().await.unwrap();
        assert!(text.contains("`one-more`") && text.contains("999"), "{place}: {text}");
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed);
        assert_eq!((stage.effects.count("ran"), stage.effects.count("one more")), (ran, 0), "{place}");
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "bad-steps-one-sleep-too-many")]
async fn one_sleep_too_many(State(stage): State<Stage>, step: Step) -> Result<(), StepError> {
    for turn in 0..RUN_STEPS {
        step.run(format!("step-{turn}"), async { Ok(()) }).await?;
    }
    step.sleep("one-more", PAUSE).await;
    stage.effects.happen("went on");
    Ok(())
}

#[tokio::test]
async fn a_sleep_as_the_1001st_step_is_refused_too() {
    let stage = Stage::new();
    let world = World::of(stage.app(get(one_sleep_too_many))).await;
    assert_eq!(world.get("/").send().await.unwrap().status(), 500);
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(world.inngest.dispatches().is_empty());
    assert_eq!(stage.effects.all(), [] as [&str; 0]);
    world.assert_clean();
}

// ===== Used after the end =====

/// A task that a handler has spawned.
#[derive(Clone, Default)]
struct Stray {
    stage: Stage,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Stray {
    /// Under a name by which the attribute does not know it.
    fn starts(&self, task: impl Future<Output = ()> + Send + 'static) {
        *self.task.lock().unwrap() = Some(tokio::spawn(task));
    }

    /// The message of the task's panic.
    async fn panic(&self) -> String {
        let task = self.task.lock().unwrap().take().unwrap();
        let panic = task.await.unwrap_err().into_panic();
        *panic.downcast::<String>().unwrap()
    }
}

#[inngest::api_fn(id = "bad-steps-stray-new")]
async fn stray_begins(State(stray): State<Stray>, step: Step) -> &'static str {
    if stray.stage.effects.happen("entered") == 1 {
        let (step, stage) = (step.clone(), stray.stage.clone());
        stray.starts(async move {
            stage.door.pass().await;
            let _ = step.run("late", async { Ok::<_, Failure>(stage.effects.happen("late")) }).await;
            stage.effects.happen("went on");
        });
    }
    step.sleep("pause", PAUSE).await;
    "done"
}

#[inngest::api_fn(id = "bad-steps-stray-waiting")]
async fn stray_waits(State(stray): State<Stray>, step: Step) -> &'static str {
    if stray.stage.effects.happen("entered") == 1 {
        let (spawned, stage) = (step.clone(), stray.stage.clone());
        stray.starts(async move {
            spawned.sleep("stray", PAUSE).await;
            stage.effects.happen("went on");
        });
        // It is the task's sleep that suspends the run.
        stray.stage.door.pass().await;
    }
    "done"
}

#[inngest::api_fn(id = "bad-steps-stray-ended")]
async fn stray_outlives(State(stray): State<Stray>, step: Step) -> Result<&'static str, StepError> {
    step.run("first", async { Ok(()) }).await?;
    let stage = stray.stage.clone();
    stray.starts(async move {
        stage.door.pass().await;
        step.sleep("late", PAUSE).await;
        stage.effects.happen("went on");
    });
    Ok("done")
}

/// A task that goes on with a step after its handler's time panics with these words; nobody else is
/// affected.
async fn assert_stray_panics(stray: Stray, route: axum::routing::MethodRouter<Stray>, words: &[&str]) {
    let world = World::of(Router::new().route("/", route).with_state(stray.clone())).await;
    let mut response = world.post("/").send().await.unwrap();
    if response.status() == 303 {
        response = world.follow(response).await;
    }
    assert_eq!(response.text().await.unwrap(), "done");
    stray.stage.door.open();
    let message = stray.panic().await;
    assert!(message.contains("used after"), "{message}");
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
    assert_eq!((stray.stage.effects.count("late"), stray.stage.effects.count("went on")), (0, 0));
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

#[tokio::test]
async fn a_step_that_a_spawned_task_begins_after_the_run_was_handed_over_panics_there() {
    assert_stray_panics(Stray::default(), post(stray_begins), &["`late`", file!()]).await;
}

#[tokio::test]
async fn a_step_that_a_spawned_task_waits_for_when_the_run_is_handed_over_panics_there() {
    assert_stray_panics(Stray::default(), post(stray_waits), &["`stray`"]).await;
}

#[tokio::test]
async fn a_step_that_a_spawned_task_begins_after_the_handler_has_answered_panics_there() {
    assert_stray_panics(Stray::default(), post(stray_outlives), &["`late`", file!()]).await;
}

#[inngest::api_fn(id = "bad-steps-nested")]
async fn nests_a_step(step: Step) -> Result<(), StepError> {
    step.run("outer", async {
        inner(&step).await;
        Ok(())
    })
    .await
}

/// Which the attribute would refuse in the handler itself.
async fn inner(step: &Step) {
    step.sleep("inner", Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_step_inside_of_another_is_refused_at_once() {
    let logs = Logs::collect();
    let world = World::of(Router::new().route("/", post(nests_a_step))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 500);
    logs.assert_line_with(&[
        "ERROR",
        "the step `inner` (at tests/tests/it/bad_steps.rs",
        "inside of another step",
    ]);
    world.assert_clean();
}

#[tokio::test]
#[should_panic(expected = "was begun inside of another step")]
async fn a_step_inside_of_another_is_refused_without_a_server_too() {
    let _ = nests_a_step(Step::detached()).await;
}

#[inngest::api_fn(id = "bad-steps-hidden")]
async fn fills_the_run_and_waits(step: Step) -> Result<(), StepError> {
    // One is left, for the order of the first two waits that are over.
    for n in 0..RUN_STEPS - 5 {
        step.run(format!("step {n}"), async { Ok(()) }).await?;
    }
    tokio::join!(step.sleep("a", PAUSE), step.sleep("b", 2 * PAUSE), step.sleep("c", 3 * PAUSE));
    Ok(())
}

/// With the steps that waits and races need for themselves it would be one too many, at which
/// Inngest ends a run without a word.
#[tokio::test]
async fn hidden_steps_beyond_the_limit_fail_the_run_with_a_reason() {
    let logs = Logs::collect();
    let world = World::of(Router::new().route("/", post(fills_the_run_and_waits))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.status(), 500);
    assert_eq!(world.ended().await.status, RunStatus::Failed);
    logs.assert_line_with(&["ERROR", "a run has at most 999 steps"]);
    world.assert_clean();
}
