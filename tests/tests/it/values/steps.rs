//! Outputs of steps.

use std::time::Duration;

use axum::Json;
use axum::routing::get;
use inngest::{Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stephttp_dev::Call;
use stephttp_tests::{Logs, Stage, World};

use super::{floats, world};

const PAUSE: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    total: f64,
}

const ORDER: Order = Order { id: 1_234_567_890_123_456_789, total: 10.0 };

#[inngest::api_fn(id = "values-pay")]
async fn pay(step: Step) -> Result<String, StepError> {
    let small = step.run("small", async { Ok(Order { id: 17, ..ORDER }) }).await?;
    let order = step.run("order", async { Ok(ORDER) }).await?;
    let numbers = step.run("numbers", async { Ok((u64::MAX, i64::MIN, u128::MAX, Duration::MAX)) }).await?;
    let value = step.run("value", async { Ok(json!({"b": 1.0, "a": u64::MAX})) }).await?;
    step.sleep("pause", PAUSE).await;
    assert_eq!(small, Order { id: 17, ..ORDER });
    assert_eq!(numbers, (u64::MAX, i64::MIN, u128::MAX, Duration::MAX));
    Ok(format!("paid order {} of {value}", order.id))
}

/// What a step's output was sent as.
fn sent(world: &World, id: &str) -> Value {
    let calls = world.inngest.calls().into_iter();
    let mut steps = calls.flat_map(|call| call.json()["steps"].as_array().cloned().unwrap_or_default());
    steps.find(|step| step["name"] == id).unwrap()["data"].clone()
}

#[tokio::test]
async fn large_integers_and_whole_floats_come_back_and_the_rest_is_stored_as_it_is() {
    let world = world().start(Stage::new().app(get(pay))).await;
    let response = world.get("/").send().await.unwrap();
    let text = world.follow(response).await.text().await.unwrap();
    assert_eq!(text, r#"paid order 1234567890123456789 of {"a":18446744073709551615,"b":1.0}"#);
    world.ended().await;
    assert_eq!(sent(&world, "small").to_string(), r#"{"id":17,"total":10.0}"#);
    assert_eq!(sent(&world, "order"), json!({"stephttp:json": r#"{"id":1234567890123456789,"total":10.0}"#}));
    assert_eq!(sent(&world, "value")["stephttp:json"], r#"{"a":18446744073709551615,"b":1.0}"#);
    world.assert_clean();
}

#[tokio::test]
async fn the_dev_engine_gives_them_back_too() {
    let world = World::of(Stage::new().app(get(pay))).await;
    let response = world.get("/").send().await.unwrap();
    let text = world.follow(response).await.text().await.unwrap();
    assert_eq!(text, r#"paid order 1234567890123456789 of {"a":18446744073709551615,"b":1.0}"#);
    world.ended().await;
    world.assert_clean();
}

/// An object with the name of the form, and quotes: as a text of a text it takes twice the bytes,
/// and more than are allowed.
#[inngest::api_fn(id = "values-large", retries = 0)]
async fn large(step: Step) -> Result<Json<Value>, StepError> {
    let fits = step.run("fits", async { Ok((1, "\"".repeat(1_500_000))) }).await?;
    let large = step.run("large", async { Ok((u64::MAX, "\"".repeat(1_500_000))) }).await.unwrap_err();
    Ok(Json(json!([fits.1.len(), large.name(), large.message()])))
}

#[tokio::test]
async fn the_limit_is_for_what_is_stored() {
    let world = world().start(Stage::new().app(get(large))).await;
    let outcome: Value = world.get("/").send().await.unwrap().json().await.unwrap();
    assert_eq!((&outcome[0], &outcome[1]), (&json!(1_500_000), &json!("StepOutputTooLarge")));
    assert!(outcome[2].as_str().unwrap().contains("4 MiB"), "{outcome}");
    world.delivered().await;
    world.assert_clean();
}

/// As an earlier version would have stored it.
fn without_the_form(state: &str) -> Option<String> {
    floats::through_doubles(
        &state.replace(r#"{"stephttp:json":"18446744073709551615"}"#, "18446744073709551615"),
    )
}

#[inngest::api_fn(id = "values-old", retries = 0)]
async fn old(step: Step) -> Result<String, StepError> {
    let n = step.run("n", async { Ok(u64::MAX) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok(n.to_string())
}

#[tokio::test]
async fn a_value_that_was_rounded_before_is_not_called_one_of_another_type_alone() {
    let logs = Logs::collect();
    let world = World::builder().opts(|opts, url| opts.dev_server(floats::changing(url, without_the_form)));
    let world = world.start(Stage::new().app(get(old))).await;
    let response = world.get("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.status(), 500);
    world.ended().await;
    logs.assert_line_with(&["`u64`", "type has changed", "rounded", "64-bit floats"]);
    let first = &world.inngest.calls_of(Call::NewRun)[0];
    assert_eq!(first.json()["steps"][0]["data"]["stephttp:json"], "18446744073709551615");
}
