//! Two trips, from the client's side.

use std::time::Duration;

use inngest::Provider;
use narrator::BoxError;
use reqwest::{Client, StatusCode};

use crate::suppliers::{Suppliers, Trouble};
use crate::trip::{Itinerary, NotBooked, Trip};

/// Books a trip that can be had, and one that cannot; checks that nothing is left of that.
pub(crate) async fn book_two_trips(
    here: &str,
    suppliers: &Suppliers,
    inngest: &Provider,
) -> Result<(), BoxError> {
    println!("A trip that can be had:");
    let (status, body) = book(here, "Lisbon").await?;
    let itinerary: Itinerary = serde_json::from_str(&body)?;
    let done = suppliers.take_done();
    check(status == StatusCode::OK && itinerary.booked.len() == 3 && done.len() == 3, &done)?;
    // Nobody has had to wait for Inngest.
    inngest.wait(Duration::from_secs(10)).await?;

    println!(
        "\nA trip without a car: the hotel and the flight are given back, though the hotel does not answer at first."
    );
    suppliers.trouble("book-car", Trouble::SoldOut);
    suppliers.trouble("cancel-hotel", Trouble::Busy);
    let (status, body) = book(here, "Porto").await?;
    let answer: NotBooked = serde_json::from_str(&body)?;
    let done = suppliers.take_done();
    let expected =
        ["flight-4 booked", "hotel-5 booked", "hotel-5 cancelled", "flight-4 cancelled"].map(str::to_owned);
    check(status == StatusCode::CONFLICT && answer.still_booked.is_empty() && done == expected, &done)?;
    println!("  Everything was done once, however often the handler ran: {}", done.join(", "));
    Ok(())
}

/// A client that follows redirects: to the run's output, if it takes longer.
async fn book(here: &str, to: &str) -> Result<(StatusCode, String), BoxError> {
    let request = Client::new().post(format!("{here}/trips")).json(&Trip { to: to.to_owned() });
    let response = request.timeout(Duration::from_secs(120)).send().await?;
    let (status, body) = (response.status(), response.text().await?);
    println!("\nThe traveller has the final answer: {status}\n  {body}");
    Ok((status, body))
}

fn check(is_right: bool, done: &[String]) -> Result<(), BoxError> {
    if is_right { Ok(()) } else { Err(format!("the suppliers did something else: {done:?}").into()) }
}
