//! What is sent with signals.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::{Step, StepError};
use serde_json::{Value, json};
use stephttp_dev::Call;

use super::world;

const DAY: Duration = Duration::from_secs(86_400);

#[inngest::api_fn(id = "values-waits")]
async fn waits(step: Step) -> Result<String, StepError> {
    let data = step.wait_for_signal::<Value>("wait", "approval").timeout(DAY).await?;
    step.sleep("pause", DAY).await;
    Ok(data.map_or("nothing".to_owned(), |data| data.to_string()))
}

#[inngest::api_fn(id = "values-sends")]
async fn sends(step: Step, body: String) -> Result<&'static str, StepError> {
    let data = serde_json::from_str::<Value>(&body).unwrap();
    let run_id = step.send_signal("send", "approval", data).await?;
    Ok(if run_id.is_some() { "sent" } else { "nobody" })
}

/// What a run gets for what another sends, or someone else.
async fn received(data: &Value, by_another_program: bool) -> (String, Value) {
    let world = world().start(Router::new().route("/waits", post(waits)).route("/sends", post(sends))).await;
    world.inngest.hold_time();
    let response = world.post("/waits").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "wait").await;
    if by_another_program {
        assert!(world.inngest.send_signal("approval", data).is_some());
    } else {
        let sent = world.post("/sends").body(data.to_string()).send().await.unwrap();
        assert_eq!(sent.text().await.unwrap(), "sent");
    }
    world.inngest.release_time();
    let text = world.follow(response).await.text().await.unwrap();
    world.delivered().await;
    world.assert_clean();
    let call = world.inngest.calls_of(Call::Signals).into_iter().next();
    (text, call.map(|call| call.json()["data"].clone()).unwrap_or_default())
}

#[tokio::test]
async fn a_signals_data_come_as_they_were_sent() {
    for data in [json!({"order": u64::MAX, "total": 1.0}), json!({"stephttp:json": "1"}), json!(-0.0)] {
        let (text, sent) = received(&data, false).await;
        assert_eq!(text, data.to_string());
        assert_eq!(sent, json!({"stephttp:json": data.to_string()}));
    }
    // What others can read is sent as it is.
    let data = json!({"by": "Ada", "n": [1, 0.5, "9007199254740993"]});
    assert_eq!(received(&data, false).await, (data.to_string(), data));
}

#[tokio::test]
async fn a_signal_of_another_program_is_read() {
    let data = json!({"by": "Ada", "n": [1, 0.5], "deep": {"stephttp:json": "1"}});
    assert_eq!(received(&data, true).await.0, data.to_string());
}
