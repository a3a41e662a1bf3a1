//! Every step is tried `retries + 1` times, its function's or its own, whichever requests and jobs
//! try it, and no retry comes early.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::routing::{MethodRouter, post};
use inngest::step::RunStep;
use inngest::{Failure, Step, StepError};
use serde::Deserialize;
use stephttp_dev::{RunStatus, StepStatus};
use stephttp_tests::{Stage, World};

const PAUSE: Duration = Duration::from_secs(1);

/// How often a step is tried again, where it says so itself.
#[derive(Deserialize, Clone, Copy)]
struct Limit {
    retries: Option<u8>,
}

impl Limit {
    fn of<F, T>(self, step: RunStep<F, T>) -> RunStep<F, T> {
        match self.retries {
            Some(retries) => step.retries(retries),
            None => step,
        }
    }
}

/// A step that fails whenever it is tried.
async fn fails(stage: &Stage, step: &Step, limit: Limit, id: &'static str) -> &'static str {
    let attempt = async {
        stage.effects.happen(id);
        Err::<(), _>(Failure::new("as the test wants it"))
    };
    limit.of(step.run(id, attempt)).await.map_or("failed", |()| "ended well")
}

#[inngest::api_fn(id = "counted-first", retries = 3)]
async fn in_the_first_request(
    State(stage): State<Stage>,
    Query(limit): Query<Limit>,
    step: Step,
) -> &'static str {
    fails(&stage, &step, limit, "one").await
}

#[inngest::api_fn(id = "counted-reentry", retries = 3)]
async fn in_a_reentry(State(stage): State<Stage>, Query(limit): Query<Limit>, step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    fails(&stage, &step, limit, "one").await
}

#[inngest::api_fn(id = "counted-behind", retries = 3)]
async fn one_behind_the_other(
    State(stage): State<Stage>,
    Query(limit): Query<Limit>,
    step: Step,
) -> &'static str {
    let first = async {
        if stage.effects.happen("flaky") < 3 {
            return Err(Failure::new("as the test wants it"));
        }
        Ok(())
    };
    if step.run("flaky", first).await.is_err() {
        return "flaky failed";
    }
    fails(&stage, &step, limit, "one").await;
    fails(&stage, &step, limit, "two").await
}

#[inngest::api_fn(id = "counted-beside-wait", retries = 3)]
async fn beside_a_wait(State(stage): State<Stage>, Query(limit): Query<Limit>, step: Step) -> &'static str {
    tokio::join!(fails(&stage, &step, limit, "one"), step.sleep("long", Duration::from_secs(3_600))).0
}

#[inngest::api_fn(id = "counted-beside-each-other", retries = 3)]
async fn beside_each_other(
    State(stage): State<Stage>,
    Query(limit): Query<Limit>,
    step: Step,
) -> &'static str {
    let branch = async |id| {
        step.sleep(format!("before {id}"), PAUSE).await;
        fails(&stage, &step, limit, id).await
    };
    tokio::join!(fails(&stage, &step, limit, "one"), branch("two"), branch("three")).2
}

#[inngest::api_fn(id = "counted-delayed", retries = 3)]
async fn delayed(State(stage): State<Stage>, Query(limit): Query<Limit>, step: Step) -> &'static str {
    let attempt = async {
        stage.effects.happen("one");
        Err::<(), _>(Failure::retry_after(PAUSE, "as the test wants it"))
    };
    let failing = limit.of(step.run("one", attempt));
    tokio::join!(failing, step.sleep("long", Duration::from_secs(3_600)))
        .0
        .map_or("failed", |()| "ended well")
}

#[inngest::api_fn(id = "counted-panic", retries = 3)]
async fn panics(State(stage): State<Stage>, Query(limit): Query<Limit>, step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    let attempt = async {
        stage.effects.happen("one");
        if stage.effects.count("one") > 0 {
            // Unlike `panic!` it leaves no message on the screen.
            panic!("as the test wants it");
        }
        Ok::<_, Failure>(())
    };
    match limit.of(step.run("one", attempt)).await {
        Err(error) if error.message().contains("as the test wants it") => "failed",
        _ => "something else",
    }
}

#[tokio::test]
async fn every_step_has_all_its_attempts_and_no_more() {
    let cases: [(&str, MethodRouter<Stage>, &[&str]); 7] = [
        ("first", post(in_the_first_request), &["one"]),
        ("re-entry", post(in_a_reentry), &["one"]),
        ("behind", post(one_behind_the_other), &["one", "two"]),
        ("beside a wait", post(beside_a_wait), &["one"]),
        ("beside each other", post(beside_each_other), &["one", "two", "three"]),
        ("delayed", post(delayed), &["one"]),
        ("panic", post(panics), &["one"]),
    ];
    for ((name, route, steps), (query, attempts)) in
        cases.iter().flat_map(|case| [("", 4), ("?retries=1", 2)].map(|limit| (case, limit)))
    {
        let stage = Stage::new();
        let world = World::of(stage.app(route.clone())).await;
        let response = world.post(&format!("/{query}")).send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "failed", "{name}");
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed, "{name}");
        for step in *steps {
            assert_eq!(stage.effects.count(step), attempts, "{name}{query}: {step}");
            assert_eq!(run.step(step).unwrap().status, StepStatus::Failed, "{name}: {step}");
        }
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "counted-early", retries = 3)]
async fn is_retried_beside_short_sleeps(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let short = async {
        for n in 0..4 {
            step.sleep(format!("short {n}"), PAUSE).await;
            step.run(format!("after {n}"), async { Ok::<_, Failure>(stage.effects.happen("after")) }).await?;
        }
        Ok::<_, StepError>(())
    };
    let flaky = async {
        if stage.effects.happen("flaky") == 1 {
            return Err(Failure::retry_after(Duration::from_secs(60), "as the test wants it"));
        }
        Ok(stage.effects.count("after"))
    };
    let (short, flaky) = tokio::join!(short, step.run("flaky", flaky));
    short?;
    Ok(flaky?.to_string())
}

/// The siblings' re-entries come to the step, and leave it to its retry.
#[tokio::test]
async fn a_retry_does_not_come_early_beside_others() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(is_retried_beside_short_sleeps))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "4", "all of the others came before");
    assert_eq!(stage.effects.count("flaky"), 2);
    world.ended().await;
    world.assert_clean();
}
