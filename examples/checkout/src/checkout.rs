//! The endpoint.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use inngest::{Event, Step, StepError};
use serde::{Deserialize, Serialize};

use crate::shop::Shop;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) item: String,
    pub(crate) cents: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) item: String,
    pub(crate) charge: String,
    pub(crate) parcel: String,
    pub(crate) delivered_to: Option<String>,
}

/// What the carrier reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Delivered {
    pub(crate) parcel: String,
    pub(crate) to: String,
}

const DELIVERED: &str = "carrier/parcel.delivered";

/// Takes an order: charges the card, leaves the customer some time for second thoughts, ships,
/// waits until the parcel is there, and mails a receipt.
#[inngest::api_fn(id = "checkout", retries = 3)]
pub(crate) async fn checkout(
    State(shop): State<Shop>,
    step: Step,
    Json(order): Json<Order>,
) -> Result<Json<Receipt>, StepError> {
    let key = step.idempotency_key("charge-card");
    let charge = step.run("charge-card", shop.charge_card(order.cents, &key)).await?;

    step.sleep("cool-off", Duration::from_secs(3)).await;

    let parcel = step.run("ship", shop.ship(&order.item)).await?;
    let delivered = step
        .wait_for_event::<Delivered>("delivery", DELIVERED)
        .matching("data.parcel", &parcel)
        .timeout(Duration::from_secs(60))
        .await?;
    step.run("send-receipt", shop.send_receipt(&charge)).await?;

    let delivered_to = delivered.map(|event| event.data.to);
    Ok(Json(Receipt { item: order.item, charge, parcel, delivered_to }))
}

/// Takes the carrier's reports, and lets the orders go on that wait for them.
#[inngest::api_fn(id = "carrier-report", retries = 3)]
pub(crate) async fn carrier_report(
    step: Step,
    Json(delivered): Json<Delivered>,
) -> Result<StatusCode, StepError> {
    step.send_event("tell-orders", Event::new(DELIVERED, delivered)).await?;
    Ok(StatusCode::ACCEPTED)
}
