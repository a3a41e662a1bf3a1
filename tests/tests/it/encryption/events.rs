//! Events and invocations.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::middleware::Encryption;
use inngest::{Event, Step, StepError};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use stephttp_tests::Logs;

use super::{encryption, seen_by, world};

#[inngest::api_fn(id = "encryption-sends")]
async fn sends(step: Step) -> Result<String, StepError> {
    let data = json!({ "order": 7, "encrypted": { "card": "plaintext 4242" }, "other": 1 });
    step.send_event("tell", Event::new("shop/paid", data)).await
}

#[tokio::test]
async fn the_field_of_an_event_that_is_sent_is_sealed() {
    let world = world(encryption()).start(Router::new().route("/", post(sends))).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 200);
    world.delivered().await;
    let sent = world.inngest.wait_for_event(1).await.data;
    assert_eq!((&sent["order"], &sent["other"]), (&json!(7), &json!(1)));
    assert!(!seen_by(&world.inngest).contains("plaintext"));
    let opened = encryption().open_event_data(&to_raw_value(&sent).unwrap()).unwrap().into_owned();
    let opened: Value = serde_json::from_str(opened.get()).unwrap();
    assert_eq!(opened["encrypted"]["card"], "plaintext 4242");
    world.assert_clean();
}

#[tokio::test]
async fn the_field_of_an_event_that_is_sent_outside_of_steps_is_sealed() {
    let world = world(encryption()).start(Router::new()).await;
    let event = Event::new("shop/paid", json!({ "order": 7, "encrypted": "plaintext 4242" }));
    world.provider.events().send_event(event).await.unwrap();
    let sent = world.inngest.wait_for_event(1).await.data;
    assert_eq!((&sent["order"], &sent["encrypted"]["__ENCRYPTED__"]), (&json!(7), &json!(true)));
    assert!(!seen_by(&world.inngest).contains("plaintext"));
}

#[inngest::api_fn(id = "encryption-waits")]
async fn waits(step: Step) -> Result<String, StepError> {
    let wait = step.wait_for_event::<Value>("payment", "shop/paid").matching("data.order", 7);
    let event = wait.timeout(Duration::from_secs(3_600)).await?;
    Ok(event.map_or_else(|| "nothing".to_owned(), |event| event.data["secret"].to_string()))
}

/// What another service sends, which seals another field.
fn sealed_by_another(value: &str) -> Value {
    let data = to_raw_value(&json!({ "order": 7, "secret": value })).unwrap();
    let sealed = encryption().event_field("secret").seal_event_data(&data).unwrap().into_owned();
    serde_json::from_str(sealed.get()).unwrap()
}

#[tokio::test]
async fn an_event_that_was_waited_for_is_opened() {
    let world = world(encryption().readable_responses()).start(Router::new().route("/", post(waits))).await;
    world.inngest.hold_time();
    let response = world.post("/").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "payment").await;
    let sealed = sealed_by_another("plaintext 4242");
    assert_eq!(sealed["secret"]["__ENCRYPTED__"], true);
    world.inngest.send_event("shop/paid", sealed);
    world.inngest.release_time();
    assert_eq!(world.follow(response).await.text().await.unwrap(), r#""plaintext 4242""#);
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "encryption-invokes")]
async fn invokes(step: Step) -> Result<String, StepError> {
    let invoked = step.invoke::<Value>("rate", "shop-rate").data(json!({ "encrypted": "plaintext EUR" }));
    Ok(invoked.await?.to_string())
}

#[tokio::test]
async fn an_invocation_s_field_is_sealed_and_the_function_s_sealed_result_is_opened() {
    let world = world(encryption().readable_responses())
        .inngest(|inngest| inngest.function("shop-rate", rate))
        .start(Router::new().route("/", post(invokes)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), r#"{"rate of plaintext EUR":1.08}"#);
    world.ended().await;
    world.assert_clean();
}

/// As a function with the JS package does it.
async fn rate(data: Value) -> Result<Value, String> {
    assert_eq!(data["encrypted"]["__STRATEGY__"], "inngest/libsodium");
    let data = to_raw_value(&data).unwrap();
    let data = encryption().open_event_data(&data).map_err(|error| error.to_string())?;
    let data: Value = serde_json::from_str(data.get()).unwrap();
    let result = to_raw_value(&json!({ format!("rate of {}", data["encrypted"].as_str().unwrap()): 1.08 }));
    let sealed = encryption().seal_value(&result.unwrap()).unwrap().into_owned();
    Ok(serde_json::from_str(sealed.get()).unwrap())
}

#[inngest::api_fn(id = "encryption-waits-in-vain")]
async fn waits_in_vain(step: Step) -> Result<String, StepError> {
    let event = step.wait_for_event::<Value>("payment", "shop/paid").await?;
    Ok(format!("{event:?}"))
}

#[tokio::test]
async fn an_event_of_an_unknown_key_gives_the_request_up_and_names_the_field() {
    let logs = Logs::collect();
    let other = Encryption::new("another key").unwrap();
    let world = world(other).start(Router::new().route("/", post(waits_in_vain))).await;
    world.inngest.hold_time();
    world.post("/").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "payment").await;
    world.inngest.send_event("shop/paid", sealed_by_another("plaintext"));
    let answer = world.inngest.wait_for_answer(1).await;
    assert_eq!(answer.status.unwrap(), 500);
    assert_eq!(answer.response_headers["x-inngest-no-retry"], "false");
    logs.assert_line_with(&["ERROR", &run.id, "step `payment`", r#"field "secret""#]);
}
