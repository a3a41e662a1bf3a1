//! A layer that answers after the handler's body has begun.

use std::sync::Arc;

use axum::middleware::from_fn;
use inngest::middleware::{Execution, Middleware, Outcome};
use stephttp_tests::Stage;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::*;

#[inngest::api_fn(id = "guards-slow", retries = 3)]
async fn slow(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    step.run("before", async { Ok(stage.effects.happen("before")) }).await?;
    step.sleep("pause", DAY).await;
    step.run("saved", async { Ok(stage.effects.happen("saved")) }).await?;
    let turns = step
        .run("long", async {
            let turn = stage.effects.happen("long");
            stage.door.pass().await;
            Ok(turn)
        })
        .await?;
    Ok(format!("done at turn {turns}"))
}

#[inngest::api_fn(id = "guards-panics", retries = 3)]
async fn panics(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    step.sleep("pause", DAY).await;
    assert_ne!(stage.effects.happen("turn"), 1, "the first re-entry");
    Ok("done".to_owned())
}

/// A time limit which cuts off what has reached the door: no clock is asked.
fn limited(stage: &Stage, times: usize) -> Router {
    let (limits, cut) = (stage.clone(), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let limit = move |request: Request, next: Next| {
        let (stage, cut) = (limits.clone(), cut.clone());
        async move {
            let turn = cut.load(std::sync::atomic::Ordering::SeqCst);
            let reached = async {
                if turn >= times {
                    stage.door.open();
                    return std::future::pending().await;
                }
                stage.door.reached(turn + 1).await;
            };
            tokio::select! {
                response = next.run(request) => response,
                () = reached => {
                    cut.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    StatusCode::REQUEST_TIMEOUT.into_response()
                }
            }
        }
    };
    stage.app(post(slow)).layer(from_fn(limit))
}

#[tokio::test]
async fn a_reentry_that_is_cut_off_is_tried_again_and_its_steps_run_again() {
    let stage = Stage::new();
    let world = World::of(limited(&stage, 1)).await;
    let (text, run) = ordered(&world).await;
    assert_eq!((text.as_str(), run.status), ("done at turn 2", RunStatus::Completed));
    assert_eq!(stage.effects.all(), ["before", "saved", "long", "long"]);
    world.assert_rejected();
}

#[tokio::test]
async fn one_that_is_always_cut_off_fails_and_says_by_which_layers() {
    let stage = Stage::new();
    let world = World::of(limited(&stage, usize::MAX)).await;
    let (text, run) = ordered(&world).await;
    assert_eq!(run.status, RunStatus::Failed);
    for part in ["408", "had begun", "`TimeoutLayer`", "`HandleErrorLayer`", "`CatchPanicLayer`"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!((stage.effects.count("before"), stage.effects.count("saved")), (1, 1));
}

#[tokio::test]
async fn the_timeout_layer_itself_cuts_off() {
    let stage = Stage::new();
    let layer = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_millis(300));
    let world = World::of(stage.app(post(slow)).layer(layer)).await;
    let (text, run) = ordered(&world).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(text.contains("408") && text.contains("had begun"), "{text}");
    world.assert_rejected();
}

#[tokio::test]
async fn a_panic_that_a_layer_catches_is_tried_again() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(panics)).layer(CatchPanicLayer::new())).await;
    let (text, run) = ordered(&world).await;
    assert_eq!((text.as_str(), run.status), ("done", RunStatus::Completed));
    world.assert_rejected();
}

/// Notes how executions end.
struct Told(Effects);

impl Middleware for Told {
    async fn after_execution(&self, _: &Execution, outcome: &Outcome) {
        self.0.happen(format!("{outcome:?}"));
    }
}

async fn told(app: Router) -> (World, Effects) {
    let told = Effects::new();
    let middleware = Told(told.clone());
    let builder = World::builder().opts(|opts, url| opts.dev_server(url).middleware(middleware));
    (builder.start(app).await, told)
}

const TOLD: &str = r#"Failed("a layer or an extractor answered 408 Request Timeout in the handler's place")"#;

#[tokio::test]
async fn middlewares_are_not_told_that_a_handler_which_is_cut_off_has_answered() {
    let stage = Stage::new();
    let (world, told) = told(limited(&stage, 1)).await;
    assert_eq!(ordered(&world).await.0, "done at turn 2");
    assert_eq!(told.all(), ["HandedOver", TOLD, "Responded(200)"]);
}

#[tokio::test]
async fn nor_in_a_first_request() {
    let stage = Stage::new();
    let (world, told) = told(limited_at_once(&stage)).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 408);
    world.ended().await;
    assert_eq!(told.all(), [TOLD]);
}

#[inngest::api_fn(id = "guards-slow-at-once", track = always)]
async fn slow_at_once(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    step.run("quick", async { Ok(stage.effects.happen("quick")) }).await?;
    step.run("long", async {
        stage.door.pass().await;
        Ok(())
    })
    .await?;
    Ok("done".to_owned())
}

/// A time limit which cuts off what has reached the door.
fn limited_at_once(stage: &Stage) -> Router {
    let reached = stage.clone();
    let limit = move |request: Request, next: Next| {
        let stage = reached.clone();
        async move {
            tokio::select! {
                response = next.run(request) => response,
                () = stage.door.reached(1) => StatusCode::REQUEST_TIMEOUT.into_response(),
            }
        }
    };
    stage.app(post(slow_at_once)).layer(from_fn(limit))
}

#[tokio::test]
async fn a_first_request_that_is_cut_off_ends_with_the_layers_answer() {
    let stage = Stage::new();
    let world = World::of(limited_at_once(&stage)).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 408);
    let run = world.ended().await;
    assert_eq!(run.response.as_ref().map(|response| response.status), Some(408));
    let steps: Vec<_> = run.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!((steps, stage.effects.all()), (vec!["quick"], vec!["quick".to_owned()]));
    world.assert_clean();
}
