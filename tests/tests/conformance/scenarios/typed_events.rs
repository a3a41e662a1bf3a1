//! Events with a type, and filters over their fields.

use axum::http::Method;
use axum::routing::post;
use inngest::{EventData, EventFields, Step, StepError};
use serde::{Deserialize, Serialize};

use super::LONG;
use crate::scenario::{Deed, Expect, Scenario, scenario, visit};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    let told = || {
        visit(Method::POST, "/tell").at_once().says("told").shows([
            "another-order",
            "too-little",
            "another-country",
            "the-one",
        ])
    };
    vec![
        scenario::<waits>(post(waits))
            .and::<tells>("/tell", post(tells))
            .when("wait", Deed::Visit(Box::new(told())))
            .says("it's \"mine\": 990 of version 2")
            .did(["after"])
            .shows(["wait", "after"]),
    ]
}

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "conformance/typed", v = "2")]
#[serde(rename_all = "camelCase")]
struct Paid {
    order_id: String,
    cents: u32,
    #[serde(rename = "paid-by")]
    payer: Option<Payer>,
}

#[derive(Serialize, Deserialize, EventFields)]
struct Payer {
    country: String,
}

const MINE: &str = "mine's";

#[inngest::api_fn(id = "typed-event-filtered", retries = 5)]
async fn waits(step: Step, effects: Effects) -> Result<String, StepError> {
    let paid = step
        .wait_for::<Paid>("wait")
        .matching(|paid| paid.order_id.eq(MINE).and(paid.cents.ge(100).or(paid.cents.eq(1))))
        .matching(|paid| !paid.payer.field(|payer| payer.country).eq("XX"))
        .timeout(LONG)
        .await?;
    step.run("after", effects.does("after")).await?;
    let paid = paid.map(|event| format!("{} of version {}", event.data.cents, event.v.unwrap_or_default()));
    Ok(format!("it's \"mine\": {}", paid.unwrap_or_else(|| "nothing".to_owned())))
}

#[inngest::api_fn(id = "typed-event-tells", retries = 5)]
async fn tells(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    let paid = |order: &str, cents, country: &str| Paid {
        order_id: order.to_owned(),
        cents,
        payer: Some(Payer { country: country.to_owned() }),
    };
    step.send("another-order", paid("another's", 990, "DE")).await?;
    step.send("too-little", paid(MINE, 99, "DE")).await?;
    step.send("another-country", paid(MINE, 990, "XX")).await?;
    step.send("the-one", paid(MINE, 990, "DE")).await?;
    Ok("told")
}
