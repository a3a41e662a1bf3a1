//! The spans in which handlers and steps are polled.

use std::time::Duration;

use axum::routing::post;
use inngest::middleware::{Execution, Middleware, StepContext};
use inngest::{Failure, SetupOpts, Step, StepError};
use stephttp_tests::{Logs, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

struct Spans;

impl Middleware for Spans {
    fn execution_span(&self, execution: &Execution) -> Option<tracing::Span> {
        let first = execution.is_first_request();
        Some(tracing::info_span!(target: "inngest", "execution", first, function = execution.function_id()))
    }

    fn step_span(&self, step: &StepContext) -> Option<tracing::Span> {
        Some(tracing::info_span!(target: "inngest", "step", id = step.id()))
    }
}

#[inngest::api_fn(id = "middleware-spans")]
async fn handler(step: Step) -> Result<&'static str, StepError> {
    tracing::info!(target: "inngest", "spans: before the step");
    step.run("a", async {
        tokio::task::yield_now().await;
        tracing::info!(target: "inngest", "spans: in the step");
        Ok::<_, Failure>(())
    })
    .await?;
    tokio::task::yield_now().await;
    tracing::info!(target: "inngest", "spans: after the step");
    step.sleep("pause", PAUSE).await;
    tracing::info!(target: "inngest", "spans: at the end");
    Ok("done")
}

#[tokio::test]
async fn what_a_handler_and_its_steps_log_is_in_their_spans() {
    let logs = Logs::collect();
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Spans))
        .start(Stage::new().app(post(handler)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    let span = r#"function="middleware-spans"}"#;
    let first = format!("execution{{first=true {span}");
    logs.assert_line_with(&[&format!("{first}: inngest: spans: before the step")]);
    logs.assert_line_with(&[&format!("{first}:step{{id=\"a\"}}: inngest: spans: in the step")]);
    logs.assert_line_with(&[&format!("{first}: inngest: spans: after the step")]);
    logs.assert_line_with(&[&format!("execution{{first=false {span}: inngest: spans: at the end")]);
    world.assert_clean();
}
