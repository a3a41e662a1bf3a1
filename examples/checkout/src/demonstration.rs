//! One order, from the client's side.

use std::sync::atomic::Ordering;
use std::time::Duration;

use narrator::BoxError;
use reqwest::header::LOCATION;
use reqwest::{Client, StatusCode};
use stephttp_dev::DevServer;

use crate::checkout::{Order, Receipt};
use crate::shop::Shop;

/// Orders a book, waits for the receipt, and checks that everything was done once.
pub(crate) async fn take_one_order(
    here: &str,
    shop: &Shop,
    engine: Option<&DevServer>,
) -> Result<(), BoxError> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let order = Order { item: "book".to_owned(), cents: 990 };
    println!("A customer orders: {}", serde_json::to_string(&order)?);

    let response = client.post(format!("{here}/checkout")).json(&order).send().await?;
    let receipt = match response.headers().get(LOCATION) {
        Some(output) if response.status() == StatusCode::SEE_OTHER => {
            println!(
                "  client   is told: 303, your receipt will be at the shop's output route; waits for it there"
            );
            client
                .get(response.url().join(output.to_str()?)?)
                .timeout(Duration::from_secs(120))
                .send()
                .await?
        }
        _ => response,
    };
    let (status, body) = (receipt.status(), receipt.text().await?);
    println!("\nThe customer has the final answer: {status}\n  {body}");

    if status != StatusCode::OK {
        return Err(format!("the order ended with {status}: {body}").into());
    }
    let receipt: Receipt = serde_json::from_str(&body)?;
    let done = shop.done();
    let counts =
        [&done.charges, &done.shipping_attempts, &done.receipts].map(|count| count.load(Ordering::Relaxed));
    if counts != [1, 2, 1] || receipt.item != order.item {
        return Err(
            format!("charges, shipping attempts and receipts should be 1, 2 and 1, not {counts:?}").into()
        );
    }
    println!("  The card was charged once, however often the handler ran.");
    if let Some(violation) = engine.and_then(|engine| engine.violations().into_iter().next()) {
        return Err(format!("the engine complains: {violation}").into());
    }
    Ok(())
}
