//! `max_request_time`: a first request that has lasted long enough begins no further step.

use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use inngest::{Failure, Step, StepError};
use stephttp_dev::{Call, RunStatus, RunView, StepStatus};
use stephttp_tests::{Stage, World};

/// More than the limit of [`counts`], less than the patience of anybody who waits for an answer.
const LONG: Duration = Duration::from_secs(25);

/// Puts the clock of all of the test forward; what it times is over then.
async fn time_passes(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// The operations of the run's first call.
fn told(world: &World) -> Vec<(String, String)> {
    let told = world.inngest.calls_of(Call::NewRun)[0].json()["steps"].clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    told.as_array().unwrap().iter().map(|op| (text(&op["op"]), text(&op["name"]))).collect()
}

/// The run is handed over with the operations, and then ends with the text.
async fn handed_over(world: &World, ops: &[(&str, &str)], text: &str) -> RunView {
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), text);
    let told = told(world);
    let told: Vec<_> = told.iter().map(|(op, name)| (op.as_str(), name.as_str())).collect();
    assert_eq!(told, ops);
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    world.assert_clean();
    run
}

/// By which a re-entry tells a run without steps from one whose state is being deleted.
const START: (&str, &str) = ("StepRun", "stephttp:start");
const DISCOVERY: (&str, &str) = ("DiscoveryRequest", "stephttp:discover");

#[inngest::api_fn(id = "request-time-none", max_request_time = "0s")]
async fn none(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen("entered");
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    let two = step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    Ok(format!("{one} {two}"))
}

#[tokio::test]
async fn without_any_time_the_first_step_runs_when_inngest_calls_back() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(none))).await;
    handed_over(&world, &[START, DISCOVERY], "1 1").await;
    assert_eq!(stage.effects.all(), ["entered", "entered", "one", "two"]);
    assert_eq!(world.inngest.dispatches().len(), 1);
}

#[inngest::api_fn(id = "request-time-counts", max_request_time = "20s")]
async fn counts(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let takes_long = async {
        time_passes(LONG).await;
        Ok::<_, Failure>(stage.effects.happen("one"))
    };
    let one = step.run("one", takes_long).await?;
    let two = step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    let three = step.run("three", async { Ok(stage.effects.happen("three")) }).await?;
    Ok(format!("{one} {two} {three}"))
}

#[tokio::test]
async fn a_step_that_lasts_too_long_ends_and_the_next_runs_when_inngest_calls_back() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(counts))).await;
    handed_over(&world, &[("StepRun", "one"), DISCOVERY], "1 1 1").await;
    assert_eq!(stage.effects.all(), ["one", "two", "three"]);
    assert_eq!(world.inngest.dispatches().len(), 1);
}

#[inngest::api_fn(id = "request-time-in-time", max_request_time = "1h")]
async fn in_time(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    Ok(one.to_string())
}

#[tokio::test]
async fn a_request_that_ends_in_time_answers() {
    let world = World::of(Stage::new().app(post(in_time))).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "1");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert!(world.inngest.dispatches().is_empty());
    world.assert_clean();
}

/// Two branches of two steps each; when one has begun its second, the time is up, and the other's
/// first still runs.
#[inngest::api_fn(id = "request-time-parallel", max_request_time = "20s")]
async fn parallel(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let effect = async |id: &str| Ok::<_, Failure>(stage.effects.happen(id));
    let quick = async {
        let takes_long = async {
            time_passes(LONG).await;
            effect("quick").await
        };
        let first = step.run("quick", takes_long).await?;
        // Nothing else could open the door once this branch waits.
        stage.door.open();
        Ok::<_, StepError>(first + step.run("quick-second", effect("quick-second")).await?)
    };
    let slow = async {
        let waits = async {
            stage.door.pass().await;
            // The other branch has come to its step, and found that it is too late.
            tokio::task::yield_now().await;
            effect("slow").await
        };
        let first = step.run("slow", waits).await?;
        Ok::<_, StepError>(first + step.run("slow-second", effect("slow-second")).await?)
    };
    // The slow one has begun before time passes.
    let (slow, quick) = tokio::join!(biased; slow, quick);
    Ok(format!("{} {}", quick?, slow?))
}

#[tokio::test]
async fn parallel_steps_under_way_end_and_are_stored_and_no_other_begins() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(parallel))).await;
    let order = ("StepRun", "stephttp:order:0");
    let ops = [("StepRun", "quick"), ("StepRun", "slow"), order, DISCOVERY];
    let run = handed_over(&world, &ops, "2 2").await;
    for id in ["quick", "slow", "quick-second", "slow-second"] {
        assert_eq!(stage.effects.count(id), 1, "{id}");
        assert_eq!(run.step(id).unwrap().status, StepStatus::Completed, "{id}");
    }
    assert_eq!(stage.effects.all()[..2], ["quick", "slow"]);
}

#[inngest::api_fn(id = "request-time-wait", max_request_time = "0s")]
async fn beside_a_wait(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let ran = step.run("one", async { Ok(stage.effects.happen("one")) });
    let ((), ran) = tokio::join!(step.sleep("pause", Duration::from_secs(60)), ran);
    let after = step.run("after", async { Ok(stage.effects.happen("after")) }).await?;
    Ok(format!("{} {after}", ran?))
}

#[tokio::test]
async fn a_step_that_is_too_late_beside_a_wait_runs_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(beside_a_wait))).await;
    let ops = [("StepRun", "stephttp:shared"), ("Sleep", "pause"), DISCOVERY];
    handed_over(&world, &ops, "1 1").await;
    assert_eq!((stage.effects.count("one"), stage.effects.count("after")), (1, 1));
}

/// One branch fails when the time is up, and is to be tried again; the other is too late for its
/// second step then.
#[inngest::api_fn(id = "request-time-beside", max_request_time = "20s")]
async fn fails_beside(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let fails_once = async {
        if stage.effects.happen("flaky") > 1 {
            return Ok(());
        }
        stage.door.pass().await;
        Err(Failure::new("as the test wants it"))
    };
    let takes_long = async {
        time_passes(LONG).await;
        stage.door.open();
        Ok::<_, Failure>(stage.effects.happen("long"))
    };
    let branch = async {
        step.run("long", takes_long).await?;
        step.run("late", async { Ok(stage.effects.happen("late")) }).await
    };
    let (flaky, late) = tokio::join!(biased; step.run("flaky", fails_once), branch);
    flaky?;
    Ok(late?.to_string())
}

#[tokio::test]
async fn a_step_that_is_too_late_beside_one_that_is_tried_again_runs_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(fails_beside))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "1");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    let told = told(&world);
    assert_eq!((told[0].0.as_str(), told.len()), ("StepRun", 5), "{told:?}");
    let effects = ["flaky", "long", "late"].map(|effect| stage.effects.count(effect));
    assert_eq!(effects, [2, 1, 1], "{:?}", stage.effects.all());
    world.assert_clean();
}

/// Its first step fails for good when the time is up.
#[inngest::api_fn(id = "request-time-fails", max_request_time = "20s")]
async fn fails_first(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let fail = async {
        time_passes(LONG).await;
        stage.effects.happen("failed");
        Err::<(), _>(Failure::non_retriable("as the test wants it"))
    };
    let error = step.run("one", fail).await.unwrap_err();
    let two = step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    Ok(format!("{} {two}", error.message()))
}

#[tokio::test]
async fn a_step_that_has_failed_for_good_before_calls_back_by_itself() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(fails_first))).await;
    handed_over(&world, &[("StepFailed", "one")], "as the test wants it 1").await;
    assert_eq!(stage.effects.all(), ["failed", "two"]);
    assert_eq!(world.inngest.dispatches().len(), 1);
}
