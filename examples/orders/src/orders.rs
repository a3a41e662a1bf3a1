//! The customers' handlers. [`create`] is what this example is about.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use inngest::output::RunOutput;
use inngest::{Remember, Step};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::{Claims, Role};
use crate::database::Order;
use crate::error::AppError;
use crate::payments::Payment;
use crate::warehouse::{PARCEL_SENT, ParcelSent};

/// What a customer sends.
#[derive(Debug, Deserialize)]
pub struct NewOrder {
    item: String,
    quantity: NonZeroU32,
    /// A token of the payment API's, and never a card's number: Inngest keeps this body.
    card: String,
}

/// What a customer gets at once whose order has to wait.
#[derive(Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// The order's id.
    pub order: String,
    /// Where the receipt will be, for an hour: a GET waits there. `GET /orders/{id}` is for later.
    pub receipt: Option<String>,
}

/// What a customer gets in the end.
#[derive(Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The order's id.
    pub order: String,
    /// What the card was charged.
    pub cents: i64,
    /// The parcel's number.
    pub parcel: String,
}

/// Reserves, charges the card, and waits until the warehouse has sent the parcel. What was done is
/// undone when something has failed for good, or took too long.
///
/// # Errors
/// What the customer is told in place of a receipt.
#[inngest::api_fn(
    id = "create-order",
    retries = 3,
    max_request_time = "20s",
    step_timeout = "30s",
    async_response = custom(accepted)
)]
pub async fn create(
    State(App { database, payments, .. }): State<App>,
    Remember(claims): Remember<Claims>,
    step: Step,
    Json(new): Json<NewOrder>,
) -> Result<Json<Receipt>, AppError> {
    // The same in each request of the run.
    let id = step.run_id().to_string();

    // That there is nothing left is an outcome of the step, not a failure: nothing is retried.
    let key = step.idempotency_key("reserve");
    let reserving = database.reserve(&key, &id, &claims.sub, &new.item, new.quantity);
    let cents = step.run("reserve", reserving).await?.ok_or(AppError::OutOfStock)?;

    let charge_key = step.idempotency_key("charge");
    let fulfilment = async {
        let charging = payments.charge(&charge_key, cents, &new.card);
        let charging = step.run("charge", charging).timeout(Duration::from_secs(10));
        if charging.await? == Payment::Declined {
            return Err(AppError::CardDeclined);
        }
        // Side by side: the warehouse sees the order once Inngest waits for the event, and so
        // cannot be too fast.
        let key = step.idempotency_key("show-to-warehouse");
        let (_, sent) = tokio::try_join!(
            step.run("show-to-warehouse", database.mark_paid(&key, &id)),
            step.wait_for_event::<ParcelSent>("parcel", PARCEL_SENT)
                .matching("data.order", &id)
                .timeout(Duration::from_secs(7 * 86_400)),
        )?;
        Ok(sent.ok_or(AppError::NotSent)?.data.parcel)
    };

    match fulfilment.await {
        Ok(parcel) => {
            let key = step.idempotency_key("mark-sent");
            step.run("mark-sent", database.mark_sent(&key, &id, &parcel)).await?;
            Ok(Json(Receipt { order: id, cents, parcel }))
        }
        Err(error) => {
            // By the key of the charge: the card may have been charged although the step failed.
            let refunded = step.run("refund", payments.refund(&charge_key)).await;
            let key = step.idempotency_key("release");
            let released = step.run("release", database.release(&key, &id)).await;
            refunded.and(released)?;
            Err(error)
        }
    }
}

async fn accepted(_: Parts, output: RunOutput) -> (StatusCode, Json<Accepted>) {
    let order = output.run_id().to_string();
    (StatusCode::ACCEPTED, Json(Accepted { order, receipt: output.own_url().map(str::to_owned) }))
}

/// Shows an order: an ordinary handler.
///
/// # Errors
/// When there is none of this customer's.
pub async fn show(
    State(app): State<App>,
    claims: Claims,
    Path(id): Path<String>,
) -> Result<Json<Order>, AppError> {
    let order = app.database.order(&id).await?;
    let may_see = |order: &Order| order.customer == claims.sub || claims.role == Role::Warehouse;
    order.filter(may_see).map(Json).ok_or(AppError::NoSuchOrder)
}
