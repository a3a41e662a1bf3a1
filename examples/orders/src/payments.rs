//! The payment API's client. The API does a thing once for each idempotency key.

pub mod fake;

use reqwest::{Client, Error, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Clones share the connections.
#[derive(Debug, Clone)]
pub struct Payments {
    http: Client,
    url: String,
}

/// What the API says to a charge.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payment {
    /// The money is there.
    Charged,
    /// It will not be, however often it is tried.
    Declined,
}

impl Payments {
    /// For the API at a URL.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(url: impl Into<String>) -> Result<Self, Error> {
        // Without a time limit of its own: steps have theirs.
        Ok(Self { http: Client::builder().build()?, url: url.into() })
    }

    /// Charges a card.
    ///
    /// # Errors
    /// When the API cannot be reached, or fails: another attempt may go well.
    pub async fn charge(&self, key: &str, cents: i64, card: &str) -> Result<Payment, Error> {
        let body = json!({ "key": key, "cents": cents, "card": card });
        let response = self.http.post(format!("{}/charges", self.url)).json(&body).send().await?;
        if response.status() == StatusCode::PAYMENT_REQUIRED {
            return Ok(Payment::Declined);
        }
        response.error_for_status().map(|_| Payment::Charged)
    }

    /// Gives back what was charged by a key. If nothing was, there is nothing to do.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub async fn refund(&self, key: &str) -> Result<(), Error> {
        let response = self.http.post(format!("{}/refunds", self.url)).json(&json!({ "key": key }));
        response.send().await?.error_for_status().map(drop)
    }
}
