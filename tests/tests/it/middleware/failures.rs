//! Middlewares that fail: nothing is stored as it is, no step counts as failed that has not, and
//! nobody waits for ever.

use std::time::Duration;

use axum::extract::State;
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use inngest::middleware::{Execution, Middleware, Outcome, StepContext, StoredResponse};
use inngest::{Failure, SetupOpts, Step, StepError};
use serde_json::value::RawValue;
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Effects, Logs, Stage, World};

use crate::options::assert_never_sent;

const PAUSE: Duration = Duration::from_secs(86_400);
const SECRET: &str = "a very secret text";

/// Fails where it is told to: the first times, or always.
struct Failing {
    at: &'static str,
    times: usize,
    panics: bool,
    effects: Effects,
}

impl Failing {
    fn at(&self, place: &str) -> Result<(), Failure> {
        if self.at != place || self.effects.happen(format!("{place} is called")) > self.times {
            return Ok(());
        }
        assert!(!self.panics, "the middleware panics");
        Err(Failure::new("the middleware fails"))
    }
}

impl Middleware for Failing {
    async fn after_execution(&self, _: &Execution, outcome: &Outcome) {
        self.effects.happen(format!("end {outcome:?}"));
        let _ = self.at("after_execution");
    }

    async fn after_step(&self, _: &StepContext, outcome: Result<(), &StepError>) {
        self.effects.happen(format!("step {:?}", outcome.map_err(StepError::message)));
    }

    async fn transform_step_output(
        &self,
        _: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.at("transform_step_output").map(|()| output)
    }

    async fn restore_step_output(
        &self,
        _: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.at("restore_step_output").map(|()| output)
    }

    async fn transform_event_data(
        &self,
        _: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.at("transform_event_data").map(|()| data)
    }

    async fn transform_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        self.at("transform_request_body").map(|()| body)
    }

    async fn restore_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        self.at("restore_request_body").map(|()| body)
    }

    async fn transform_response_body(
        &self,
        _: &Execution,
        _: &StoredResponse,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        self.at("transform_response_body").map(|()| body)
    }
}

async fn failing(
    stage: &Stage,
    at: &'static str,
    times: usize,
    panics: bool,
    route: MethodRouter<Stage>,
) -> World {
    let failing = Failing { at, times, panics, effects: stage.effects.clone() };
    World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(failing))
        .start(stage.app(route))
        .await
}

#[inngest::api_fn(id = "middleware-failing")]
async fn handler(State(stage): State<Stage>, step: Step, body: String) -> Result<String, StepError> {
    let first = step.run("first", async { Ok::<_, Failure>(stage.effects.happen("first")) }).await?;
    step.sleep("pause", PAUSE).await;
    let second = step.run("second", async { Ok::<_, Failure>(stage.effects.happen("second")) }).await?;
    Ok(format!("{body} {first} {second}"))
}

#[tokio::test]
async fn an_output_that_cannot_be_transformed_fails_the_steps_attempt() {
    let stage = Stage::new();
    let world = failing(&stage, "transform_step_output", 1, false, post(handler)).await;
    let response = world.post("/").body("x").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "x 2 1");
    assert_eq!(stage.effects.count("first"), 2, "it has run again");
    assert_eq!(stage.effects.count("step Err(\"the middleware fails\")"), 1);
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

/// The step did end well, so its handler must not be told that it failed: it might undo what was
/// done.
#[tokio::test]
async fn a_stored_output_that_cannot_be_restored_has_the_request_tried_again() {
    for place in ["restore_step_output", "restore_request_body"] {
        let stage = Stage::new();
        let world = failing(&stage, place, 1, false, post(handler)).await;
        let response = world.post("/").body("x").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "x 1 1", "{place}");
        assert_eq!((stage.effects.count("first"), stage.effects.count("second")), (1, 1), "{place}");
        let statuses: Vec<_> = world.inngest.dispatches().iter().map(|dispatch| dispatch.status).collect();
        assert_eq!(statuses[0].unwrap(), 500, "{place}: {statuses:?}");
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        world.assert_clean();
    }
}

#[tokio::test]
async fn what_can_never_be_restored_fails_the_run_in_the_end() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = failing(&stage, "restore_step_output", usize::MAX, false, post(handler)).await;
    let response = world.post("/").body("x").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.follow(response).await;
    assert_eq!(world.ended().await.status, RunStatus::Failed);
    assert_eq!(stage.effects.count("second"), 0);
    logs.assert_line_with(&[
        "ERROR",
        &run.id,
        "what is stored of the step `first` cannot be restored",
        "the middleware fails",
    ]);
    world.assert_clean();
}

#[tokio::test]
async fn a_request_whose_body_cannot_be_transformed_is_not_handed_over() {
    for panics in [false, true] {
        let stage = Stage::new();
        let world = failing(&stage, "transform_request_body", usize::MAX, panics, post(handler)).await;
        let response = world.post("/").body(SECRET).send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        assert_eq!(stage.effects.count("end Failed(\"the run could not be handed over\")"), 1);
        assert!(
            world.provider.wait(Duration::from_secs(30)).await.is_err(),
            "the run is lost, and that is said"
        );
        assert_never_sent(&world, SECRET);
    }
}

#[inngest::api_fn(id = "middleware-failing-body")]
async fn answers(step: Step) -> Result<String, StepError> {
    step.run("a", async { Ok::<_, Failure>(()) }).await?;
    Ok(SECRET.to_owned())
}

#[tokio::test]
async fn a_response_whose_body_cannot_be_transformed_is_given_to_its_client_alone() {
    for panics in [false, true] {
        let stage = Stage::new();
        let world = failing(&stage, "transform_response_body", usize::MAX, panics, post(answers)).await;
        assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), SECRET);
        let run = world.ended().await;
        let stored = run.response.unwrap();
        assert_eq!((run.status, stored.body.as_str()), (RunStatus::Completed, ""));
        let why = stored.headers.iter().find(|(name, _)| name == "x-stephttp-body-not-stored").unwrap();
        assert_eq!(why.1, "a middleware could not transform it");
        assert_never_sent(&world, SECRET);
        world.assert_clean();
    }
}

#[tokio::test]
async fn the_response_of_a_run_that_was_handed_over_is_tried_again() {
    let stage = Stage::new();
    let world = failing(&stage, "transform_response_body", 1, false, post(handler)).await;
    let response = world.post("/").body("x").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "x 1 1");
    assert_eq!(stage.effects.count("second"), 1, "it was stored before");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

#[inngest::api_fn(id = "middleware-failing-invoke")]
async fn invokes(step: Step) -> Result<String, StepError> {
    step.run("a", async { Ok::<_, Failure>(()) }).await?;
    step.invoke("call", "app-echo").data(serde_json::json!({ "text": "sent" })).await
}

#[tokio::test]
async fn an_invocation_whose_data_cannot_be_transformed_is_not_made() {
    let stage = Stage::new();
    let effects = stage.effects.clone();
    let failing = Failing { at: "transform_event_data", times: 1, panics: false, effects: effects.clone() };
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(failing))
        .inngest(|inngest| {
            inngest.function("app-echo", move |data| {
                effects.happen("invoked");
                async move { Ok::<_, String>(data["text"].clone()) }
            })
        })
        .start(stage.app(post(invokes)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(world.ended().await.response.unwrap().status, 500);
    assert_eq!(stage.effects.count("invoked"), 0);
    // The client tries again.
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "sent");
    assert_eq!(stage.effects.count("invoked"), 1);
}

#[tokio::test]
async fn a_panic_after_the_execution_is_contained() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = failing(&stage, "after_execution", usize::MAX, true, post(answers)).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), SECRET);
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    logs.assert_line_with(&["ERROR", &run.id, "after an execution: a middleware panicked"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "middleware-saves-late")]
async fn saves(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", PAUSE).await;
    step.run("late", async { Ok(stage.effects.happen("late")) }).await?;
    Ok("done")
}

/// What the step gave is to be saved before middlewares are told, and before the answer.
#[tokio::test]
async fn what_cannot_be_saved_is_not_tried_twice_for_them() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = failing(&stage, "nowhere", 0, false, post(saves)).await;
    world.inngest.inject(InjectedFault::on(Call::Async).every().respond(500));
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.count("late"), 1);
    let said = ["WARN", "middleware-saves-late", "finished steps go back in the answer instead"];
    assert_eq!(logs.lines_with(&said).len(), 1);
    world.assert_clean();
}
