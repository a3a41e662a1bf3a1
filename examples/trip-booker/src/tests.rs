//! Trips that go wrong in every way, with an engine that skips time.

use std::net::TcpListener;

use axum::http::StatusCode;
use inngest::{Provider, SetupOpts};
use narrator::Process;
use serde_json::{Value, json};
use stephttp_dev::DevServer;

use crate::suppliers::{Suppliers, Trouble};

// A run may be under way for a while, and be finished by another version of this program.
inngest::assert_steps_lock!();

/// The program on a machine that can lose its power, and its Inngest.
struct World {
    engine: DevServer,
    suppliers: Suppliers,
    socket: TcpListener,
    process: Option<Process>,
}

impl World {
    async fn with(troubles: &[(&str, Trouble)]) -> Self {
        let engine = DevServer::start().await.unwrap();
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut world = Self { engine, suppliers: Suppliers::default(), socket, process: None };
        troubles.iter().for_each(|(call, trouble)| world.suppliers.trouble(call, *trouble));
        world.restart();
        world
    }

    fn here(&self) -> String {
        format!("http://{}", self.socket.local_addr().unwrap())
    }

    /// The process dies, if there is one, and another is started.
    fn restart(&mut self) {
        self.process = None;
        let opts = SetupOpts::new(self.here()).dev_server(self.engine.url());
        let app = crate::app(self.suppliers.clone(), &Provider::setup(opts).unwrap());
        self.process = Some(Process::start(&self.socket, app));
    }

    /// Books a trip. While it is under way the process dies as often as a supplier keeps silent.
    async fn book(&mut self) -> (StatusCode, Value) {
        let mut client = tokio::spawn(book(format!("{}/trips", self.here())));
        loop {
            let suppliers = self.suppliers.clone();
            tokio::select! {
                answer = &mut client => {
                    self.engine.assert_no_violations();
                    return answer.unwrap();
                }
                () = suppliers.silent() => tokio::task::block_in_place(|| self.restart()),
            }
        }
    }
}

/// A client that is led to the run's output, and asks for it again when the process that it waits
/// at dies.
async fn book(trips: String) -> (StatusCode, Value) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let response = client.post(trips).json(&json!({"to": "Faro"})).send().await.unwrap();
    let Some(place) = response.headers().get("location") else {
        return (response.status(), response.json().await.unwrap());
    };
    let output = response.url().join(place.to_str().unwrap()).unwrap();
    loop {
        let Ok(response) = reqwest::get(output.clone()).await else { continue };
        let status = response.status();
        if let Ok(answer) = response.json().await {
            return (status, answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trip_that_can_be_had_is_booked() {
    let mut world = World::with(&[]).await;
    let (status, answer) = world.book().await;
    assert_eq!((status, answer["cents"].as_u64()), (StatusCode::OK, Some(12_000)));
    assert_eq!(world.suppliers.take_done(), ["flight-1 booked", "hotel-2 booked", "car-3 booked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trip_without_a_price_is_not_begun() {
    let mut world = World::with(&[("price-hotel", Trouble::Down)]).await;
    let (status, answer) = world.book().await;
    let expected = json!({"reason": "price-hotel: no answer", "cancelled": [], "still_booked": []});
    assert_eq!((status, answer), (StatusCode::CONFLICT, expected));
    assert_eq!(world.suppliers.take_done(), [""; 0]);
    assert_eq!(world.suppliers.calls("price-hotel"), 4, "an attempt and three retries");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_there_is_no_hotel_the_flight_is_cancelled() {
    for (trouble, calls) in [(Trouble::SoldOut, 1), (Trouble::Down, 4)] {
        let mut world = World::with(&[("book-hotel", trouble)]).await;
        let (status, answer) = world.book().await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(answer["cancelled"], json!(["flight-1"]));
        assert_eq!(world.suppliers.take_done(), ["flight-1 booked", "flight-1 cancelled"]);
        assert_eq!((world.suppliers.calls("book-hotel"), world.suppliers.calls("book-car")), (calls, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_cancelled_is_told_and_the_rest_is_cancelled_for_all_that() {
    let mut world = World::with(&[("book-car", Trouble::SoldOut), ("cancel-hotel", Trouble::Down)]).await;
    let (_, answer) = world.book().await;
    let expected =
        json!({"reason": "book-car: nothing left", "cancelled": ["flight-1"], "still_booked": ["hotel-2"]});
    assert_eq!(answer, expected);
    assert_eq!(world.suppliers.take_done(), ["flight-1 booked", "hotel-2 booked", "flight-1 cancelled"]);
    assert!(world.suppliers.calls("cancel-hotel") > 3, "three retries");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_once_wherever_the_process_dies() {
    // The prices are asked for again, so that the run is Inngest's before anything is booked.
    let bad_day = [("price-car", Trouble::Busy), ("book-car", Trouble::SoldOut)];
    for dies_in in ["book-flight", "book-hotel", "cancel-hotel", "cancel-flight"] {
        let mut world = World::with(&[&bad_day[..], &[(dies_in, Trouble::Silent)]].concat()).await;
        let (status, answer) = world.book().await;
        assert_eq!(status, StatusCode::CONFLICT, "{dies_in}");
        assert_eq!(answer["cancelled"], json!(["hotel-2", "flight-1"]), "{dies_in}");
        let done = ["flight-1 booked", "hotel-2 booked", "hotel-2 cancelled", "flight-1 cancelled"];
        assert_eq!(world.suppliers.take_done(), done, "{dies_in}");
        // So does the step before it, if its end was not saved yet: that is what idempotency keys
        // are for.
        assert_eq!(world.suppliers.calls(dies_in), 2, "{dies_in} runs again");
    }
}
