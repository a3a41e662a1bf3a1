//! The endpoint.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use inngest::{Step, StepError};
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
}

/// Takes an order: charges the card, leaves the customer some time for second thoughts, ships, and mails a receipt.
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
    step.run("send-receipt", shop.send_receipt(&charge)).await?;

    Ok(Json(Receipt { item: order.item, charge, parcel }))
}
