//! Runs that somebody cancels: what their handlers, middlewares and clients learn of it.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use inngest::middleware::{Execution, Middleware, Outcome};
use inngest::{Step, StepError};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Effects, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

/// Notes how executions end.
struct Told(Effects);

impl Middleware for Told {
    async fn after_execution(&self, _: &Execution, outcome: &Outcome) {
        self.0.happen(format!("{outcome:?}"));
    }
}

/// Notes that it is dropped.
struct Guard(Effects);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.happen("dropped");
    }
}

/// Where a run is cancelled in a step, `work`, of its re-entry.
#[inngest::api_fn(id = "cancellation-work")]
async fn work(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", PAUSE).await;
    let _guard = Guard(stage.effects.clone());
    step.run("before", async { Ok(()) }).await?;
    step.run("work", async {
        stage.door.pass().await;
        Ok(stage.effects.happen("worked"))
    })
    .await?;
    Ok("nobody reads this")
}

/// The step takes so long that the next waits until it is saved.
#[inngest::api_fn(id = "cancellation-long-work")]
async fn long_work(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", PAUSE).await;
    let _guard = Guard(stage.effects.clone());
    step.run("work", async {
        stage.door.pass().await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        Ok(stage.effects.happen("worked"))
    })
    .await?;
    step.run("after", async { Ok(stage.effects.happen("after")) }).await?;
    Ok("nobody reads this")
}

/// Two branches: from there on, steps are claimed.
#[inngest::api_fn(id = "cancellation-branches")]
async fn branches(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    tokio::join!(step.sleep("a", PAUSE), step.sleep("b", PAUSE));
    step.run("work", async {
        stage.door.pass().await;
        Ok(stage.effects.happen("worked"))
    })
    .await?;
    Ok("nobody reads this")
}

fn app(stage: &Stage) -> Router {
    Router::new()
        .route("/work", post(work))
        .route("/long-work", post(long_work))
        .route("/branches", post(branches))
        .route("/asleep", post(asleep))
        .route("/asleep/redirect", post(asleep_redirect))
        .route("/asleep/token", post(asleep_token))
        .route("/first", post(first))
        .with_state(stage.clone())
}

/// With its output route, and what middlewares are told.
async fn world(stage: &Stage) -> (World, Effects) {
    let (told, app) = (Effects::new(), app(stage));
    let middleware = Told(told.clone());
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).linger(Duration::ZERO).middleware(middleware))
        .start_with(|inngest| app.merge(inngest.output_route()))
        .await;
    (world, told)
}

/// Somebody cancels a run in its re-entry, while a step of it is under way. The run's id.
async fn cancel_in_step(stage: &Stage, world: &World, path: &str) -> String {
    assert_eq!(world.post(path).send().await.unwrap().status(), 303);
    stage.door.reached(1).await;
    let run = world.inngest.wait_for_run().await.id;
    world.inngest.cancel(&run);
    stage.door.open();
    run
}

/// Nothing that was answered since has changed how a run has ended.
async fn assert_stays_cancelled(world: &World, run: &str) {
    world.delivered().await;
    world.inngest.idle().await;
    let run = world.inngest.run(run).unwrap();
    assert_eq!((run.status, run.response.is_none()), (RunStatus::Cancelled, true));
    world.assert_clean();
}

// ===== In a re-entry =====

#[tokio::test]
async fn a_step_is_not_interrupted_and_the_middleware_is_told_at_which_it_was_noticed() {
    let stage = Stage::new();
    let (world, told) = world(&stage).await;
    let run = cancel_in_step(&stage, &world, "/work").await;
    world.inngest.wait_for_answer(1).await;
    assert_eq!(stage.effects.all(), ["worked", "dropped"]);
    assert_eq!(told.all(), ["HandedOver", r#"Cancelled { at: Some("work") }"#]);
    assert_stays_cancelled(&world, &run).await;
}

#[tokio::test]
async fn after_a_long_step_none_begins_and_the_handler_is_dropped() {
    let stage = Stage::new();
    let (world, told) = world(&stage).await;
    let run = cancel_in_step(&stage, &world, "/long-work").await;
    world.inngest.wait_for_answer(1).await;
    assert_eq!(stage.effects.all(), ["worked", "dropped"]);
    assert_eq!(told.all(), ["HandedOver", r#"Cancelled { at: Some("work") }"#]);
    assert_stays_cancelled(&world, &run).await;
}

#[tokio::test]
async fn so_it_is_where_steps_are_claimed() {
    let stage = Stage::new();
    let (world, told) = world(&stage).await;
    let run = cancel_in_step(&stage, &world, "/branches").await;
    assert_stays_cancelled(&world, &run).await;
    assert_eq!(stage.effects.all(), ["worked"]);
    assert_eq!(told.count(r#"Cancelled { at: Some("work") }"#), 1, "{:?}", told.all());
}

/// Inngest shows a run's status some seconds late.
#[tokio::test]
async fn a_cancellation_that_inngest_does_not_show_at_once_is_waited_for() {
    let stage = Stage::new();
    let (world, told) = world(&stage).await;
    let late = InjectedFault::on(Call::Run).body(r#"{"data":{"status":"Running"}}"#);
    world.inngest.inject(late);
    cancel_in_step(&stage, &world, "/work").await;
    world.inngest.wait_for_answer(1).await;
    assert_eq!(told.all(), ["HandedOver", r#"Cancelled { at: Some("work") }"#]);
    assert_eq!(world.inngest.calls_of(Call::Run).len(), 2);
}

/// Only middlewares want to know. All attempts of a call that hangs take over twenty seconds.
#[tokio::test]
async fn an_inngest_that_does_not_answer_whether_it_was_is_waited_for_four_seconds() {
    let stage = Stage::new();
    let (world, told) = world(&stage).await;
    world.inngest.inject(InjectedFault::on(Call::Run).every().hang());
    cancel_in_step(&stage, &world, "/work").await;
    world.inngest.wait_for_call(Call::Run, 1).await;
    let asked = tokio::time::Instant::now();
    world.inngest.wait_for_answer(1).await;
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert_eq!(told.all(), ["HandedOver", "Responded(200)"]);
}

#[tokio::test]
async fn a_run_that_has_ended_otherwise_is_not_taken_for_a_cancelled_one() {
    for (path, outcome) in [("/work", "Responded(200)"), ("/long-work", "Abandoned")] {
        let stage = Stage::new();
        let (world, told) = world(&stage).await;
        assert_eq!(world.post(path).send().await.unwrap().status(), 303);
        stage.door.reached(1).await;
        let run = world.inngest.wait_for_run().await;
        let end = json!({ "run_id": run.id, "steps": [
            { "id": "0737c22d3bfae812339732d14d8c7dbd6dc4e09c", "op": "RunComplete",
              "data": { "status": 200, "headers": {}, "body": "" } }
        ]});
        let url = format!("{}/v1/checkpoint/{}/steps", world.inngest.url(), run.id);
        reqwest::Client::new().post(url).json(&end).send().await.unwrap().error_for_status().unwrap();
        assert_eq!(world.inngest.run(&run.id).unwrap().status, RunStatus::Completed);
        stage.door.open();
        world.inngest.wait_for_answer(1).await;
        assert_eq!(told.all(), ["HandedOver", outcome]);
    }
}

// ===== While it waits =====

#[inngest::api_fn(id = "cancellation-asleep")]
async fn asleep(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "rested"
}

#[inngest::api_fn(id = "cancellation-asleep-redirect", async_response = redirect)]
async fn asleep_redirect(step: Step) -> &'static str {
    asleep(step).await
}

#[inngest::api_fn(id = "cancellation-asleep-token", async_response = token)]
async fn asleep_token(step: Step) -> &'static str {
    asleep(step).await
}

#[tokio::test]
async fn of_a_run_that_waits_nothing_comes_back_and_its_client_gets_a_410_from_the_app() {
    for (path, status) in [("/asleep", 410), ("/asleep/token", 410), ("/asleep/redirect", 200)] {
        let (world, told) = world(&Stage::new()).await;
        world.inngest.hold_time();
        let response = world.post(path).send().await.unwrap();
        let run = world.inngest.wait_for_run().await.id;
        world.inngest.cancel(&run);
        world.inngest.release_time();
        let output = match response.headers().get("location") {
            Some(location) => location.to_str().unwrap().to_owned(),
            None => response.json::<Value>().await.unwrap()["url"].as_str().unwrap().to_owned(),
        };
        let output = if output.starts_with('/') {
            world.get(&output).send().await.unwrap()
        } else {
            reqwest::get(&output).await.unwrap()
        };
        assert_eq!(output.status(), status, "{path}");
        let text = output.text().await.unwrap();
        if status == 410 {
            assert!(text.contains("cancelled"), "{text}");
        } else {
            assert_eq!(text, "", "Inngest's own answer");
        }
        assert_eq!((told.all(), world.inngest.dispatches().len()), (vec!["HandedOver".to_owned()], 0));
        assert_stays_cancelled(&world, &run).await;
    }
}

// ===== In the first request =====

#[inngest::api_fn(id = "cancellation-first")]
async fn first(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("known", async { Ok(()) }).await?;
    step.run("work", async {
        stage.door.pass().await;
        Ok(stage.effects.happen("worked"))
    })
    .await?;
    step.run("after", async { Ok(stage.effects.happen("after")) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
        stage.effects.happen("came back");
    }
    Ok("all of it")
}

/// Cancelled in its first request, once Inngest knows of it.
async fn cancelled_in_first(stage: &Stage, world: &World) -> (reqwest::Response, String) {
    let client = tokio::spawn(world.post("/first").send());
    stage.door.reached(1).await;
    let run = world.inngest.wait_for_run().await.id;
    world.inngest.cancel(&run);
    stage.door.open();
    (client.await.unwrap().unwrap(), run)
}

#[tokio::test]
async fn a_first_request_goes_on_and_its_client_gets_the_answer() {
    let stage = Stage::new();
    let (world, told) = world(&stage).await;
    let (response, run) = cancelled_in_first(&stage, &world).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.text().await.unwrap(), "all of it");
    assert_eq!(stage.effects.all(), ["worked", "after"]);
    assert_stays_cancelled(&world, &run).await;
    assert_eq!(told.all(), ["Responded(200)"]);
}

#[tokio::test]
async fn a_first_request_that_then_waits_is_handed_over_and_nothing_comes_back() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    let (world, told) = world(&stage).await;
    let (response, run) = cancelled_in_first(&stage, &world).await;
    assert_eq!(response.status(), 303);
    let output = world.get(response.headers()["location"].to_str().unwrap()).send().await.unwrap();
    assert_eq!(output.status(), StatusCode::GONE);
    assert_stays_cancelled(&world, &run).await;
    assert_eq!((stage.effects.count("after"), stage.effects.count("came back")), (1, 0));
    assert_eq!((told.all(), world.inngest.dispatches().len()), (vec!["HandedOver".to_owned()], 0));
}
