//! Runs of hundreds of steps: Inngest takes its time for each, so they come in several calls.

use std::time::Duration;

use axum::extract::State;
use axum::routing::{MethodRouter, post};
use futures_util::future::try_join_all;
use inngest::{Failure, Step, StepError};
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World};

const STEPS: usize = 500;
/// Finished steps in a call.
const MOST: usize = 200;

async fn all_steps(stage: &Stage, step: &Step) -> Result<(), StepError> {
    let steps = (0..STEPS).map(|n| {
        let effects = &stage.effects;
        step.run(format!("step {n}"), async move { Ok::<_, Failure>(effects.happen(format!("step {n}"))) })
    });
    try_join_all(steps).await.map(drop)
}

#[inngest::api_fn(id = "many-steps-at-once")]
async fn at_once(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    all_steps(&stage, &step).await?;
    Ok("done")
}

#[inngest::api_fn(id = "many-steps-before-a-sleep")]
async fn before_a_sleep(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    all_steps(&stage, &step).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    Ok("done")
}

#[inngest::api_fn(id = "many-steps-after-a-sleep")]
async fn after_a_sleep(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", Duration::from_secs(60)).await;
    all_steps(&stage, &step).await?;
    Ok("done")
}

/// Plays a handler to its end. What its steps do is done once each, and the run has them all.
async fn plays(route: MethodRouter<Stage>, fault: Option<InjectedFault>) -> World {
    let stage = Stage::new();
    // Nothing is sent before the handler waits or has ended.
    let world = World::builder().opts(|opts, url| opts.dev_server(url).linger(Duration::from_secs(60)));
    let world = world.start(stage.app(route)).await;
    fault.into_iter().for_each(|fault| world.inngest.inject(fault));
    let mut response = world.post("/").send().await.unwrap();
    if response.status() == 303 {
        response = world.follow(response).await;
    }
    assert_eq!(response.text().await.unwrap(), "done");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert!((0..STEPS).all(|n| run.step(&format!("step {n}")).is_some()));
    assert_eq!(stage.effects.all().len(), STEPS);
    world.assert_clean();
    world
}

/// The calls of one request that Inngest has taken: their operations, and what they are of.
fn taken(world: &World, kinds: &[Call]) -> Vec<Vec<(String, String)>> {
    let calls = world.inngest.calls().into_iter();
    let calls = calls
        .filter(|call| kinds.contains(&call.kind) && call.status.is_some_and(|status| status.is_success()));
    calls
        .map(|call| {
            let ops = call.json()["steps"].as_array().unwrap().clone();
            let text = |text: &serde_json::Value| text.as_str().unwrap_or_default().to_owned();
            ops.iter().map(|op| (text(&op["op"]), text(&op["name"]))).collect()
        })
        .collect()
}

/// They have hold of all steps, in order and once each, and none has too many. Only the last has
/// anything else, which comes after its steps.
fn assert_in_batches(calls: &[Vec<(String, String)>], last: Option<&str>) {
    let is_step = |(op, _): &&(String, String)| op == "StepRun";
    let steps: Vec<usize> = calls.iter().map(|ops| ops.iter().filter(is_step).count()).collect();
    assert!(steps.iter().all(|steps| *steps <= MOST) && steps.contains(&MOST), "{steps:?}");
    let mut all: Vec<_> = calls.concat();
    if let Some(last) = last {
        assert_eq!(all.pop().unwrap().0, last);
    }
    // Others are the SDK's own.
    let all = all.iter().filter(|(_, name)| !name.starts_with("stephttp:"));
    let expected: Vec<_> = (0..STEPS).map(|n| ("StepRun".to_owned(), format!("step {n}"))).collect();
    assert_eq!(all.cloned().collect::<Vec<_>>(), expected);
}

const FIRST: [Call; 2] = [Call::NewRun, Call::Steps];

#[tokio::test]
async fn a_first_request_reports_them_in_order_and_its_end_with_the_last() {
    let world = plays(post(at_once), None).await;
    let calls = taken(&world, &FIRST);
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [200, 200, 101]);
    assert_in_batches(&calls, Some("RunComplete"));
    assert!(world.inngest.dispatches().is_empty());
}

#[tokio::test]
async fn a_hand_over_tells_its_wait_with_the_last() {
    let world = plays(post(before_a_sleep), None).await;
    let calls = taken(&world, &FIRST);
    assert_eq!(calls.len(), 3);
    assert_in_batches(&calls, Some("Sleep"));
}

#[tokio::test]
async fn a_reentry_saves_them_in_order() {
    let world = plays(post(after_a_sleep), None).await;
    assert_in_batches(&taken(&world, &[Call::Async]), None);
    assert_eq!(world.inngest.dispatches().len(), 1);
}

/// What has arrived before is not told again.
#[tokio::test]
async fn a_call_that_fails_is_made_again() {
    for (route, fault, kinds, last) in [
        (post(at_once), InjectedFault::on(Call::NewRun).respond(500), &FIRST[..], Some("RunComplete")),
        (post(at_once), InjectedFault::on(Call::Steps).respond(503), &FIRST, Some("RunComplete")),
        (post(at_once), InjectedFault::on(Call::Steps).nth(2).refuse(), &FIRST, Some("RunComplete")),
        (post(before_a_sleep), InjectedFault::on(Call::Steps).respond(500), &FIRST, Some("Sleep")),
        (post(before_a_sleep), InjectedFault::on(Call::Steps).nth(2).refuse(), &FIRST, Some("Sleep")),
        (post(after_a_sleep), InjectedFault::on(Call::Async).respond(500), &[Call::Async], None),
        (post(after_a_sleep), InjectedFault::on(Call::Async).nth(2).refuse(), &[Call::Async], None),
    ] {
        let world = plays(route, Some(fault)).await;
        assert_in_batches(&taken(&world, kinds), last);
    }
}
