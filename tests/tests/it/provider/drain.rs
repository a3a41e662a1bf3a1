//! `drain`, `wait` and `shutdown`: a deploy cuts nothing off.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, post};
use inngest::{Failure, FnOpts, Step, StepError};
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

async fn world(stage: &Stage, route: MethodRouter<Stage>) -> World {
    World::of(stage.app(route)).await
}

/// A step that waits for the test, and two more.
async fn three_steps(stage: &Stage, step: &Step) -> Result<String, StepError> {
    let first = async {
        stage.door.pass().await;
        Ok::<_, Failure>(stage.effects.happen("one"))
    };
    let one = step.run("one", first).await?;
    let two = step.run("two", async { Ok::<_, Failure>(stage.effects.happen("two")) }).await?;
    let three = step.run("three", async { Ok::<_, Failure>(stage.effects.happen("three")) }).await?;
    Ok(format!("{one} {two} {three}"))
}

async fn plain(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    three_steps(&stage, &step).await
}

#[inngest::api_fn(id = "drain-sync-only", sync_only)]
async fn sync_only(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    three_steps(&stage, &step).await
}

#[inngest::api_fn(id = "drain-once", retries = 0)]
async fn once(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    stage.door.pass().await;
    let two = step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    let three = step.run("three", async { Ok(stage.effects.happen("three")) }).await?;
    Ok(format!("{one} {two} {three}"))
}

async fn once_by_itself(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    step.configure(FnOpts::new("drain-once-by-itself").retries(0))?;
    three_steps(&stage, &step).await
}

#[tokio::test]
async fn a_request_in_progress_hands_over_at_its_next_step() {
    let stage = Stage::new();
    let world = world(&stage, post(plain)).await;
    assert!(world.provider.is_ready());
    let request = tokio::spawn(world.post("/").send());
    stage.door.reached(1).await;
    assert_eq!(world.provider.in_flight(), 1);
    world.provider.drain();
    assert!(!world.provider.is_ready());
    stage.door.open();
    let response = request.await.unwrap().unwrap();
    // The calls back come to the same process, and run one step each.
    assert_eq!(world.follow(response).await.text().await.unwrap(), "1 1 1");
    let told = world.inngest.calls_of(Call::NewRun)[0].json()["steps"].clone();
    let told: Vec<_> = told.as_array().unwrap().iter().map(|op| op["op"].as_str().unwrap()).collect();
    assert_eq!(told, ["StepRun", "DiscoveryRequest"]);
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(stage.effects.all(), ["one", "two", "three"]);
    assert_eq!(world.provider.in_flight(), 0);
    world.assert_clean();
}

#[tokio::test]
async fn a_new_request_hands_over_at_its_first_step_or_runs_if_it_has_none() {
    let stage = Stage::new();
    stage.door.open();
    let stepping = world(&stage, post(plain)).await;
    stepping.provider.drain();
    let response = stepping.post("/").send().await.unwrap();
    assert_eq!(stepping.follow(response).await.text().await.unwrap(), "1 1 1");
    let told = stepping.inngest.calls_of(Call::NewRun)[0].json()["steps"].clone();
    assert_eq!((told.as_array().unwrap().len(), told[1]["op"].as_str()), (2, Some("DiscoveryRequest")));
    stepping.ended().await;
    stepping.assert_clean();

    let idle = world(&Stage::new(), post(async |_: Step| "done")).await;
    idle.provider.drain();
    assert_eq!(idle.post("/").send().await.unwrap().text().await.unwrap(), "done");
    idle.delivered().await;
    assert!(idle.inngest.calls().is_empty());
}

#[tokio::test]
async fn functions_that_nothing_else_hands_over_end_where_they_are() {
    for route in [post(sync_only), post(once), post(once_by_itself)] {
        let stage = Stage::new();
        let world = world(&stage, route).await;
        let request = tokio::spawn(world.post("/").send());
        stage.door.reached(1).await;
        world.provider.drain();
        stage.door.open();
        let response = request.await.unwrap().unwrap();
        assert_eq!((response.status(), response.text().await.unwrap().as_str()), (StatusCode::OK, "1 1 1"));
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        assert!(world.inngest.dispatches().is_empty());
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "drain-reentry")]
async fn pauses_first(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    step.sleep("pause", PAUSE).await;
    three_steps(&stage, &step).await
}

#[tokio::test]
async fn a_reentry_in_progress_hands_over_at_its_next_step() {
    let stage = Stage::new();
    let world = world(&stage, post(pauses_first)).await;
    let response = world.post("/").send().await.unwrap();
    stage.door.reached(1).await;
    assert_eq!(world.provider.in_flight(), 1);
    world.provider.drain();
    stage.door.open();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "1 1 1");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(stage.effects.all(), ["one", "two", "three"]);
    // The first step is saved, and the next is left to a request of its own.
    let answer = world.inngest.dispatches()[0].response_json();
    assert_eq!((answer[0]["op"].as_str(), answer.as_array().unwrap().len()), (Some("DiscoveryRequest"), 1));
    world.assert_clean();
}

#[tokio::test]
async fn parallel_steps_of_a_reentry_run_once_while_the_process_drains() {
    async fn parallel(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
        step.configure(FnOpts::new("drain-parallel"))?;
        step.sleep("pause", PAUSE).await;
        let effect = async |id: &str| Ok::<_, Failure>(stage.effects.happen(id));
        let (a, b) = tokio::try_join!(step.run("a", effect("a")), step.run("b", effect("b")))?;
        let c = step.run("c", effect("c")).await?;
        Ok(format!("{a} {b} {c}"))
    }
    let stage = Stage::new();
    let world = world(&stage, post(parallel)).await;
    world.provider.drain();
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "1 1 1");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

#[tokio::test]
async fn while_inngest_is_out_of_reach_requests_end_where_they_are() {
    let stage = Stage::new();
    let world = world(&stage, post(plain)).await;
    stage.door.open();
    // Something finds out.
    world.inngest.inject(InjectedFault::on(Call::NewRun).respond(500).every());
    world.post("/").send().await.unwrap();
    world.inngest.wait_for_call(Call::NewRun, 2).await;
    world.provider.drain();
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status(), response.text().await.unwrap().as_str()), (StatusCode::OK, "2 2 2"));
    world.inngest.clear_faults();
    world.delivered().await;
    assert_eq!(world.inngest.runs().len(), 2);
    world.assert_clean();
}

// ===== Waiting =====

#[tokio::test]
async fn waiting_covers_requests_in_progress_and_says_how_many_were_left() {
    let stage = Stage::new();
    let world = world(&stage, post(once)).await;
    let request = tokio::spawn(world.post("/").send());
    stage.door.reached(1).await;
    let undelivered = world.provider.shutdown(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!((undelivered.requests(), undelivered.lost_count()), (1, 0));
    assert!(undelivered.to_string().starts_with("1 requests still under way"), "{undelivered}");

    let provider = world.provider.clone();
    let mut wait = std::pin::pin!(provider.shutdown(Duration::from_secs(30)));
    assert!(tokio::time::timeout(Duration::ZERO, &mut wait).await.is_err());
    stage.door.open();
    wait.await.unwrap();
    assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "1 1 1");
    assert_eq!(world.inngest.wait_for_run().await.status, RunStatus::Completed);
    assert_eq!(world.provider.in_flight(), 0);
}

#[tokio::test]
async fn requests_on_plain_routes_are_in_flight_until_they_are_answered_or_dropped() {
    let plain = async |State(stage): State<Stage>| stage.door.pass().await;
    let stage = Stage::new();
    let world = world(&stage, post(plain)).await;
    let answered = tokio::spawn(world.post("/").send());
    let dropped = stephttp_tests::RawClient::post(&world, "/").await;
    stage.door.reached(2).await;
    assert_eq!(world.provider.in_flight(), 2);
    drop(dropped);
    let provider = world.provider.clone();
    let mut wait = std::pin::pin!(provider.wait(Duration::from_secs(30)));
    assert!(tokio::time::timeout(Duration::ZERO, &mut wait).await.is_err());
    stage.door.open();
    wait.await.unwrap();
    assert_eq!(world.provider.in_flight(), 0);
    assert_eq!(answered.await.unwrap().unwrap().status(), 200);
}
