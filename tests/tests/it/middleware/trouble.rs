//! Middlewares that take long, or panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::post;
use bytes::Bytes;
use inngest::middleware::{Execution, Middleware, Outcome, StepContext, StoredResponse};
use inngest::{Event, Failure, SetupOpts, Step, StepError};
use serde_json::value::RawValue;
use stephttp_dev::RunStatus;
use stephttp_tests::{Effects, Logs, RawClient, Scramble, Stage, World};
use tokio::sync::mpsc;

use super::lifecycle::Witness;

pub(super) const PAUSE: Duration = Duration::from_secs(86_400);

pub(super) async fn world(app: Router, middleware: impl Middleware) -> World {
    World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(middleware))
        .start(app)
        .await
}

// ===== Before the handler =====

/// Takes its time before an execution begins, and leaves something in it.
struct Unhurried(Stage, mpsc::Sender<()>);

impl Middleware for Unhurried {
    async fn before_execution(&self, execution: &Execution) {
        execution.insert(self.1.clone());
        self.0.door.pass().await;
    }
}

#[tokio::test]
async fn nothing_is_left_of_an_execution_whose_client_leaves_before_it_begins() {
    let stage = Stage::new();
    let (kept, mut released) = mpsc::channel(1);
    let world = world(stage.app(post(ends)), Unhurried(stage.clone(), kept)).await;
    let client = RawClient::post(&world, "/").await;
    stage.door.reached(1).await;
    drop(client);
    // Another request, so that the app has had its turn to see the connection close.
    assert_eq!(world.get("/").send().await.unwrap().status(), 405);
    stage.door.open();
    world.delivered().await;
    assert_eq!(stage.effects.count("a runs"), 0);
    // With the world goes the middleware, and with it the last sender, unless an execution still
    // holds one.
    drop(world);
    let released = tokio::time::timeout(Duration::from_secs(60), released.recv()).await;
    assert_eq!(released, Ok(None));
}

// ===== After the handler =====

/// Takes its time when an execution has ended.
struct SlowEnd(Stage);

impl Middleware for SlowEnd {
    async fn after_execution(&self, _: &Execution, outcome: &Outcome) {
        self.0.effects.happen(format!("end {outcome:?}"));
        self.0.door.pass().await;
        self.0.effects.happen("told");
    }
}

#[inngest::api_fn(id = "middleware-slow-end")]
async fn ends(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok(stage.effects.happen("a runs")) }).await?;
    assert!(stage.effects.count("panic") == 0, "as the test wants it");
    Ok("done")
}

/// A client comes, and goes away while middlewares are told of the end.
async fn left_at_the_end(stage: &Stage) -> World {
    let world = world(stage.app(post(ends)), SlowEnd(stage.clone())).await;
    let client = RawClient::post(&world, "/").await;
    stage.door.reached(1).await;
    drop(client);
    // Another request, so that the app has had its turn to see the connection close.
    assert_eq!(world.get("/").send().await.unwrap().status(), 405);
    let undelivered = world.provider.wait(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(undelivered.lost_count(), 0);
    assert_eq!(undelivered.requests(), 1, "{undelivered}");
    stage.door.open();
    world.delivered().await;
    assert_eq!((stage.effects.count("a runs"), stage.effects.count("told")), (1, 1));
    world
}

#[tokio::test]
async fn a_run_whose_client_leaves_while_middlewares_are_told_of_its_end_is_recorded() {
    let world = left_at_the_end(&Stage::new()).await;
    let run = world.ended().await;
    assert_eq!((run.status, run.steps.len()), (RunStatus::Completed, 1));
    assert_eq!(run.response.unwrap().body, "done");
    world.assert_clean();
}

#[tokio::test]
async fn so_is_one_whose_handler_has_panicked() {
    let stage = Stage::new();
    stage.effects.happen("panic");
    let world = left_at_the_end(&stage).await;
    assert_eq!(stage.effects.count("end Panicked"), 1);
    let run = world.ended().await;
    assert_eq!((run.status, run.steps.len()), (RunStatus::Failed, 1));
    world.assert_clean();
}

/// Panics in all that is told after something has happened.
struct Panicking;

impl Middleware for Panicking {
    async fn after_step(&self, _: &StepContext, _: Result<(), &StepError>) {
        panic!("after a step");
    }

    async fn on_panic(&self, _: &Execution, _: &str) {
        panic!("after a panic");
    }

    async fn after_execution(&self, _: &Execution, _: &Outcome) {
        panic!("after an execution");
    }
}

#[tokio::test]
async fn a_panic_after_a_step_takes_nothing_from_the_step_nor_from_other_middlewares() {
    for panics in [false, true] {
        let logs = Logs::collect();
        let stage = Stage::new();
        if panics {
            stage.effects.happen("panic");
        }
        let witness = Witness { name: "outer", seen: stage.effects.clone() };
        let world = World::builder()
            .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(witness).middleware(Panicking))
            .start(stage.app(post(ends)))
            .await;
        let response = world.post("/").send().await;
        let run = world.ended().await;
        assert_eq!(stage.effects.count("a runs"), 1);
        assert_eq!(stage.effects.count("outer: after a Ok(())"), 1, "{:?}", stage.effects.all());
        assert_eq!(run.steps.len(), 1);
        logs.assert_line_with(&["ERROR", &run.id, "after a step", "a middleware panicked"]);
        logs.assert_line_with(&["ERROR", &run.id, "after an execution", "a middleware panicked"]);
        if panics {
            assert!(response.is_err(), "the handler's panic goes on");
            assert_eq!(stage.effects.count("outer: panic \"as the test wants it\""), 1);
            assert_eq!(stage.effects.count("outer: end Panicked"), 1);
            assert_eq!(run.status, RunStatus::Failed);
        } else {
            assert_eq!(response.unwrap().text().await.unwrap(), "done");
            assert_eq!(stage.effects.count("outer: end Responded(200)"), 1);
            assert_eq!(run.status, RunStatus::Completed);
        }
        world.assert_clean();
    }
}

// ===== Before the handler =====

/// Counts how often it is asked whether the execution may begin.
struct SlowBegin(Arc<AtomicUsize>);

impl Middleware for SlowBegin {
    async fn before_execution(&self, _: &Execution) {
        let mut pause = std::pin::pin!(tokio::time::sleep(Duration::from_millis(200)));
        std::future::poll_fn(|cx| {
            self.0.fetch_add(1, Ordering::Relaxed);
            pause.as_mut().poll(cx)
        })
        .await;
    }
}

#[inngest::api_fn(id = "middleware-slow-begin")]
async fn begins_slowly(step: Step) -> Result<String, StepError> {
    let (step, ()) = tokio::join!(
        step.run("a", async { Ok("done".to_owned()) }),
        // What wakes the handler, which is not polled then.
        tokio::time::sleep(Duration::from_millis(1)),
    );
    step
}

#[tokio::test]
async fn an_execution_that_begins_slowly_costs_nothing_meanwhile() {
    let polls = Arc::new(AtomicUsize::new(0));
    let world = world(Router::new().route("/", post(begins_slowly)), SlowBegin(polls.clone())).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "done");
    assert!(polls.load(Ordering::Relaxed) < 10, "{polls:?} polls");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

/// Panics when an execution is to begin.
struct PanicsAtBegin;

impl Middleware for PanicsAtBegin {
    async fn before_execution(&self, _: &Execution) {
        panic!("before an execution");
    }
}

async fn begins_in_a_task(step: Step) -> Result<&'static str, StepError> {
    let spawned = step.clone();
    let task = tokio::spawn(async move { spawned.run("a", async { Ok::<_, Failure>(()) }).await });
    assert!(task.await.is_err(), "the step panics as the middleware does");
    step.run("b", async { Ok::<_, Failure>(()) }).await?;
    Ok("done")
}

#[tokio::test]
async fn a_panic_before_the_execution_leaves_no_step_waiting_also_in_a_task() {
    let world = world(Router::new().route("/", post(begins_in_a_task)), PanicsAtBegin).await;
    let response =
        tokio::time::timeout(Duration::from_secs(60), world.post("/").send()).await.unwrap().unwrap();
    assert_eq!(response.status(), 500);
    world.delivered().await;
}

// ===== While something is restored =====

/// Takes longer to restore a step than a handler is given to do what it did before.
struct SlowRestore;

impl Middleware for SlowRestore {
    async fn restore_step_output(
        &self,
        _: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        tokio::time::sleep(Duration::from_millis(400)).await;
        Ok(output)
    }
}

#[inngest::api_fn(id = "middleware-slow-restore")]
async fn drops_a_step(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    let endless = step.run("endless", std::future::pending::<Result<(), Failure>>());
    assert!(tokio::time::timeout(Duration::from_millis(5), endless).await.is_err());
    step.run("next", async { Ok(stage.effects.happen("next")) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok("done")
}

#[tokio::test]
async fn a_handler_is_not_blamed_for_the_time_that_restoring_takes() {
    let stage = Stage::new();
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| {
            opts.dev_server(url).replay_patience(Duration::from_millis(100)).middleware(SlowRestore)
        })
        .start(stage.app(post(drops_a_step)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.count("next"), 1);
    world.assert_clean();
}

#[inngest::api_fn(id = "middleware-many-restored")]
async fn restores_many(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let steps = (0..900).map(|n| {
        let stage = &stage;
        step.run(format!("step {n}"), async move { Ok(stage.effects.happen(format!("step {n}"))) })
    });
    let sum: usize = futures_util::future::try_join_all(steps).await?.into_iter().sum();
    step.sleep("pause", PAUSE).await;
    Ok(sum.to_string())
}

#[tokio::test]
async fn hundreds_of_steps_are_restored_side_by_side() {
    let stage = Stage::new();
    let world = world(stage.app(post(restores_many)), SlowRestore).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "900");
    assert_eq!(stage.effects.all().len(), 900, "each has run once");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

// ===== Too much =====

/// Never ends what it does beside the requests.
struct Hangs;

impl Middleware for Hangs {
    async fn transform_response_body(
        &self,
        _: &Execution,
        _: &StoredResponse,
        _: Bytes,
    ) -> Result<Bytes, Failure> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_middleware_that_hangs_beside_the_requests_holds_up_neither_clients_nor_the_processes_end() {
    let stage = Stage::new();
    let world = world(stage.app(post(ends)), Hangs).await;
    for _ in 0..20 {
        assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "done");
    }
    let undelivered = world.provider.shutdown(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((undelivered.requests(), undelivered.pending().len()), (0, 20), "{undelivered}");
}

// ===== What others make =====

/// In the first request alone.
struct OnlyOnce;

impl<S: Sync> FromRequestParts<S> for OnlyOnce {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let is_first = parts.headers.contains_key("x-first");
        if is_first { Ok(Self) } else { Err((StatusCode::UNAUTHORIZED, "who are you?")) }
    }
}

/// Cannot transform responses.
struct Refuses;

impl Middleware for Refuses {
    async fn transform_response_body(
        &self,
        _: &Execution,
        _: &StoredResponse,
        _: Bytes,
    ) -> Result<Bytes, Failure> {
        Err(Failure::new("no"))
    }
}

#[inngest::api_fn(id = "middleware-rejected", retries = 1)]
async fn rejected(#[not_replayed] _: OnlyOnce, step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

/// An answer that asks for a retry after the last attempt would leave the run hanging.
#[tokio::test]
async fn a_rejected_reentry_whose_body_cannot_be_transformed_ends_its_run() {
    let world = world(Router::new().route("/", post(rejected)), Refuses).await;
    let response = world.post("/").header("x-first", "yes").send().await.unwrap();
    assert_eq!(response.status(), 303);
    let run = tokio::time::timeout(Duration::from_secs(60), world.ended()).await.expect("the run ends");
    assert_eq!(run.status, RunStatus::Failed);
    world.assert_rejected();
}

#[inngest::api_fn(id = "middleware-own-failure", async_response = proxy, retries = 0)]
async fn fails_later(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    panic!("as the test wants it")
}

#[tokio::test]
async fn what_no_handler_has_answered_is_not_restored() {
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Scramble))
        .start_with(|provider| Router::new().route("/", post(fails_later)).merge(provider.output_route()))
        .await;
    let response = world.post("/").send().await.unwrap();
    let place = response.headers()["location"].to_str().unwrap();
    let output = world.get(place).send().await.unwrap();
    assert_eq!(output.status(), 500);
    assert!(output.headers().contains_key("x-run-id"));
    assert_eq!(output.text().await.unwrap(), r#"{"error":"the handler panicked"}"#);
    assert_eq!(world.ended().await.status, RunStatus::Failed);
    world.assert_clean();
}

/// Keeps a value from each of a step's methods for the next.
struct Keeps(Effects);

impl Middleware for Keeps {
    async fn before_step(&self, step: &StepContext) {
        step.insert("before".to_owned());
    }

    async fn transform_event_data(
        &self,
        step: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.0.happen(format!("event after {:?}", step.get::<String>()));
        step.insert("event".to_owned());
        Ok(data)
    }

    async fn after_step(&self, step: &StepContext, _: Result<(), &StepError>) {
        self.0.happen(format!("end after {:?}", step.get::<String>()));
    }
}

#[inngest::api_fn(id = "middleware-keeps-in-step")]
async fn sends(step: Step) -> Result<(), StepError> {
    for _ in 0..2 {
        step.send_event("tell", Event::new("test/told", serde_json::json!({}))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_methods_of_a_step_that_sends_share_what_they_keep() {
    let effects = Effects::new();
    let world = world(Router::new().route("/", post(sends)), Keeps(effects.clone())).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 200);
    let once = [r#"event after Some("before")"#, r#"end after Some("event")"#];
    assert_eq!(effects.all(), [once, once].concat());
    world.delivered().await;
    world.assert_clean();
}
