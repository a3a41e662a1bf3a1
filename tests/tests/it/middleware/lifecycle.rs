//! When a middleware is called, in which order, and with what.

use std::time::Duration;

use axum::extract::State;
use axum::routing::{MethodRouter, post};
use inngest::function::StepKind;
use inngest::middleware::{Execution, Middleware, Outcome, StepContext};
use inngest::{Failure, SetupOpts, Step, StepError};
use stephttp_dev::RunStatus;
use stephttp_tests::{Effects, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

/// Notes what it is told.
pub(crate) struct Witness {
    pub(crate) name: &'static str,
    pub(crate) seen: Effects,
}

impl Witness {
    fn saw(&self, what: impl std::fmt::Display) {
        self.seen.happen(format!("{}: {what}", self.name));
    }
}

impl Middleware for Witness {
    async fn before_execution(&self, execution: &Execution) {
        let which = if execution.is_first_request() { "first" } else { "re-entry" };
        let (attempt, generation) = (execution.attempt(), execution.generation());
        let function = execution.function_id();
        self.saw(format!("begin {function:?} {which} {attempt:?} {generation:?}"));
    }

    async fn after_execution(&self, _: &Execution, outcome: &Outcome) {
        self.saw(format!("end {outcome:?}"));
    }

    async fn on_panic(&self, _: &Execution, panic: &str) {
        self.saw(format!("panic {panic:?}"));
    }

    async fn before_step(&self, step: &StepContext) {
        self.saw(format!("before {} {} {:?}", step.id(), step.index(), step.kind()));
    }

    async fn after_step(&self, step: &StepContext, outcome: Result<(), &StepError>) {
        self.saw(format!("after {} {:?}", step.id(), outcome.map_err(StepError::message)));
    }
}

/// With two middlewares, `outer` and `inner`, that note what they see and what the handler does.
async fn witnessed(stage: &Stage, route: MethodRouter<Stage>) -> World {
    let [outer, inner] = ["outer", "inner"].map(|name| Witness { name, seen: stage.effects.clone() });
    World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(outer).middleware(inner))
        .start(stage.app(route))
        .await
}

#[inngest::api_fn(id = "middleware-order")]
async fn ordered(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    stage.effects.happen("body");
    step.run("a", async { Ok(stage.effects.happen("a runs")) }).await?;
    step.sleep("pause", PAUSE).await;
    let failed = step.run("b", async { Err::<(), _>(Failure::non_retriable("no")) }).await;
    assert!(failed.is_err());
    Ok("done")
}

#[tokio::test]
async fn they_surround_executions_and_steps_in_first_requests_and_in_reentries() {
    let stage = Stage::new();
    let world = witnessed(&stage, post(ordered)).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    let (first, run) = (
        r#"Some("middleware-order") first Some(0) None"#,
        r#"Some("middleware-order") re-entry None Some(1)"#,
    );
    assert_eq!(
        stage.effects.all(),
        [
            &format!("outer: begin {first}"),
            &format!("inner: begin {first}"),
            "body",
            "outer: before a 0 Some(Run)",
            "inner: before a 0 Some(Run)",
            "a runs",
            "inner: after a Ok(())",
            "outer: after a Ok(())",
            "inner: end HandedOver",
            "outer: end HandedOver",
            &format!("outer: begin {run}"),
            &format!("inner: begin {run}"),
            "body",
            "outer: before b 0 Some(Run)",
            "inner: before b 0 Some(Run)",
            r#"inner: after b Err("no")"#,
            r#"outer: after b Err("no")"#,
            // A step that fails for good is an answer of its own, after which Inngest calls back.
            "inner: end HandedOver",
            "outer: end HandedOver",
            &format!("outer: begin {run}"),
            &format!("inner: begin {run}"),
            "body",
            "inner: end Responded(200)",
            "outer: end Responded(200)",
        ]
    );
    world.assert_clean();
}

async fn unannotated(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen("body");
    step.run("a", async { Ok::<_, Failure>("A".to_owned()) }).await
}

#[tokio::test]
async fn without_the_attribute_the_first_step_begins_the_execution() {
    let stage = Stage::new();
    let world = witnessed(&stage, post(unannotated)).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "A");
    world.ended().await;
    let seen = stage.effects.all();
    assert_eq!(seen[..2], ["body", r#"outer: begin Some("POST /") first Some(0) None"#]);
    assert_eq!(seen.last().unwrap(), "outer: end Responded(200)");
    world.assert_clean();
}

async fn plain() -> &'static str {
    "plain"
}

#[tokio::test]
async fn handlers_without_a_step_have_no_executions() {
    let stage = Stage::new();
    let world = witnessed(&stage, post(plain)).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "plain");
    world.delivered().await;
    assert_eq!(stage.effects.all(), Vec::<String>::new());
}

#[inngest::api_fn(id = "middleware-always", track = always)]
async fn always() -> &'static str {
    "always"
}

#[tokio::test]
async fn a_function_that_is_always_tracked_has_executions_without_a_step() {
    let stage = Stage::new();
    let world = witnessed(&stage, post(always)).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "always");
    world.ended().await;
    let begin = r#"begin Some("middleware-always") first Some(0) None"#;
    assert_eq!(
        stage.effects.all(),
        [
            &format!("outer: {begin}"),
            &format!("inner: {begin}"),
            "inner: end Responded(200)",
            "outer: end Responded(200)"
        ]
    );
}

#[inngest::api_fn(id = "middleware-panic")]
async fn panics(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok(stage.effects.happen("a runs")) }).await?;
    if stage.effects.count("in a re-entry") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    if stage.effects.happen("tried") == 1 {
        panic!("out of {}", "luck");
    }
    Ok("done")
}

#[tokio::test]
async fn a_panic_is_told_with_its_text() {
    let stage = Stage::new();
    let world = witnessed(&stage, post(panics)).await;
    // The connection is closed, as without the layer.
    world.post("/").send().await.unwrap_err();
    world.ended().await;
    let ends = [
        "inner: panic \"out of luck\"",
        "outer: panic \"out of luck\"",
        "inner: end Panicked",
        "outer: end Panicked",
    ];
    assert!(stage.effects.all().ends_with(&ends.map(str::to_owned)), "{:?}", stage.effects.all());

    let stage = Stage::new();
    stage.effects.happen("in a re-entry");
    let world = witnessed(&stage, post(panics)).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    for end in ends {
        assert_eq!(stage.effects.count(end), 1, "{end}");
    }
    world.assert_clean();
}

#[inngest::api_fn(id = "middleware-kinds")]
async fn kinds(step: Step) -> Result<&'static str, StepError> {
    step.send_event("tell", inngest::Event::new("app/told", serde_json::json!({}))).await?;
    step.run("twice", async { Ok::<_, Failure>(1) }).await?;
    step.run("twice again", async { Ok::<_, Failure>(2) }).await?;
    Ok("done")
}

#[tokio::test]
async fn steps_that_send_are_told_by_their_kind() {
    let stage = Stage::new();
    let world = witnessed(&stage, post(kinds)).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(stage.effects.count(&format!("outer: before tell 0 Some({:?})", StepKind::SendEvent)), 1);
    assert_eq!(stage.effects.count("outer: before twice again 0 Some(Run)"), 1);
}

#[inngest::api_fn(id = "middleware-client-gone")]
async fn waits(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("a", async {
        stage.door.pass().await;
        Ok::<_, Failure>(())
    })
    .await?;
    Ok("done")
}

#[tokio::test]
async fn an_execution_whose_client_is_gone_is_told_of_until_its_end() {
    let stage = Stage::new();
    let world = witnessed(&stage, post(waits)).await;
    let request = tokio::spawn(world.post("/").send());
    stage.door.reached(1).await;
    request.abort();
    let _ = request.await;
    stage.door.open();
    world.ended().await;
    assert_eq!(stage.effects.all().last().unwrap(), "outer: end Responded(200)");
}

/// What a middleware keeps is there for its other methods, and what it remembers also in
/// re-entries.
struct Tenants {
    seen: Effects,
}

#[derive(Clone)]
struct Started(u32);

impl Middleware for Tenants {
    async fn before_execution(&self, execution: &Execution) {
        execution.insert(Started(7));
        if let Some(tenant) =
            execution.request_headers().get("x-tenant").and_then(|value| value.to_str().ok())
        {
            execution.remember("example.com/tenant", tenant);
        }
    }

    async fn before_step(&self, step: &StepContext) {
        step.insert(Started(8));
    }

    async fn after_step(&self, step: &StepContext, _: Result<(), &StepError>) {
        let kept = step.get::<Started>().map(|started| started.0);
        self.seen.happen(format!(
            "{} {kept:?} {:?}",
            step.id(),
            step.execution().remembered("example.com/tenant")
        ));
    }

    async fn after_execution(&self, execution: &Execution, _: &Outcome) {
        let kept = execution.get::<Started>().map(|started| started.0);
        self.seen.happen(format!("end {kept:?} {:?}", execution.remembered("example.com/tenant")));
    }
}

#[inngest::api_fn(id = "middleware-keeps")]
async fn keeps(step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok::<_, Failure>(1) }).await?;
    step.sleep("pause", PAUSE).await;
    step.run("b", async { Ok::<_, Failure>(2) }).await?;
    Ok("done")
}

#[tokio::test]
async fn values_are_kept_for_an_execution_and_texts_for_the_run() {
    let stage = Stage::new();
    let tenants = Tenants { seen: stage.effects.clone() };
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(tenants))
        .start(stage.app(post(keeps)))
        .await;
    let response = world.post("/").header("x-tenant", "acme").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    let tenant = r#"Some("acme")"#;
    assert_eq!(
        stage.effects.all(),
        [
            format!("a Some(8) {tenant}"),
            format!("end Some(7) {tenant}"),
            format!("b Some(8) {tenant}"),
            format!("end Some(7) {tenant}")
        ]
    );
    assert!(!world.inngest.dispatches()[0].headers.contains_key("x-tenant"));
    world.assert_clean();
}

/// One that waits before each execution.
struct Slow {
    stage: Stage,
}

impl Middleware for Slow {
    async fn before_execution(&self, _: &Execution) {
        self.stage.door.pass().await;
        self.stage.effects.happen("ready");
    }
}

#[inngest::api_fn(id = "middleware-slow")]
async fn both(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    let a = step.run("a", async { Ok::<_, Failure>(stage.effects.happen("a")) });
    let b = step.run("b", async { Ok::<_, Failure>(stage.effects.happen("b")) });
    tokio::try_join!(a, b)?;
    Ok("done")
}

#[tokio::test]
async fn steps_wait_for_the_executions_begin() {
    let stage = Stage::new();
    let slow = Slow { stage: stage.clone() };
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(slow))
        .start(stage.app(post(both)))
        .await;
    let request = tokio::spawn(world.post("/").send());
    stage.door.reached(1).await;
    assert_eq!(stage.effects.all(), Vec::<String>::new());
    stage.door.open();
    assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "done");
    let mut seen = stage.effects.all();
    // `try_join!` polls its branches in turns.
    seen[1..].sort();
    assert_eq!(seen, ["ready", "a", "b"]);
    world.ended().await;
    world.assert_clean();
}
