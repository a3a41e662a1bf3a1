//! Middlewares that make more of what they change than there is room for.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use inngest::middleware::{Execution, Middleware, StepContext};
use inngest::{Failure, SetupOpts, Step, StepError};
use serde_json::value::RawValue;
use stephttp_dev::RunStatus;
use stephttp_tests::{Effects, Logs, Stage, World};

use super::trouble::{PAUSE, world};

/// Remembers a text of so many bytes.
struct Remembers(usize);

impl Middleware for Remembers {
    async fn before_execution(&self, execution: &Execution) {
        if execution.is_first_request() {
            execution.remember("test/text", "x".repeat(self.0));
        } else {
            assert_eq!(execution.remembered("test/text").unwrap().len(), self.0);
        }
    }
}

#[inngest::api_fn(id = "middleware-remembers-much")]
async fn sleeps(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok(stage.effects.happen("a")) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok("done")
}

#[tokio::test]
async fn a_run_that_remembers_more_than_inngest_keeps_is_not_handed_over() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = world(stage.app(post(sleeps)), Remembers(4 * 1024 * 1024)).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 500);
    let error = response.text().await.unwrap();
    assert!(error.contains("`Remember`") && error.contains("4 MiB"), "{error}");
    let run = world.ended().await;
    assert_eq!(run.response.unwrap().status, 500);
    logs.assert_line_with(&["ERROR", &run.id, "4 MiB"]);
    world.assert_clean();
}

#[tokio::test]
async fn a_run_that_remembers_less_gets_all_of_it_back() {
    let stage = Stage::new();
    let world = world(stage.app(post(sleeps)), Remembers(4 * 1024 * 1024 - 1024)).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.assert_clean();
}

/// Adds so many bytes to what is stored.
struct Grows(usize, Effects);

impl Middleware for Grows {
    async fn transform_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        Ok([&body[..], &vec![b'x'; self.0]].concat().into())
    }

    async fn restore_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        Ok(body.slice(..body.len() - self.0))
    }

    async fn transform_step_output(
        &self,
        _: &StepContext,
        _: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        serde_json::value::to_raw_value(&"x".repeat(self.0)).map_err(Failure::new)
    }

    async fn restore_step_output(&self, _: &StepContext, _: Box<RawValue>) -> Result<Box<RawValue>, Failure> {
        serde_json::value::to_raw_value(&1).map_err(Failure::new)
    }

    async fn transform_event_data(
        &self,
        _: &StepContext,
        _: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        let data = serde_json::json!({ "text": "x".repeat(self.0) });
        serde_json::value::to_raw_value(&data).map_err(Failure::new)
    }

    async fn after_step(&self, _: &StepContext, outcome: Result<(), &StepError>) {
        self.1.happen(format!("after {:?}", outcome.map_err(StepError::name)));
    }
}

#[inngest::api_fn(id = "middleware-grows-body")]
async fn counts(step: Step, body: String) -> String {
    step.sleep("pause", PAUSE).await;
    body.len().to_string()
}

/// Inngest has room for about 3 MiB; axum's extractors take 2.
#[tokio::test]
async fn a_body_that_has_grown_over_the_limit_is_refused_for_good() {
    const LENGTH: usize = 1_000_000;
    const ROOM: usize = 3_096_576 - LENGTH;
    for grows_by in [ROOM + 1, 10_000_000] {
        let world = world(Router::new().route("/", post(counts)), Grows(grows_by, Effects::new())).await;
        let response = world.post("/").body("b".repeat(LENGTH)).send().await.unwrap();
        assert_eq!(response.status(), 413, "{grows_by}");
        let error = response.text().await.unwrap();
        assert!(error.contains("middleware") && error.contains("3096576"), "{error}");
    }
    let world = world(Router::new().route("/", post(counts)), Grows(ROOM, Effects::new())).await;
    let response = world.post("/").body("b".repeat(LENGTH)).send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), LENGTH.to_string());
    world.assert_clean();
}

#[inngest::api_fn(id = "middleware-grows-output")]
async fn grows_output(State(stage): State<Stage>, step: Step) -> Result<(), StepError> {
    step.run("a", async { Ok(stage.effects.happen("a runs")) }).await?;
    Ok(())
}

#[tokio::test]
async fn a_middleware_is_told_that_the_output_has_grown_over_the_limit() {
    let stage = Stage::new();
    let world = world(stage.app(post(grows_output)), Grows(4 * 1024 * 1024, stage.effects.clone())).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 500);
    assert_eq!(stage.effects.all(), ["a runs", "after Err(\"StepOutputTooLarge\")"]);
    assert_eq!(world.ended().await.status, RunStatus::Failed);
    world.assert_clean();
}

#[inngest::api_fn(id = "middleware-grows-invocation")]
async fn invokes(step: Step) -> Result<String, StepError> {
    step.invoke("call", "app-echo").data(serde_json::json!({})).await
}

#[tokio::test]
async fn an_invocation_whose_data_has_grown_over_the_limit_is_not_made() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let grows = Grows(3 * 1024 * 1024, stage.effects.clone());
    let effects = stage.effects.clone();
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(grows))
        .inngest(|inngest| {
            inngest.function("app-echo", move |_| {
                effects.happen("invoked");
                async move { Ok::<_, String>(serde_json::json!("done")) }
            })
        })
        .start(stage.app(post(invokes)))
        .await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 500);
    world.delivered().await;
    assert_eq!(stage.effects.count("invoked"), 0);
    logs.assert_line_with(&["ERROR", "the step `call`", "3 MiB"]);
    world.assert_clean();
}
