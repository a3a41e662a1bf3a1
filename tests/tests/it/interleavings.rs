//! What happens between two lines: calls under way while a handler ends, tasks, panics, and a
//! backlog that is full.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Method;
use axum::routing::{get, post};
use inngest::{Failure, Step, StepError};
use stephttp_dev::{Call, Gate, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World};
use tokio::task::JoinHandle;

/// A world whose app sends what has gathered at once.
async fn eager(stage: &Stage, route: axum::routing::MethodRouter<Stage>) -> World {
    World::builder()
        .opts(|opts, url| opts.dev_server(url).linger(Duration::ZERO).backlog_bytes(64 << 20))
        .start(stage.app(route))
        .await
}

#[inngest::api_fn(id = "interleavings-head")]
async fn sleeps_twice(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("one", Duration::from_secs(1)).await;
    step.run("between", async { Ok(stage.effects.happen("between")) }).await?;
    step.sleep("two", Duration::from_secs(1)).await;
    step.run("after", async { Ok(stage.effects.happen("after")) }).await?;
    Ok("done")
}

/// Inngest repeats a request's method, and an answer to HEAD has no body to say anything in.
#[tokio::test]
async fn a_head_request_is_called_back_with_get() {
    let stage = Stage::new();
    let world = World::of(stage.app(get(sleeps_twice))).await;
    let response = world.request(Method::HEAD, "/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(stage.effects.all(), ["between", "after"]);
    assert!(world.inngest.dispatches().iter().all(|dispatch| dispatch.method == Method::GET));
    world.assert_clean();
}

#[inngest::api_fn(id = "interleavings-failed-in-flight", retries = 2)]
async fn fails_while_a_call_is_under_way(
    State(stage): State<Stage>,
    step: Step,
) -> Result<&'static str, StepError> {
    step.run("ok", async { Ok(()) }).await?;
    let final_failure = async { Err::<(), _>(Failure::non_retriable("declined")) };
    step.run("bad", final_failure).await.unwrap_err();
    stage.door.pass().await;
    step.run("flaky", async {
        match stage.effects.happen("flaky") {
            1 => Err(Failure::new("once")),
            _ => Ok(()),
        }
    })
    .await?;
    step.run("after", async { Ok(stage.effects.happen("after")) }).await?;
    Ok("done")
}

/// A checkpoint is under way that holds a final failure back, when the handler hands over for
/// another reason.
#[tokio::test]
async fn a_final_failure_counts_also_while_it_is_held_back() {
    let stage = Stage::new();
    let world = eager(&stage, post(fails_while_a_call_is_under_way)).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).nth(1).hold(&gate));
    let handing_over = async {
        gate.reached(1).await;
        stage.door.open();
        gate.release();
    };
    let (response, ()) = tokio::join!(world.post("/").send(), handing_over);
    assert_eq!(world.follow(response.unwrap()).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!((stage.effects.count("flaky"), stage.effects.count("after")), (2, 1));
    world.assert_clean();
}

#[inngest::api_fn(id = "interleavings-split", retries = 2)]
async fn large_steps_around_a_failure(
    State(stage): State<Stage>,
    step: Step,
) -> Result<&'static str, StepError> {
    let large = |name: &'static str| {
        stage.effects.happen(name);
        Ok::<_, Failure>("x".repeat(3 << 20))
    };
    step.run("one", async { large("one") }).await?;
    let final_failure = async { Err::<(), _>(Failure::non_retriable("declined")) };
    step.run("bad", final_failure).await.unwrap_err();
    step.run("two", async { large("two") }).await?;
    step.sleep("nap", Duration::from_secs(60)).await;
    Ok("done")
}

/// Too much for one call: what makes Inngest call back goes with the last.
#[tokio::test]
async fn steps_are_stored_before_anything_calls_back() {
    let stage = Stage::new();
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).backlog_bytes(64 << 20))
        .start(stage.app(post(large_steps_around_a_failure)))
        .await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::Steps).nth(1).hold(&gate));
    let second_call = async {
        gate.reached(1).await;
        assert!(world.inngest.dispatches().is_empty());
        gate.release();
    };
    let (response, ()) = tokio::join!(world.post("/").send(), second_call);
    assert_eq!(world.follow(response.unwrap()).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(stage.effects.all(), ["one", "two"]);
    world.assert_clean();
}

/// Which the attribute would refuse in the handler itself.
fn in_a_task(step: Step, stage: Stage) -> JoinHandle<Result<usize, StepError>> {
    tokio::spawn(async move {
        step.run("in a task", async move { Ok::<_, Failure>(stage.effects.happen("task")) }).await
    })
}

#[inngest::api_fn(id = "interleavings-spawned")]
async fn awaits_a_task(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("nap", Duration::from_secs(1)).await;
    let task = in_a_task(step, stage);
    task.await.unwrap()?;
    Ok("done")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_a_task_that_the_handler_awaits_runs_in_a_reentry_too() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(awaits_a_task))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(stage.effects.count("task"), 1);
    world.assert_clean();
}

#[inngest::api_fn(id = "interleavings-dropped-answer", retries = 3)]
async fn drops_a_step_that_has_ended(
    State(stage): State<Stage>,
    step: Step,
) -> Result<&'static str, StepError> {
    let attempt = async |name: &str| match stage.effects.happen(name) {
        1 => Err(Failure::new("once")),
        n => Ok(n),
    };
    let first = async {
        tokio::select! {
            biased;
            ended = step.run("a", attempt("a")) => ended.map(drop),
            // Open in the second attempt, while `b` still executes.
            () = stage.door.pass() => Ok(()),
        }
    };
    let second = async {
        let slow = async {
            let n = attempt("b").await?;
            stage.door.open();
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            Ok::<_, Failure>(n)
        };
        step.run("b", slow).await?;
        step.run("c", async { Ok(stage.effects.happen("c")) }).await.map(drop)
    };
    tokio::try_join!(first, second)?;
    Ok("done")
}

/// The request answers with a step that has ended, even if the handler then loses interest in it.
#[tokio::test]
async fn what_a_step_came_to_is_told_also_when_its_future_is_dropped() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(drops_a_step_that_has_ended))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(stage.effects.count("c"), 1);
    world.assert_clean();
}

async fn breaks_in_its_body(step: Step) -> Body {
    step.sleep("nap", Duration::from_secs(1)).await;
    let frames =
        futures_util::stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
            panic!("while the response is read")
        });
    Body::from_stream(frames)
}

#[tokio::test]
async fn a_response_that_panics_while_it_is_read_in_a_reentry_fails_the_run() {
    let world = World::of(axum::Router::new().route("/", post(breaks_in_its_body))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.status(), 500);
    assert_eq!(world.ended().await.status, RunStatus::Failed);
    world.assert_clean();
}

async fn waits_for_ever(step: Step) -> Result<(), StepError> {
    step.sleep("nap", Duration::from_secs(1)).await;
    step.run("limited", async { Err(Failure::retry_after(Duration::MAX, "never")) }).await
}

#[tokio::test]
async fn the_longest_delay_before_a_retry_is_a_day() {
    let world = World::of(axum::Router::new().route("/", post(waits_for_ever))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.status(), 500);
    world.ended().await;
    assert_eq!(
        world.inngest.dispatches()[0].response_headers["retry-after"],
        "86401",
        "a day, and what its clock may have lost"
    );
    world.assert_clean();
}

async fn echoes(step: Step, body: Bytes) -> Result<Bytes, StepError> {
    step.run("a", async { Ok::<_, Failure>(()) }).await?;
    Ok(body)
}

/// With nothing delivered, what waits stays bounded: clients are answered, and what is dropped is
/// reported.
#[tokio::test]
async fn a_full_backlog_answers_clients_and_reports_what_it_drops() {
    let app = axum::Router::new().route("/", post(echoes));
    let wait = Duration::from_millis(200);
    let world = World::builder()
        .opts(move |opts, url| opts.dev_server(url).backlog_bytes(100_000).backlog_wait(wait))
        .start(app)
        .await;
    world.inngest.go_down();
    for _ in 0..20 {
        let response = world.post("/").body("x".repeat(100_000)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap().len(), 100_000);
    }
    let undelivered = world.provider.wait(Duration::ZERO).await.unwrap_err();
    assert_eq!(undelivered.pending().len() + undelivered.lost_count(), 20);
    assert!(undelivered.pending().len() <= 2, "{undelivered}");
}

#[inngest::api_fn(id = "interleavings-created-twice")]
async fn goes_on_after_a_lost_answer(
    State(stage): State<Stage>,
    step: Step,
) -> Result<&'static str, StepError> {
    step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    stage.door.pass().await;
    step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    step.sleep("nap", Duration::from_secs(1)).await;
    Ok("done")
}

/// A server that knows the run already may take no operations with its creation.
#[tokio::test]
async fn after_a_lost_answer_operations_do_not_rely_on_creating_the_run_again() {
    let stage = Stage::new();
    let world = eager(&stage, post(goes_on_after_a_lost_answer)).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).nth(1).drop_response());
    let after_the_loss = async {
        world.inngest.wait_for_run().await;
        // The SDK has noticed when nothing but the request itself is under way.
        let short = Duration::from_millis(5);
        while world.provider.wait(short).await.is_err_and(|left| !left.pending().is_empty()) {}
        stage.door.open();
    };
    let (response, ()) = tokio::join!(world.post("/").send(), after_the_loss);
    assert_eq!(world.follow(response.unwrap()).await.text().await.unwrap(), "done");
    world.ended().await;
    let again = world.inngest.calls_of(Call::NewRun)[1].json();
    assert_eq!(again["steps"].as_array().unwrap().len(), 1);
    assert_eq!(again["steps"][0]["name"], "stephttp:start");
    assert_eq!(stage.effects.all(), ["one", "two"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "interleavings-long-step")]
async fn stays_in_a_long_step(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("short", async { Ok(stage.effects.happen("short")) }).await?;
    step.run("long", async {
        stage.door.pass().await;
        Ok(())
    })
    .await?;
    Ok("done")
}

/// Should the process die in the long step, the short one is known.
#[tokio::test]
async fn a_failed_checkpoint_is_sent_again_while_the_handler_does_nothing() {
    let stage = Stage::new();
    let world = eager(&stage, post(stays_in_a_long_step)).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).nth(1).respond(500));
    let sent_again = async {
        world.inngest.wait_for_run().await;
        stage.door.open();
    };
    let (response, ()) = tokio::join!(world.post("/").send(), sent_again);
    assert_eq!(response.unwrap().text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(world.inngest.calls_of(Call::NewRun).len(), 2);
    world.assert_clean();
}
