//! Trips that go wrong in every way, with an engine that skips time.

use std::pin::pin;

use axum::http::StatusCode;
use serde_json::{Value, json};
use stephttp_dev::{TestApp, TestRun};

use crate::suppliers::{Suppliers, Trouble};

// A run may be under way for a while, and be finished by another version of this program.
inngest::assert_steps_lock!();

/// A trip that was booked, or not, at suppliers with these troubles. While it is under way the
/// process dies as often as a supplier keeps silent.
async fn book(troubles: &[(&str, Trouble)]) -> (Suppliers, TestRun, StatusCode, Value) {
    let suppliers = Suppliers::default();
    troubles.iter().for_each(|(call, trouble)| suppliers.trouble(call, *trouble));
    let state = suppliers.clone();
    let app = TestApp::with(move |inngest| crate::app(state.clone(), inngest)).await;
    let mut client = pin!(app.post("/trips").json(&json!({"to": "Faro"})).send());
    let response = loop {
        tokio::select! {
            response = &mut client => break response,
            () = suppliers.silent() => app.restart().await,
        }
    };
    let run = response.run().await;
    app.finish().await;
    (suppliers, run, response.status(), response.json())
}

#[tokio::test]
async fn a_trip_that_can_be_had_is_booked() {
    let (suppliers, _, status, answer) = book(&[]).await;
    assert_eq!((status, answer["cents"].as_u64()), (StatusCode::OK, Some(12_000)));
    assert_eq!(suppliers.take_done(), ["flight-1 booked", "hotel-2 booked", "car-3 booked"]);
}

#[tokio::test]
async fn a_trip_without_a_price_is_not_begun() {
    let (suppliers, run, status, answer) = book(&[("price-hotel", Trouble::Down)]).await;
    let expected = json!({"reason": "price-hotel: no answer", "cancelled": [], "still_booked": []});
    assert_eq!((status, answer), (StatusCode::CONFLICT, expected));
    assert_eq!(suppliers.take_done(), [""; 0]);
    run.assert_ran("price-hotel", 4); // an attempt and three retries
}

#[tokio::test]
async fn when_there_is_no_hotel_the_flight_is_cancelled() {
    for (trouble, attempts) in [(Trouble::SoldOut, 1), (Trouble::Down, 4)] {
        let (suppliers, run, status, answer) = book(&[("book-hotel", trouble)]).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(answer["cancelled"], json!(["flight-1"]));
        assert_eq!(suppliers.take_done(), ["flight-1 booked", "flight-1 cancelled"]);
        run.assert_ran("book-hotel", attempts);
        run.assert_not_ran("book-car");
    }
}

#[tokio::test]
async fn what_cannot_be_cancelled_is_told_and_the_rest_is_cancelled_for_all_that() {
    let (suppliers, run, _, answer) =
        book(&[("book-car", Trouble::SoldOut), ("cancel-hotel", Trouble::Down)]).await;
    let expected =
        json!({"reason": "book-car: nothing left", "cancelled": ["flight-1"], "still_booked": ["hotel-2"]});
    assert_eq!(answer, expected);
    assert_eq!(suppliers.take_done(), ["flight-1 booked", "hotel-2 booked", "flight-1 cancelled"]);
    run.assert_ran("cancel-hotel", 4); // an attempt and three retries
}

#[tokio::test]
async fn everything_is_done_once_wherever_the_process_dies() {
    // The prices are asked for again, so that the run is Inngest's before anything is booked.
    let bad_day = [("price-car", Trouble::Busy), ("book-car", Trouble::SoldOut)];
    for dies_in in ["book-flight", "book-hotel", "cancel-hotel", "cancel-flight"] {
        let (suppliers, run, status, answer) =
            book(&[&bad_day[..], &[(dies_in, Trouble::Silent)]].concat()).await;
        assert_eq!(status, StatusCode::CONFLICT, "{dies_in}");
        assert_eq!(answer["cancelled"], json!(["hotel-2", "flight-1"]), "{dies_in}");
        let done = ["flight-1 booked", "hotel-2 booked", "hotel-2 cancelled", "flight-1 cancelled"];
        assert_eq!(suppliers.take_done(), done, "{dies_in}");
        // So does the step before it, if its end was not saved yet: that is what idempotency keys
        // are for.
        run.assert_ran(dies_in, 2);
    }
}
