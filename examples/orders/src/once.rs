//! One order, as its customer and the warehouse see it.

use std::error::Error;
use std::time::Duration;

use orders::database::Order;
use orders::orders::{Accepted, Receipt};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

type BoxError = Box<dyn Error + Send + Sync>;

/// Orders two teapots, sends the parcel, and reads the receipt.
pub(crate) async fn play(here: &str, customer: &str, warehouse: &str) -> Result<(), BoxError> {
    let client = Client::builder().timeout(Duration::from_secs(60)).build()?;
    let new = json!({ "item": "teapot", "quantity": 2, "card": "tok_visa" });
    println!("\nThe customer orders: {new}");
    let response = client.post(format!("{here}/orders")).bearer_auth(customer).json(&new).send().await?;
    let Accepted { order, receipt } = expect(response, StatusCode::ACCEPTED).await?.json().await?;
    println!("\nThe customer is told at once: 202, order {order}");

    // The warehouse sees the order once it is paid.
    while status(&client, here, &order, warehouse).await? != "paid" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("\nThe warehouse sends the parcel");
    let report = client.post(format!("{here}/orders/{order}/parcel")).bearer_auth(warehouse);
    expect(report.json(&json!({ "number": "P-17" })).send().await?, StatusCode::ACCEPTED).await?;

    let receipt = format!("{here}{}", receipt.ok_or("there is no output route")?);
    let response = expect(client.get(receipt).send().await?, StatusCode::OK).await?;
    let receipt: Receipt = response.json().await?;
    println!("\nThe customer has the receipt: {}", serde_json::to_string(&receipt)?);
    match status(&client, here, &order, customer).await?.as_str() {
        "sent" if receipt.cents == 4_800 => Ok(()),
        status => Err(format!("the order is {status}, and cost {} cents", receipt.cents).into()),
    }
}

async fn status(client: &Client, here: &str, order: &str, token: &str) -> Result<String, BoxError> {
    let response = client.get(format!("{here}/orders/{order}")).bearer_auth(token).send().await?;
    let order: Order = expect(response, StatusCode::OK).await?.json().await?;
    Ok(order.status)
}

async fn expect(response: Response, status: StatusCode) -> Result<Response, BoxError> {
    if response.status() == status {
        return Ok(response);
    }
    let (status, body) = (response.status(), response.json::<Value>().await.unwrap_or_default());
    Err(format!("an answer that is not expected: {status} {body}").into())
}
