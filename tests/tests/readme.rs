//! README's first example, whose test is run here: what a page's examples hold of tests is not even
//! compiled.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]
#![allow(dead_code, reason = "nobody serves the app")]

// README's from here
use std::time::Duration;

use axum::{Json, Router, extract::State, routing::post};
use inngest::{Failure, Provider, SetupOpts, Step, StepError};
use serde::{Deserialize, Serialize};

#[derive(Clone)]
struct Shop;

#[derive(Deserialize)]
struct Order {
    item: String,
    cents: u64,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    charge: String,
    parcel: String,
}

impl Shop {
    async fn charge_card(&self, cents: u64, idempotency_key: &str) -> Result<String, Failure> {
        if cents == 0 {
            // A retry cannot help, so the handler gets the error at once.
            return Err(Failure::non_retriable("nothing to charge"));
        }
        Ok(format!("charged {cents} once per {idempotency_key}"))
    }

    // Any `std::error::Error` works (for a text, use `Failure::new`). Inngest retries the step.
    async fn ship(&self, item: &str) -> Result<String, std::io::Error> {
        Ok(format!("parcel with a {item}"))
    }
}

#[inngest::api_fn(id = "checkout", retries = 3)]
async fn checkout(
    State(shop): State<Shop>,
    step: Step,
    Json(order): Json<Order>,
) -> Result<Json<Receipt>, StepError> {
    // Once its result is saved, this step does not run again, whatever happens after it.
    let key = step.idempotency_key("charge-card");
    let charge = step.run("charge-card", shop.charge_card(order.cents, &key)).await?;

    // A sleeping run takes no memory here: Inngest calls the endpoint again when the time is over.
    step.sleep("cool-off", Duration::from_secs(3_600)).await;

    let parcel = step.run("ship", shop.ship(&order.item)).await?;
    Ok(Json(Receipt { charge, parcel }))
}

fn app(inngest: &Provider) -> Router {
    Router::new()
        .route("/checkout", post(checkout))
        // Serves the response of a run that Inngest has continued.
        .merge(inngest.output_route())
        .layer(inngest.layer()) // outermost, so it comes last
        .with_state(Shop)
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let inngest = Provider::setup(SetupOpts::new("https://api.example.com"))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app(&inngest)).with_graceful_shutdown(stop()).await?;
    // Waits until every checkpoint is delivered; the error says which were not.
    inngest.wait(Duration::from_secs(10)).await?;
    Ok(())
}

async fn stop() {
    let _ = tokio::signal::ctrl_c().await;
}

// The whole run: in a test the hour is over at once, and no Inngest server is needed.
#[tokio::test]
async fn a_book_is_shipped() {
    let app = stephttp_dev::TestApp::with(app).await;
    let order = serde_json::json!({ "item": "book", "cents": 990 });

    let receipt: Receipt = app.post("/checkout").json(&order).send().await.json();
    assert_eq!(receipt.parcel, "parcel with a book");
    app.finish().await;
}
// README's until here

#[test]
fn the_example_is_that_of_the_readme() {
    let here = include_str!("readme.rs");
    let (_, rest) = here.split_once("// README's from here\n").expect("where it begins");
    let (code, _) = rest.split_once("// README's until here\n").expect("where it ends");
    let readme = include_str!("../../README.md");
    assert!(readme.contains(code), "README has another example: copy the one of tests/tests/readme.rs");
}
