//! The endpoint: a trip is booked whole, or not at all.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use inngest::{Step, StepError};
use serde::{Deserialize, Serialize};

use crate::suppliers::{Booking, Kind, Suppliers};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trip {
    pub(crate) to: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Itinerary {
    pub(crate) booked: Vec<Booking>,
    pub(crate) cents: u64,
}

/// Asks for prices, then books a flight, a hotel and a car. When one of them cannot be had, what
/// was booked before is cancelled, the last first.
#[inngest::api_fn(id = "book-trip", retries = 3)]
pub(crate) async fn book_trip(
    State(suppliers): State<Suppliers>,
    step: Step,
    Json(trip): Json<Trip>,
) -> Result<Json<Itinerary>, NotBooked> {
    // A price binds nobody, so these run side by side, and there is nothing to undo when one fails.
    let (flight, hotel, car) = tokio::try_join!(
        step.run("price-flight", suppliers.price(Kind::Flight, &trip.to)),
        step.run("price-hotel", suppliers.price(Kind::Hotel, &trip.to)),
        step.run("price-car", suppliers.price(Kind::Car, &trip.to)),
    )?;

    // A booking binds. A supplier that sees a key again, since this process died before it could
    // save the first answer, gives that answer again.
    let mut booked = Vec::new();
    let outcome = async {
        let key = step.idempotency_key("book-flight");
        booked.push(step.run("book-flight", suppliers.book(Kind::Flight, &key)).await?);
        let key = step.idempotency_key("book-hotel");
        booked.push(step.run("book-hotel", suppliers.book(Kind::Hotel, &key)).await?);
        let key = step.idempotency_key("book-car");
        booked.push(step.run("book-car", suppliers.book(Kind::Car, &key)).await?);
        Ok::<_, StepError>(())
    };
    let Err(error) = outcome.await else {
        return Ok(Json(Itinerary { booked, cents: flight + hotel + car }));
    };

    // Each cancellation is a step with retries of its own. One that fails for all that must not
    // keep the others from being made: somebody has to see to it by hand.
    let mut answer =
        NotBooked { reason: error.message().to_owned(), cancelled: vec![], still_booked: vec![] };
    for booking in booked.into_iter().rev() {
        match step.run(format!("cancel-{}", booking.kind), suppliers.cancel(&booking)).await {
            Ok(()) => answer.cancelled.push(booking.number),
            Err(_) => answer.still_booked.push(booking.number),
        }
    }
    Err(answer)
}

/// Why there is no trip, and what became of its parts.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NotBooked {
    pub(crate) reason: String,
    pub(crate) cancelled: Vec<String>,
    pub(crate) still_booked: Vec<String>,
}

/// Before anything was booked.
impl From<StepError> for NotBooked {
    fn from(error: StepError) -> Self {
        Self { reason: error.message().to_owned(), cancelled: vec![], still_booked: vec![] }
    }
}

impl IntoResponse for NotBooked {
    fn into_response(self) -> Response {
        (StatusCode::CONFLICT, Json(self)).into_response()
    }
}
