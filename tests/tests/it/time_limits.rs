//! Steps whose attempts may take so long, and no longer.

use std::future::pending;
use std::time::Duration;

use axum::extract::State;
use axum::routing::{MethodRouter, post};
use inngest::middleware::{Middleware, StepContext};
use inngest::{Event, Failure, FnOpts, Provider, SetupOpts, Step, StepError};
use stephttp_dev::{Call, InjectedFault, RunStatus, StepStatus};
use stephttp_tests::{Stage, World};

/// Of an attempt that hangs.
const LIMIT: Duration = Duration::from_millis(100);

const PAUSE: Duration = Duration::from_secs(1);

async fn world(
    stage: &Stage,
    route: MethodRouter<Stage>,
    opts: impl FnOnce(SetupOpts) -> SetupOpts + Send + 'static,
) -> World {
    World::builder().opts(|own, url| opts(own.dev_server(url))).start(stage.app(route)).await
}

/// What the run's client gets in the end.
async fn answer(world: &World) -> String {
    let response = world.post("/").send().await.unwrap();
    let is_over = response.status() == 200;
    let response = if is_over { response } else { world.follow(response).await };
    let answer = response.text().await.unwrap();
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
    answer
}

/// Says that it was dropped.
struct Held<'a>(&'a Stage);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.effects.happen("dropped");
    }
}

/// An attempt that hangs when it is made for one of the first `times`.
async fn hangs(stage: &Stage, times: usize) -> Result<usize, Failure> {
    let nth = stage.effects.happen("attempt");
    let held = Held(stage);
    if nth <= times {
        pending::<()>().await;
    }
    std::mem::forget(held);
    Ok(nth)
}

fn said(outcome: &Result<usize, StepError>) -> String {
    match outcome {
        Ok(nth) => format!("attempt {nth}"),
        Err(error) => {
            assert_eq!((error.name(), error.is_timeout()), ("StepTimeout", true));
            error.to_string()
        }
    }
}

const TIMED_OUT: &str = "step `hangs` failed: the step `hangs` did not end within its time limit of 100ms";

#[inngest::api_fn(id = "time-limits-first", retries = 2)]
async fn in_the_first_request(State(stage): State<Stage>, step: Step) -> String {
    let outcome = step.run("hangs", hangs(&stage, 2)).timeout(LIMIT).await;
    stage.effects.happen("after");
    said(&outcome)
}

#[inngest::api_fn(id = "time-limits-reentry", retries = 2)]
async fn in_a_reentry(State(stage): State<Stage>, step: Step) -> String {
    step.sleep("pause", PAUSE).await;
    let outcome = step.run("hangs", hangs(&stage, 2)).timeout(LIMIT).await;
    stage.effects.happen("after");
    said(&outcome)
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_dropped_and_tried_again() {
    for route in [post(in_the_first_request), post(in_a_reentry)] {
        let stage = Stage::new();
        let world = World::of(stage.app(route)).await;
        assert_eq!(answer(&world).await, "attempt 3");
        assert_eq!(stage.effects.all(), ["attempt", "dropped", "attempt", "dropped", "attempt", "after"]);
        assert_eq!(world.ended().await.step("hangs").unwrap().status, StepStatus::Completed);
    }
}

#[inngest::api_fn(id = "time-limits-always", retries = 2)]
async fn always(State(stage): State<Stage>, step: Step) -> String {
    let failed = step.run("hangs", hangs(&stage, 9)).timeout(LIMIT).await;
    // The error comes from this request, and then from what Inngest has stored.
    step.sleep("pause", PAUSE).await;
    said(&failed)
}

#[tokio::test]
async fn after_the_last_attempt_the_handler_learns_that_it_was_a_timeout() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(always))).await;
    assert_eq!(answer(&world).await, TIMED_OUT);
    assert_eq!(stage.effects.count("attempt"), 3);
    assert_eq!(world.ended().await.step("hangs").unwrap().status, StepStatus::Failed);
}

#[inngest::api_fn(id = "time-limits-beside", retries = 2)]
async fn beside_others(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let branch = async |id: &'static str| {
        step.sleep(format!("before-{id}"), PAUSE).await;
        step.run(id, async { Ok::<_, Failure>(stage.effects.happen(id)) }).await
    };
    let hangs = step.run("hangs", hangs(&stage, 9)).timeout(LIMIT);
    let (failed, one, two) = tokio::join!(hangs, branch("one"), branch("two"));
    Ok(format!("{} {} {}", one?, two?, said(&failed)))
}

#[tokio::test]
async fn beside_other_branches_it_is_no_different() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(beside_others))).await;
    assert_eq!(answer(&world).await, format!("1 1 {TIMED_OUT}"));
    assert_eq!(stage.effects.count("attempt"), 3);
}

// ===== Without a limit of the step's own =====

#[inngest::api_fn(id = "time-limits-function", sync_only, step_timeout = "100ms")]
async fn by_function(State(stage): State<Stage>, step: Step) -> String {
    said(&step.run("hangs", hangs(&stage, 9)).await)
}

/// Without the attribute.
async fn by_configuration(State(stage): State<Stage>, step: Step) -> String {
    step.configure(FnOpts::new("time-limits-configured").retries(0).step_timeout(LIMIT)).unwrap();
    said(&step.run("hangs", hangs(&stage, 9)).await)
}

/// Without anything.
#[inngest::api_fn(id = "time-limits-provider", retries = 0)]
async fn by_provider(State(stage): State<Stage>, step: Step) -> String {
    said(&step.run("hangs", hangs(&stage, 9)).await)
}

#[tokio::test]
async fn functions_and_providers_have_limits_for_their_steps() {
    const HOUR: Duration = Duration::from_secs(3_600);
    for (route, limit) in [
        (post(by_function), None),
        (post(by_configuration), None),
        (post(by_provider), Some(LIMIT)),
        // The function's counts.
        (post(by_function), Some(HOUR)),
        (post(by_configuration), Some(HOUR)),
    ] {
        let stage = Stage::new();
        let world = world(&stage, route, move |opts| match limit {
            Some(limit) => opts.step_timeout(limit),
            None => opts,
        })
        .await;
        let response = world.post("/").send().await.unwrap();
        assert_eq!((response.status().as_u16(), &*response.text().await.unwrap()), (200, TIMED_OUT));
        assert_eq!(stage.effects.count("attempt"), 1);
        world.ended().await;
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "time-limits-own", step_timeout = "1ms")]
async fn with_more_time(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let takes_time = async || {
        tokio::time::sleep(5 * LIMIT / 10).await;
        Ok::<_, Failure>(stage.effects.happen("attempt"))
    };
    let one = step.run("one", takes_time()).timeout(Duration::from_secs(3_600)).await?;
    // More than any clock can show.
    let two = step.run("two", takes_time()).timeout(Duration::MAX).await?;
    Ok(format!("{one} {two}"))
}

#[tokio::test]
async fn a_steps_own_limit_takes_the_place_of_its_functions() {
    let stage = Stage::new();
    let world = world(&stage, post(with_more_time), |opts| opts.step_timeout(Duration::from_nanos(1))).await;
    assert_eq!(answer(&world).await, "1 2");
}

// ===== What counts =====

/// Takes its time around every step.
struct Slow;

impl Middleware for Slow {
    async fn before_step(&self, _: &StepContext) {
        tokio::time::sleep(3 * LIMIT).await;
    }

    async fn after_step(&self, _: &StepContext, _: Result<(), &StepError>) {
        tokio::time::sleep(3 * LIMIT).await;
    }
}

#[inngest::api_fn(id = "time-limits-hooks", retries = 0)]
async fn works(State(stage): State<Stage>, step: Step) -> String {
    said(&step.run("hangs", hangs(&stage, 0)).timeout(LIMIT).await)
}

#[tokio::test]
async fn what_middlewares_do_around_a_step_does_not_count() {
    let stage = Stage::new();
    let world = world(&stage, post(works), |opts| opts.middleware(Slow)).await;
    assert_eq!(answer(&world).await, "attempt 1");
}

#[inngest::api_fn(id = "time-limits-replay", retries = 0)]
async fn remembered(State(stage): State<Stage>, step: Step) -> String {
    let entered = stage.effects.happen("entered");
    let takes_time = async {
        tokio::time::sleep(LIMIT).await;
        Ok::<_, Failure>(stage.effects.happen("attempt"))
    };
    // Another version of the program has less patience.
    let limit = if entered == 1 { 100 * LIMIT } else { Duration::from_nanos(1) };
    let outcome = step.run("takes-time", takes_time).timeout(limit).await;
    step.sleep("pause", PAUSE).await;
    said(&outcome)
}

#[tokio::test]
async fn a_result_that_is_stored_has_no_limit() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(remembered))).await;
    assert_eq!(answer(&world).await, "attempt 1");
}

// ===== Steps that send =====

#[inngest::api_fn(id = "time-limits-sends", retries = 0)]
async fn sends(step: Step) -> String {
    let event = step.send_event("one", Event::new("a", ())).timeout(LIMIT);
    let events = step.send_events("many", vec![Event::new("b", ())]).timeout(LIMIT);
    let signal = step.send_signal("signal", "c", ()).timeout(LIMIT);
    let (event, events, signal) = tokio::join!(event, events, signal);
    let errors = [event.unwrap_err(), events.unwrap_err(), signal.unwrap_err()];
    errors.map(|error| format!("{} {}", error.step_id(), error.is_timeout())).join(", ")
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_with_its_steps_limit() {
    let world = World::of(Stage::new().app(post(sends))).await;
    for call in [Call::Events, Call::Signals] {
        world.inngest.inject(InjectedFault::on(call).every().hang());
    }
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "one true, many true, signal true");
    world.ended().await;
}

// ===== No time at all =====

/// What is left until a deadline that is over, from some entry of the handler on.
fn left(stage: &Stage, until: usize) -> Duration {
    if stage.effects.happen("entered") < until { 100 * LIMIT } else { Duration::ZERO }
}

#[inngest::api_fn(id = "time-limits-left", retries = 0)]
async fn had_time(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let left = left(&stage, 2);
    let charge = async { Ok::<_, Failure>(stage.effects.happen("charge")) };
    let nth = step.run("charge", charge).timeout(left).await?;
    let event = step.send_event("one", Event::new("a", ())).timeout(left).await?;
    let events = step.send_events("many", vec![Event::new("b", ())]).timeout(left).await?;
    step.send_signal("signal", "c", ()).timeout(left).await?;
    step.sleep("pause", PAUSE).await;
    Ok(format!("{nth} {} {}", event.len(), events.len()))
}

#[tokio::test]
async fn a_result_that_is_stored_is_given_when_no_time_is_left() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(had_time))).await;
    assert_eq!(answer(&world).await, "1 26 1");
    assert_eq!(stage.effects.all(), ["entered", "charge", "entered"]);
}

#[inngest::api_fn(id = "time-limits-none-left", retries = 2)]
async fn has_no_time(State(stage): State<Stage>, step: Step) -> String {
    let left = left(&stage, 0);
    let failed = step.run("hangs", hangs(&stage, 0)).timeout(left).await;
    step.sleep("pause", PAUSE).await;
    let event = step.send_event("one", Event::new("a", ())).timeout(left);
    let events = step.send_events("many", vec![Event::new("b", ())]).timeout(left);
    let signal = step.send_signal("signal", "c", ()).timeout(left);
    let (event, events, signal) = tokio::join!(event, events, signal);
    let errors = [event.unwrap_err(), events.unwrap_err(), signal.unwrap_err()];
    assert!(errors.iter().all(StepError::is_timeout), "{errors:?}");
    said(&failed)
}

#[tokio::test]
async fn without_time_each_attempt_has_failed_before_it_begins() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(has_no_time))).await;
    let answer = answer(&world).await;
    assert!(answer.contains("the step `hangs` did not begin: its time limit is zero"), "{answer}");
    assert_eq!(stage.effects.count("attempt"), 0);
    let run = world.ended().await;
    for step in ["hangs", "one", "many", "signal"] {
        let step = run.step(step).unwrap();
        assert_eq!((step.status, step.attempts), (StepStatus::Failed, 3), "{step:?}");
    }
    let calls = world.inngest.calls();
    assert!(calls.iter().all(|call| ![Call::Events, Call::Signals].contains(&call.kind)), "{calls:?}");
}

#[inngest::api_fn(id = "time-limits-late-retry", retries = 1)]
async fn retries_too_late(State(stage): State<Stage>, step: Step) -> String {
    let left = left(&stage, 2);
    let fails = async { Err::<usize, _>(Failure::new(stage.effects.happen("attempt").to_string())) };
    let outcome = step.run("fails", fails).timeout(left).await;
    step.sleep("pause", PAUSE).await;
    said(&outcome)
}

#[tokio::test]
async fn a_retry_for_which_no_time_is_left_is_the_last_attempts_timeout() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(retries_too_late))).await;
    assert!(answer(&world).await.contains("`fails` did not begin"));
    assert_eq!(stage.effects.count("attempt"), 1);
    let run = world.ended().await;
    let step = run.step("fails").unwrap();
    assert_eq!((step.status, step.attempts), (StepStatus::Failed, 2));
}

#[test]
fn a_provider_takes_no_limit_of_zero() {
    let error = Provider::setup(SetupOpts::new("http://a").dev(true).step_timeout(Duration::ZERO));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("SetupOpts::step_timeout is zero"), "{error}");
}
