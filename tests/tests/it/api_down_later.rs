//! Inngest cannot be reached, or answers with an error, while a re-entry is handled.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{MethodRouter, post};
use inngest::{Failure, Step, StepError};
use serde_json::Value;
use stephttp_dev::{Call, Clock, Dispatch, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

/// Sleeps, and ends.
async fn sleep_and_end(stage: &Stage, step: &Step) -> String {
    stage.effects.happen("entered");
    step.sleep("pause", PAUSE).await;
    "done".to_owned()
}

#[inngest::api_fn(id = "api-down-later-0", retries = 0)]
async fn without_retries(State(stage): State<Stage>, step: Step) -> String {
    sleep_and_end(&stage, &step).await
}

#[inngest::api_fn(id = "api-down-later-3", retries = 3)]
async fn with_retries(State(stage): State<Stage>, step: Step) -> String {
    sleep_and_end(&stage, &step).await
}

#[inngest::api_fn(id = "api-down-later-stateless", retries = 3)]
async fn stateless(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

// ===== Finished steps cannot be fetched =====

/// One call fails, and the re-entry takes no notice.
async fn resumes_despite(fault: InjectedFault) {
    let stage = Stage::new();
    let world = World::of(stage.app(post(without_retries))).await;
    world.inngest.inject(fault);
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(world.inngest.dispatches().len(), 1);
    assert_eq!(world.inngest.calls_of(Call::Actions).len(), 2);
    assert_eq!(stage.effects.count("entered"), 2);
    world.assert_clean();
}

#[tokio::test]
async fn fetching_finished_steps_is_tried_again_after_a_server_error() {
    resumes_despite(InjectedFault::on(Call::Actions).respond(500)).await;
}

#[tokio::test]
async fn fetching_finished_steps_is_tried_again_after_a_refused_connection() {
    resumes_despite(InjectedFault::on(Call::Actions).refuse()).await;
}

#[tokio::test]
async fn fetching_finished_steps_is_tried_again_after_a_rate_limit() {
    resumes_despite(InjectedFault::on(Call::Actions).respond(429)).await;
}

#[tokio::test]
async fn fetching_finished_steps_is_tried_again_when_the_answer_is_lost() {
    resumes_despite(InjectedFault::on(Call::Actions).drop_response()).await;
}

/// What an answer says: its status, and whether the run is to be tried again.
fn verdict(dispatch: &Dispatch) -> (u16, &str) {
    let no_retry = dispatch.response_headers["x-inngest-no-retry"].to_str().unwrap();
    (dispatch.status.unwrap().as_u16(), no_retry)
}

/// Finished steps can never be fetched: the run is tried again so often, and then it fails. It does
/// not hang.
async fn assert_gives_up(app: Router, fault: InjectedFault, verdicts: &[(u16, &str)]) {
    let world =
        World::builder().inngest(|inngest| inngest.retry_interval(Duration::from_secs(1))).start(app).await;
    world.inngest.inject(fault);
    let response = world.post("/").send().await.unwrap();
    let output = world.follow(response).await;
    assert_eq!(output.status(), 500);
    let answer: Value = output.json().await.unwrap();
    assert!(answer["error"].as_str().unwrap().contains("could not be fetched"), "{answer}");

    assert_eq!(world.ended().await.status, RunStatus::Failed);
    let dispatches = world.inngest.dispatches();
    assert_eq!(dispatches.iter().map(verdict).collect::<Vec<_>>(), verdicts);
    world.assert_clean();
}

const RETRY: (u16, &str) = (503, "false");
const FAILED: (u16, &str) = (500, "true");

/// Fails at once, and trying again within one re-entry does not help.
fn garbage() -> InjectedFault {
    InjectedFault::on(Call::Actions).every().body("garbage")
}

#[tokio::test]
async fn a_run_without_retries_whose_steps_cannot_be_fetched_fails_and_its_handler_does_not_run() {
    let stage = Stage::new();
    let fault = InjectedFault::on(Call::Actions).every().respond(500);
    assert_gives_up(stage.app(post(without_retries)), fault, &[FAILED]).await;
    assert_eq!(stage.effects.count("entered"), 1);
}

#[tokio::test]
async fn a_run_with_retries_whose_steps_cannot_be_fetched_is_tried_again_while_there_is_room() {
    let stage = Stage::new();
    assert_gives_up(stage.app(post(with_retries)), garbage(), &[RETRY, RETRY, FAILED]).await;
    assert_eq!(stage.effects.count("entered"), 1);
}

/// Without a state axum makes the routes' services anew for each connection.
#[tokio::test]
async fn a_run_is_tried_again_as_often_when_its_router_has_no_state() {
    let app = Router::new().route("/", post(stateless));
    assert_gives_up(app, garbage(), &[RETRY, RETRY, FAILED]).await;
}

#[tokio::test]
async fn a_key_that_inngest_refuses_ends_the_run_too() {
    let stage = Stage::new();
    let fault = InjectedFault::on(Call::Actions).every().respond(401);
    assert_gives_up(stage.app(post(with_retries)), fault, &[RETRY, RETRY, FAILED]).await;
    assert_eq!(stage.effects.count("entered"), 1);
}

// ===== Steps cannot be saved =====

/// A sleep, two steps, and then what the test wants.
async fn two_steps(stage: &Stage, step: &Step) -> Result<(), StepError> {
    step.sleep("pause", PAUSE).await;
    step.run("a", async { Ok::<_, Failure>(stage.effects.happen("a")) }).await?;
    step.run("b", async { Ok::<_, Failure>(stage.effects.happen("b")) }).await?;
    Ok(())
}

#[inngest::api_fn(id = "api-down-later-ends")]
async fn ends(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    two_steps(&stage, &step).await?;
    Ok("done")
}

#[inngest::api_fn(id = "api-down-later-sleeps")]
async fn sleeps_again(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    two_steps(&stage, &step).await?;
    step.sleep("again", PAUSE).await;
    step.run("c", async { Ok(stage.effects.happen("c")) }).await?;
    Ok("done")
}

async fn saving(route: MethodRouter<Stage>, stage: &Stage, fault: InjectedFault) -> World {
    let world = World::of(stage.app(route)).await;
    world.inngest.inject(fault);
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!((stage.effects.count("a"), stage.effects.count("b")), (1, 1));
    world.assert_clean();
    world
}

#[tokio::test]
async fn saving_steps_is_tried_again_and_costs_no_further_reentry() {
    for fault in [
        InjectedFault::on(Call::Async).respond(500),
        InjectedFault::on(Call::Async).respond(429),
        InjectedFault::on(Call::Async).refuse(),
        InjectedFault::on(Call::Async).drop_response(),
    ] {
        let world = saving(post(ends), &Stage::new(), fault).await;
        assert_eq!(world.inngest.dispatches().len(), 1);
        assert_eq!(world.inngest.calls_of(Call::Async).len(), 2);
    }
}

/// The operations in the answer to a re-entry.
fn answered(world: &World, nth: usize) -> Vec<(String, String)> {
    let answer = world.inngest.dispatches()[nth].response_json();
    let text = |op: &Value, field: &str| op[field].as_str().unwrap().to_owned();
    answer.as_array().unwrap().iter().map(|op| (text(op, "op"), text(op, "name"))).collect()
}

fn ops(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(op, name)| ((*op).to_owned(), (*name).to_owned())).collect()
}

#[tokio::test]
async fn steps_that_cannot_be_saved_go_back_in_the_answer_and_do_not_run_again() {
    let world = saving(post(ends), &Stage::new(), InjectedFault::on(Call::Async).every().respond(500)).await;
    assert_eq!(
        answered(&world, 0),
        ops(&[("StepRun", "stephttp:shared"), ("StepRun", "a"), ("StepRun", "b")])
    );
}

#[tokio::test]
async fn steps_that_cannot_be_saved_go_back_before_the_next_wait() {
    let stage = Stage::new();
    let world = saving(post(sleeps_again), &stage, InjectedFault::on(Call::Async).every().respond(400)).await;
    assert_eq!(
        answered(&world, 0),
        ops(&[("StepRun", "stephttp:shared"), ("StepRun", "a"), ("StepRun", "b"), ("Sleep", "again")])
    );
    // Inngest calls back for each of them, so from there on steps are claimed: in an answer too, by
    // a job that has Inngest dispatch it again.
    let dispatches = world.inngest.dispatches().len();
    let claim = ops(&[("StepRun", "stephttp:order:0"), ("StepError", "stephttp:again")]);
    assert!((1..dispatches).any(|n| answered(&world, n) == claim));
    assert_eq!(stage.effects.count("c"), 1);
}

#[inngest::api_fn(id = "api-down-later-fails", retries = 3)]
async fn fails(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", Duration::from_millis(1)).await;
    step.run("a", async { Ok(stage.effects.happen("a")) }).await?;
    step.run("flaky", async {
        if stage.effects.happen("flaky") == 1 {
            return Err(Failure::new("once"));
        }
        stage.door.pass().await;
        Ok(())
    })
    .await?;
    Ok("done")
}

/// Inngest calls back at once for the step in the answer, and later for the retry.
#[tokio::test]
async fn a_step_that_failed_beside_steps_that_cannot_be_saved_does_not_run_twice_at_once() {
    let stage = Stage::new();
    let world = World::builder()
        .inngest(|inngest| inngest.clock(Clock::Real).retry_interval(Duration::from_millis(50)))
        .start(stage.app(post(fails)))
        .await;
    world.inngest.inject(InjectedFault::on(Call::Async).every().respond(400));
    let response = world.post("/").send().await.unwrap();
    stage.door.reached(1).await;
    let twice = tokio::time::timeout(Duration::from_millis(300), stage.door.reached(2)).await;
    assert!(twice.is_err(), "the step is under way twice");
    stage.door.open();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!((stage.effects.count("a"), stage.effects.count("flaky")), (1, 2));
    world.assert_clean();
}

#[inngest::api_fn(id = "api-down-later-gives-up", retries = 3)]
async fn compensates(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    two_steps(&stage, &step).await?;
    let failed = step.run("fatal", async { Err::<(), _>(Failure::non_retriable("no")) }).await;
    if failed.is_err() {
        step.run("compensate", async { Ok(stage.effects.happen("compensate")) }).await?;
    }
    Ok("done")
}

/// Inngest calls back at once for each of the steps in the answer.
#[tokio::test]
async fn a_step_after_a_failure_beside_steps_that_cannot_be_saved_runs_once() {
    let stage = Stage::new();
    saving(post(compensates), &stage, InjectedFault::on(Call::Async).every().respond(400)).await;
    assert_eq!(stage.effects.count("compensate"), 1);
}

// ===== Superseded =====

/// What a re-entry does between its steps waits at the door.
#[inngest::api_fn(id = "api-down-later-superseded")]
async fn superseded(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", PAUSE).await;
    step.run("a", async { Ok(stage.effects.happen("a")) }).await?;
    stage.door.pass().await;
    step.run("b", async { Ok(stage.effects.happen("b")) }).await?;
    Ok("done")
}

#[tokio::test]
async fn a_reentry_that_inngest_has_superseded_stops_at_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(superseded))).await;
    world.inngest.inject(InjectedFault::on(Call::Async).first(1).respond(409));
    world.post("/").send().await.unwrap();
    // The save of `a` is refused while the handler is at the door.
    stage.door.reached(1).await;
    let first = world.inngest.wait_for_answer(1).await;
    assert_eq!(first.response_json(), serde_json::json!([]));
    assert!(first.response_headers.contains_key("x-inngest-sdk"));
    stage.door.open();
    assert_eq!(world.inngest.calls_of(Call::Async).len(), 1, "it is told once, and asks no more");
    assert_eq!(stage.effects.all(), ["a"]);
}

/// Inngest dispatches a job again whose lease is lost: retries that take long.
#[tokio::test]
async fn a_job_that_is_dispatched_again_while_it_is_under_way_runs_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(superseded))).await;
    let response = world.post("/").send().await.unwrap();
    stage.door.reached(1).await;
    world.inngest.wait_for_call(Call::Async, 1).await;
    let run_id = world.inngest.wait_for_run().await.id;
    assert!(world.inngest.redispatch(&run_id));
    world.inngest.wait_for_dispatch(2).await;
    stage.door.open();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    let [first, second] = [1, 2].map(|n| world.inngest.wait_for_answer(n));
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.response_json(), second.response_json());
    assert_eq!(stage.effects.all(), ["a", "b"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "api-down-later-twice")]
async fn twice(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    step.sleep("pause", PAUSE).await;
    let mut sum = 0;
    for turn in 0..3 {
        sum += step.run(format!("turn-{turn}"), async { Ok(turn) }).await?;
    }
    stage.effects.happen("ended");
    Ok(sum.to_string())
}

#[tokio::test]
async fn a_reentry_that_is_delivered_twice_ends_the_run_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(twice))).await;
    world.inngest.deliver_twice();
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "3");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    world.inngest.wait_for_answer(1).await;
    world.inngest.wait_for_answer(2).await;
    assert_eq!(run.steps.len(), 4);
    world.assert_clean();
}
