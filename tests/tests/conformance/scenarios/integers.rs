//! Numbers that a double does not hold: a real server makes doubles of all that it stores
//! (docs/protocol.md 6.3).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use axum::routing::post;
use inngest::step::SignalConflict;
use inngest::{Remember, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::payloads::{keeps, replayed};
use super::{LONG, NAP};
use crate::scenario::{Deed, Expect, Scenario, scenario, visit};
use crate::stage::Effects;

const LIKE_SHAPES: &str = "only its values are other ones than in `payloads-shapes`";

/// One more than the last integer up to which a double holds all.
const BEYOND: u64 = (1 << 53) + 1;

pub(super) fn all() -> Vec<Scenario> {
    let sends = || visit(Method::POST, "/send").at_once().says("sent").shows(["send"]);
    vec![
        scenario::<integers>(post(integers))
            .says("the same")
            .shows(["u64", "i64", "u128", "duration", "nested", "value", "order", "nap"])
            .not_swept(LIKE_SHAPES),
        scenario::<order>(post(order))
            .says("paid order 1234567890123456789")
            .did(["charge"])
            .shows(["order", "nap", "charge"])
            .not_swept(LIKE_SHAPES),
        scenario::<remembered>(post(remembered))
            .says(format!("{:?}", Numbers::ODD))
            .did(["after"])
            .shows(["nap", "after"])
            .not_swept(LIKE_SHAPES),
        scenario::<signalled>(post(signalled))
            .and::<sends_signal>("/send", post(sends_signal))
            .when("wait", Deed::Visit(Box::new(sends())))
            .says(format!("{:?}", Numbers::ODD))
            .shows(["wait", "nap"])
            .not_swept(LIKE_SHAPES),
    ]
}

#[inngest::api_fn(id = "integers-outputs")]
async fn integers(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    keeps(&step, "u64", [BEYOND, u64::MAX, 1_234_567_890_123_456_789]).await?;
    keeps(&step, "i64", [i64::MIN, i64::MAX, -((1 << 53) + 1)]).await?;
    keeps(&step, "u128", (u128::MAX, i128::MIN)).await?;
    keeps(&step, "duration", Duration::MAX).await?;
    keeps(&step, "nested", vec![Some((vec![Numbers::ODD], "9007199254740993".to_owned())), None]).await?;
    keeps(
        &step,
        "value",
        json!({ "float": 1.0, "zero": -0.0, "integer": BEYOND, "text": "1.0", "large": 1e300 }),
    )
    .await?;
    // What it is stored as must not be taken for what something else is stored as.
    keeps(&step, "order", json!([{ "order": BEYOND.to_string() }, { "order": BEYOND }])).await?;
    replayed(&step).await
}

#[derive(Serialize, Deserialize)]
struct Order {
    id: u64,
}

#[inngest::api_fn(id = "integers-order")]
async fn order(step: Step, effects: Effects) -> Result<String, StepError> {
    let order = step.run("order", async { Ok(Order { id: 1_234_567_890_123_456_789 }) }).await?;
    step.sleep("nap", NAP).await;
    step.run("charge", effects.does("charge")).await?;
    Ok(format!("paid order {}", order.id))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Numbers {
    least: i64,
    most: u64,
    beyond: u64,
    float: f64,
}

impl Numbers {
    const ODD: Self = Self { least: i64::MIN, most: u64::MAX, beyond: BEYOND, float: 1.0 };
}

impl<S: Sync> FromRequestParts<S> for Numbers {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::ODD)
    }
}

#[inngest::api_fn(id = "integers-remembered")]
async fn remembered(
    Remember(numbers): Remember<Numbers>,
    step: Step,
    effects: Effects,
) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(format!("{numbers:?}"))
}

#[inngest::api_fn(id = "integers-signalled")]
async fn signalled(step: Step, _effects: Effects) -> Result<String, StepError> {
    let wait = step.wait_for_signal::<Numbers>("wait", "conformance/integers").timeout(LONG);
    let numbers = wait.on_conflict(SignalConflict::Replace).await?;
    step.sleep("nap", Duration::from_millis(10)).await;
    Ok(numbers.map_or("nothing".to_owned(), |numbers| format!("{numbers:?}")))
}

#[inngest::api_fn(id = "integers-sends-signal", retries = 5)]
async fn sends_signal(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    step.send_signal("send", "conformance/integers", Numbers::ODD).await?;
    Ok("sent")
}
