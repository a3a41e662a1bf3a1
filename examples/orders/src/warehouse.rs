//! What the warehouse says.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use inngest::{Event, Remember, Step};
use serde::{Deserialize, Serialize};

use crate::auth::{Claims, Role};
use crate::error::AppError;

/// What the warehouse sends.
#[derive(Debug, Deserialize)]
pub struct Parcel {
    number: String,
}

/// The event that orders wait for.
pub(crate) const PARCEL_SENT: &str = "shop/parcel.sent";

/// The event's data.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ParcelSent {
    pub(crate) order: String,
    pub(crate) parcel: String,
}

/// Takes the warehouse's report, and lets the order go on that waits for it.
///
/// # Errors
/// When somebody else reports, or Inngest does not take the event.
#[inngest::api_fn(id = "report-parcel", retries = 3)]
pub async fn report_parcel(
    Path(order): Path<String>,
    Remember(claims): Remember<Claims>,
    step: Step,
    Json(parcel): Json<Parcel>,
) -> Result<StatusCode, AppError> {
    if claims.role != Role::Warehouse {
        return Err(AppError::NotAllowed);
    }
    let sent = ParcelSent { order, parcel: parcel.number };
    step.send_event("tell-order", Event::new(PARCEL_SENT, sent)).await?;
    Ok(StatusCode::ACCEPTED)
}
