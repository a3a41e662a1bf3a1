//! Steps that fail: retried by Inngest, or for good.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use inngest::wire::StepHash;
use inngest::{Failure, Step, StepError};
use serde_json::json;
use stephttp_dev::{Call, RunStatus, StepStatus};
use stephttp_tests::{Effects, World};

#[inngest::api_fn(id = "retries-flaky", retries = 2)]
async fn flaky(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    step.run("before", async { Ok(effects.happen("before")) }).await?;
    let attempts = step
        .run("flaky", async {
            match effects.happen("flaky") {
                3 => Ok(3),
                attempt => Err(Failure::new(format!("attempt {attempt} failed"))),
            }
        })
        .await?;
    // A later step has retries of its own.
    let late = step
        .run("late", async {
            match effects.happen("late") {
                2 => Ok(2),
                _ => Err(Failure::new("too early")),
            }
        })
        .await?;
    Ok(format!("{attempts} and {late}"))
}

#[tokio::test]
async fn a_step_that_fails_in_the_first_request_is_retried_by_inngest_and_the_client_gets_the_end() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/", post(flaky)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "3 and 2");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!((effects.count("before"), effects.count("flaky"), effects.count("late")), (1, 3, 2));
    world.assert_clean();
}

#[inngest::api_fn(id = "retries-exhausted", retries = 1)]
async fn exhausted(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let failed =
        step.run("always", async { Err::<(), _>(Failure::new(effects.happen("always").to_string())) }).await;
    let error = failed.unwrap_err();
    // Caught: the handler makes up for it and goes on.
    let refund = step.run("refund", async { Ok(effects.happen("refund")) }).await?;
    Ok(format!("{error}; refunds: {refund}"))
}

#[tokio::test]
async fn a_step_without_retries_left_gives_the_handler_its_error() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/", post(exhausted)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    let answer = world.follow(response).await;
    assert_eq!(answer.text().await.unwrap(), "step `always` failed: 2; refunds: 1");
    let run = world.ended().await;
    assert_eq!(run.step("always").unwrap().status, StepStatus::Failed);
    assert_eq!(effects.all(), ["always", "always", "refund"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "retries-none", retries = 0)]
async fn no_retries(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let failed =
        step.run("once", async { Err::<(), _>(Failure::new(format!("{}", effects.happen("once")))) }).await;
    let error = failed.unwrap_err();
    assert_eq!((error.step_id(), error.name()), ("once", "Error"));
    Ok("made do".to_owned())
}

#[tokio::test]
async fn without_retries_the_handler_goes_on_in_the_first_request() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/", post(no_retries)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "made do"));
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    // One call, whose `StepFailed` comes with the run's end: by itself it would have Inngest call
    // back at once.
    let calls = world.inngest.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(ops(&calls[0].json()), ["StepFailed", "RunComplete"]);
    world.assert_clean();
}

fn ops(call: &serde_json::Value) -> Vec<String> {
    call["steps"].as_array().unwrap().iter().map(|step| step["op"].as_str().unwrap().to_owned()).collect()
}

#[inngest::api_fn(id = "retries-final-then-sleep")]
async fn fails_for_good_then_sleeps(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let declined = step.run("charge", async {
        effects.happen("charge");
        Err::<(), _>(Failure::non_retriable("declined"))
    });
    let error = declined.await.unwrap_err();
    step.sleep("pause", Duration::from_secs(60)).await;
    step.run("notify", async { Ok(effects.happen("notify")) }).await?;
    Ok(error.message().to_owned())
}

#[tokio::test]
async fn a_failure_for_good_is_remembered_when_the_run_hands_over() {
    let effects = Effects::new();
    let app = Router::new().route("/", post(fails_for_good_then_sleeps)).with_state(effects.clone());
    let world = World::of(app).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "declined");
    let run = world.ended().await;
    assert_eq!(effects.all(), ["charge", "notify"]);
    assert_eq!(run.step("charge").unwrap().status, StepStatus::Failed);
    assert!(run.step("stephttp:shared").is_none(), "one thing at a time is outstanding: {:?}", run.steps);
    world.assert_clean();
}

#[inngest::api_fn(id = "retries-after", retries = 3)]
async fn asks_to_wait(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    step.sleep("pause", Duration::from_secs(1)).await;
    step.run("limited", async {
        match effects.happen("limited") {
            1 => Err(Failure::retry_after(Duration::from_millis(119_001), "rate limited")),
            _ => Ok(()),
        }
    })
    .await?;
    Ok("done".to_owned())
}

#[tokio::test]
async fn a_failure_says_when_to_try_again() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/", post(asks_to_wait)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    let dispatches = world.inngest.dispatches();
    assert_eq!(
        dispatches[0].response_headers["retry-after"], "121",
        "rounded up, and a second that Inngest's clock may have lost"
    );
    let waited = dispatches[1].at.duration_since(dispatches[0].at).unwrap();
    assert!(waited >= Duration::from_millis(119_001), "{waited:?}");
    assert!(waited <= Duration::from_secs(121), "{waited:?}");
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "retries-in-reentry", retries = 1)]
async fn fails_for_good_in_a_reentry(
    State(effects): State<Effects>,
    step: Step,
) -> Result<String, StepError> {
    step.sleep("pause", Duration::from_secs(1)).await;
    step.run("first", async { Ok(effects.happen("first")) }).await?;
    step.run("second", async {
        effects.happen("second");
        Err::<(), _>(Failure::non_retriable(std::io::Error::other("disk full")))
    })
    .await?;
    Ok("never".to_owned())
}

#[tokio::test]
async fn an_uncaught_step_error_fails_the_run_and_its_client_gets_a_500() {
    let effects = Effects::new();
    let app = Router::new().route("/", post(fails_for_good_in_a_reentry)).with_state(effects.clone());
    let world = World::of(app).await;
    let response = world.post("/").send().await.unwrap();
    let answer = world.follow(response).await;
    assert_eq!(answer.status(), 500);
    let body: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    // In dev mode.
    assert_eq!(body, json!({ "error": "a step failed", "step": "second", "message": "disk full" }));
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(effects.all(), ["first", "second"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "retries-parallel", retries = 2)]
async fn two_fail_together(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let attempt = async |name: &str| match effects.happen(name) {
        1 => Err(Failure::new("once")),
        n => Ok(n),
    };
    let (a, b, c) = tokio::try_join!(
        step.run("a", attempt("a")),
        step.run("b", attempt("b")),
        step.run("c", async { Ok(effects.happen("c")) }),
    )?;
    Ok(format!("{a} {b} {c}"))
}

#[tokio::test]
async fn of_several_steps_that_fail_together_one_is_told_and_none_that_ended_runs_again() {
    let effects = Effects::new();
    let world =
        World::of(Router::new().route("/", post(two_fail_together)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "2 2 1");
    assert_eq!((effects.count("a"), effects.count("b"), effects.count("c")), (2, 2, 1));
    assert_eq!(world.inngest.calls_of(Call::NewRun).len(), 1);
    world.ended().await;
    world.assert_clean();
}

/// Fails for so many times, and asks each time to be tried again in a minute; beside it a sleep
/// that is over much earlier.
#[inngest::api_fn(id = "retries-after-beside-a-sleep", retries = 2)]
async fn asks_to_wait_beside_a_sleep(
    State(effects): State<Effects>,
    step: Step,
    body: String,
) -> Result<String, StepError> {
    let (failures, is_later) = (body.trim_end_matches("+").parse::<usize>().unwrap(), body.ends_with('+'));
    if is_later {
        step.sleep("first", Duration::from_secs(1)).await;
    }
    let limited = step.run("limited", async {
        if effects.happen("limited") <= failures {
            return Err(Failure::retry_after(Duration::from_secs(60), "rate limited"));
        }
        Ok(())
    });
    let (limited, ()) = tokio::join!(limited, step.sleep("short", Duration::from_secs(1)));
    Ok(if limited.is_ok() { "done" } else { "given up" }.to_owned())
}

/// The delay holds wherever the step fails, and whatever brings another re-entry earlier; attempts
/// are the first and two more.
#[tokio::test]
async fn a_step_that_asks_to_wait_is_not_run_earlier_for_what_is_beside_it() {
    for (failures, times, answer) in [(1, 2, "done"), (2, 3, "done"), (9, 3, "given up")] {
        for place in ["", "+"] {
            let effects = Effects::new();
            let app = Router::new().route("/", post(asks_to_wait_beside_a_sleep)).with_state(effects.clone());
            let world = World::of(app).await;
            let response = world.post("/").body(format!("{failures}{place}")).send().await.unwrap();
            let case = format!("{failures} failures{place}");
            assert_eq!(world.follow(response).await.text().await.unwrap(), answer, "{case}");
            let run = world.ended().await;
            assert_eq!(effects.count("limited"), times, "{case}");
            let named = StepHash::of("limited").to_string();
            let dispatches = world.inngest.dispatches();
            let begun = dispatches[0].at;
            let retries = dispatches.iter().filter(|dispatch| dispatch.step_id.as_ref() == Some(&named));
            let mut before = begun - Duration::from_secs(if place.is_empty() { 1 } else { 0 });
            for retry in retries {
                let waited = retry.at.duration_since(before).unwrap();
                assert!(waited >= Duration::from_secs(59), "{case}: {waited:?} in {run:?}");
                before = retry.at;
            }
            world.assert_clean();
        }
    }
}
