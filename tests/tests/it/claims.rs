//! Several things outstanding at once: from then on a run's steps are claimed, and each still runs
//! once.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use futures_util::future::join_all;
use inngest::wire::{RunId, StepHash};
use inngest::{Failure, Step, StepError};
use serde_json::json;
use stephttp_dev::RunStatus;
use stephttp_tests::{Effects, World};

#[inngest::api_fn(id = "claims-two-sleeps")]
async fn two_sleeps(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let branch = async |name: &str| {
        step.sleep(format!("sleep-{name}"), Duration::from_secs(60)).await;
        step.run(format!("after-{name}"), async { Ok::<_, Failure>(effects.happen(format!("after-{name}"))) })
            .await
    };
    tokio::try_join!(branch("a"), branch("b"))?;
    let last = step.run("last", async { Ok(effects.happen("last")) }).await?;
    Ok(format!("last ran {last} time"))
}

/// Both sleeps end in the same instant, so two re-entries are under way at once.
#[tokio::test]
async fn two_waits_that_end_together_run_every_step_once() {
    for _ in 0..20 {
        let effects = Effects::new();
        let world = World::of(Router::new().route("/", post(two_sleeps)).with_state(effects.clone())).await;
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "last ran 1 time");
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed);
        let mut all = effects.all();
        all.sort();
        assert_eq!(all, ["after-a", "after-b", "last"]);
        assert!(run.step("stephttp:shared").is_some());
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "claims-wait-beside-failure", retries = 2)]
async fn wait_beside_failure(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let failing = step.run("flaky", async {
        match effects.happen("flaky") {
            1 => Err(Failure::new("once")),
            n => Ok(n),
        }
    });
    let (flaky, ()) = tokio::join!(failing, step.sleep("pause", Duration::from_secs(3_600)));
    let flaky = flaky?;
    step.run("last", async { Ok(effects.happen("last")) }).await?;
    Ok(flaky.to_string())
}

#[tokio::test]
async fn a_wait_beside_a_failing_step() {
    let effects = Effects::new();
    let world =
        World::of(Router::new().route("/", post(wait_beside_failure)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "2");
    assert_eq!((effects.count("flaky"), effects.count("last")), (2, 1));
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "claims-later")]
async fn shares_from_a_reentry_on(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    step.sleep("first", Duration::from_secs(1)).await;
    step.run("between", async { Ok(effects.happen("between")) }).await?;
    let branches = (0..3).map(|n| {
        let (step, effects) = (&step, &effects);
        async move {
            step.sleep(format!("sleep-{n}"), Duration::from_secs(60)).await;
            step.run(format!("step-{n}"), async { Ok::<_, Failure>(effects.happen(format!("step-{n}"))) })
                .await
        }
    });
    for outcome in join_all(branches).await {
        outcome?;
    }
    Ok(effects.all().len().to_string())
}

#[tokio::test]
async fn a_run_that_comes_to_several_waits_in_a_reentry_is_shared_from_there() {
    let effects = Effects::new();
    let app = Router::new().route("/", post(shares_from_a_reentry_on)).with_state(effects.clone());
    let world = World::of(app).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "4");
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "claims-unequal")]
async fn unequal_sleeps(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let short = async {
        step.sleep("short", Duration::from_secs(1)).await;
        step.run("after-short", async { Ok(effects.happen("after-short")) }).await
    };
    let long = async {
        step.sleep("long", Duration::from_secs(100)).await;
        step.run("after-long", async { Ok(effects.happen("after-long")) }).await
    };
    tokio::try_join!(short, long)?;
    Ok(effects.all().join(", "))
}

#[tokio::test]
async fn a_reentry_in_which_one_of_two_waits_is_over_goes_on_with_that_one() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/", post(unequal_sleeps)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "after-short, after-long");
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "claims-parallel-runs")]
async fn parallel_runs(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    step.sleep("pause", Duration::from_secs(1)).await;
    let runs = (0..100).map(|n| step.run(format!("run-{n}"), async move { Ok::<usize, Failure>(n) }));
    let sum: usize = join_all(runs).await.into_iter().sum::<Result<usize, StepError>>()?;
    effects.happen("end");
    Ok(sum.to_string())
}

#[tokio::test]
async fn parallel_steps_need_no_claims() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/", post(parallel_runs)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "4950");
    let run = world.ended().await;
    assert_eq!(run.steps.len(), 101);
    assert_eq!(world.inngest.dispatches().len(), 1);
    world.assert_clean();
}

#[inngest::api_fn(id = "claims-select")]
async fn loser_of_a_select(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let won = tokio::select! {
        () = step.sleep("deadline", Duration::from_secs(60)) => "deadline",
        done = step.run("work", async { Ok(effects.happen("work")) }) => {
            done?;
            "work"
        }
    };
    step.run("after", async { Ok(effects.happen("after")) }).await?;
    Ok(won.to_owned())
}

#[tokio::test]
async fn the_loser_of_a_select_does_not_hold_the_run() {
    let effects = Effects::new();
    let world =
        World::of(Router::new().route("/", post(loser_of_a_select)).with_state(effects.clone())).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "work"));
    world.ended().await;
    assert_eq!(effects.all(), ["work", "after"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "claims-older")]
async fn planned_before(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let slept = async {
        step.sleep("pause", Duration::from_secs(60)).await;
        step.run("slept", async { Ok(effects.happen("slept")) }).await
    };
    let planned = step.run("planned", async { Ok(effects.happen("planned")) });
    let (slept, planned) = tokio::try_join!(slept, planned)?;
    let last = step.run("last", async { Ok(effects.happen("last")) }).await?;
    Ok(format!("{slept} {planned} {last}"))
}

/// A version before this one handed the run over, and had Inngest name each of its steps.
#[tokio::test]
async fn a_run_that_planned_its_steps_is_finished() {
    let effects = Effects::new();
    let app = Router::new().route("/", post(planned_before)).with_state(effects.clone());
    let world = World::of(app).await;
    let op = |op: &str, id: &str, more: serde_json::Value| {
        let mut json = json!({ "op": op, "id": StepHash::of(id), "name": id, "displayName": id, "userland": { "id": id } });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json
    };
    let race = json!({ "parallelMode": "race" });
    let steps = json!([
        op("StepRun", "stephttp:plans", json!({ "data": true })),
        op("Sleep", "pause", json!({ "opts": { "duration": "60s", "parallelMode": "race" } })),
        op("StepPlanned", "planned", json!({ "opts": race })),
    ]);
    let data =
        json!({ "domain": world.origin, "method": "POST", "path": "/", "fn": "claims-older", "body": "" });
    let create = json!({
        "run_id": RunId::new(SystemTime::now()).to_string(),
        "event": { "name": "inngest/http.request", "data": data },
        "steps": steps, "request_version": 2, "retries": 3,
    });
    let url = format!("{}/v1/checkpoint", world.inngest.url());
    let created = reqwest::Client::new().post(url).json(&create).send().await.unwrap();
    assert_eq!(created.status(), 200, "{:?}", created.text().await);
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed, "{run:?}");
    assert_eq!(["slept", "planned", "last"].map(|effect| effects.count(effect)), [1, 1, 1]);
    assert!(world.inngest.dispatches().iter().any(|dispatch| dispatch.step_id.is_some()));
    world.assert_clean();
}
