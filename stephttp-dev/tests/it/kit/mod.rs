//! The kit: apps with the SDK, as users test them.

mod endings;
mod mistakes;
mod mocks;
mod restarts;
mod runs;
mod snapshots;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use inngest::{Failure, Provider, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// What the shop does to the world outside.
#[derive(Debug, Clone, Default)]
pub(super) struct Shop {
    pub(super) charges: Arc<AtomicUsize>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) cents: u64,
}

impl Shop {
    async fn charge(&self, key: String, cents: u64) -> Result<Charge, Failure> {
        self.charges.fetch_add(1, Ordering::Relaxed);
        Ok(Charge { id: key, cents })
    }

    pub(super) fn charges(&self) -> usize {
        self.charges.load(Ordering::Relaxed)
    }
}

/// Charges, sleeps a day, and ships.
#[inngest::api_fn(id = "kit-order", retries = 2)]
async fn order(
    State(shop): State<Shop>,
    Path(item): Path<String>,
    step: Step,
) -> Result<Json<Value>, StepError> {
    let key = step.idempotency_key("charge");
    let charge = step.run("charge", shop.charge(key, 990)).await?;
    step.sleep("cool-off", DAY).await;
    let parcel = step.run("ship", async { Ok::<_, Failure>(format!("a {item}")) }).await?;
    Ok(Json(json!({ "charge": charge.id, "parcel": parcel })))
}

/// Ends in its first request.
#[inngest::api_fn(id = "kit-quick")]
async fn quick(State(shop): State<Shop>, step: Step) -> Result<(StatusCode, Json<Charge>), StepError> {
    let charge = step.run("charge", shop.charge("ch_1".to_owned(), 1_234_567_890_123_456_789)).await?;
    Ok((StatusCode::CREATED, Json(charge)))
}

/// Waits for an approval.
#[inngest::api_fn(id = "kit-approval")]
async fn approval(Path(item): Path<String>, step: Step) -> Result<String, StepError> {
    let approved = step
        .wait_for_event::<Value>("approval", "shop/approved")
        .matching("data.item", &item)
        .timeout(7 * DAY)
        .await?;
    step.run("mail", async { Ok::<_, Failure>(()) }).await?;
    Ok(format!("{item}: {}", if approved.is_some() { "approved" } else { "expired" }))
}

/// Two uses of one id, beside each other and after each other.
#[inngest::api_fn(id = "kit-loop")]
async fn turns(step: Step) -> Result<String, StepError> {
    let mut all = Vec::new();
    for turn in 0..3 {
        all.push(step.run("turn", async move { Ok::<_, Failure>(turn) }).await?);
    }
    Ok(format!("{all:?}"))
}

/// The shop's routes, with neither the layer nor the output route.
pub(super) fn routes(shop: Shop) -> Router {
    Router::new()
        .route("/orders/{item}", post(order))
        .route("/quick", post(quick))
        .route("/approvals/{item}", post(approval))
        .route("/turns", post(turns))
        .route("/health", get(|| async { "well" }))
        .with_state(shop)
}

/// The shop as in production.
pub(super) fn router(shop: Shop, inngest: &Provider) -> Router {
    routes(shop).merge(inngest.output_route()).layer(inngest.layer())
}

/// What a test panics with.
pub(super) async fn panic_of<T>(test: impl Future<Output = T> + Send + 'static) -> String
where
    T: Send + 'static,
{
    let panicked = tokio::spawn(AssertUnwindSafe(test)).await;
    let Err(error) = panicked else { panic!("it did not panic") };
    let panic = error.into_panic();
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}
