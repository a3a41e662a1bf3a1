//! A run's life when nothing goes wrong.

use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use inngest::{Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Effects, World};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Charge {
    id: String,
    amount: u64,
}

#[inngest::api_fn(id = "lifecycle-fast", retries = 2)]
async fn fast(State(effects): State<Effects>, step: Step) -> Result<Json<Charge>, StepError> {
    let charge = step
        .run("charge", async {
            effects.happen("charge");
            Ok(Charge { id: "ch_1".to_owned(), amount: 990 })
        })
        .await?;
    step.run("log", async { Ok(effects.happen("log")) }).await?;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_handler_that_does_not_wait_costs_one_call() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/fast", post(fast)).with_state(effects.clone())).await;

    let response = world.post("/fast").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Charge>().await.unwrap(), Charge { id: "ch_1".to_owned(), amount: 990 });

    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(run.function, "lifecycle-fast");
    assert_eq!(world.inngest.calls().len(), 1);
    assert_eq!(effects.all(), ["charge", "log"]);
    assert_eq!(run.output, r#"{"id":"ch_1","amount":990}"#);
    world.assert_clean();
}

#[inngest::api_fn(id = "lifecycle-no-steps")]
async fn no_steps(_step: Step) -> &'static str {
    "plain"
}

#[tokio::test]
async fn a_handler_without_steps_costs_no_call() {
    let app = Router::new().route("/none", get(no_steps)).route("/untracked", get(|| async { "untracked" }));
    let world = World::of(app).await;
    assert_eq!(world.get("/none").send().await.unwrap().text().await.unwrap(), "plain");
    assert_eq!(world.get("/untracked").send().await.unwrap().text().await.unwrap(), "untracked");
    world.delivered().await;
    assert!(world.inngest.calls().is_empty());
}

#[inngest::api_fn(id = "lifecycle-sleep")]
async fn sleeps(
    State(effects): State<Effects>,
    step: Step,
) -> Result<(axum::http::StatusCode, String), StepError> {
    let before = step.run("before", async { Ok(effects.happen("before")) }).await?;
    step.sleep("pause", Duration::from_secs(3 * 86_400)).await;
    let mut sum = before;
    for turn in 0..20 {
        sum += step.run(format!("after-{turn}"), async { Ok(effects.happen("after")) }).await?;
    }
    Ok((axum::http::StatusCode::CREATED, sum.to_string()))
}

#[tokio::test]
async fn a_sleep_hands_over_and_twenty_steps_after_it_cost_one_reentry() {
    let effects = Effects::new();
    let world = World::of(Router::new().route("/sleep", post(sleeps)).with_state(effects.clone())).await;

    let response = world.post("/sleep").send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let run_id = world.inngest.wait_for_run().await.id;
    assert!(
        location.starts_with(&format!("{}/v1/http/runs/{run_id}/output?token=", world.inngest.url())),
        "{location}"
    );

    let output = world.follow(response).await;
    assert_eq!(output.status(), 201);
    assert_eq!(output.text().await.unwrap(), (1 + 20 * 21 / 2).to_string());

    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!((effects.count("before"), effects.count("after")), (1, 20));
    assert_eq!(world.inngest.dispatches().len(), 1);
    assert_eq!(world.inngest.calls_of(Call::NewRun).len(), 1);
    assert_eq!(run.step("before").unwrap().value, Some(json!(1)));
    assert_eq!(run.steps.len(), 22, "{:?}", run.steps);
    world.assert_clean();
}
