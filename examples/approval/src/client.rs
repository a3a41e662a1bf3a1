//! The employee's client.

use std::time::Duration;

use narrator::BoxError;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use crate::expense::{Expense, Outcome};

/// What a client is given at once, and asks for the outcome with.
#[derive(Debug, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) run_id: String,
    /// Relative to where the expense was submitted.
    pub(crate) url: String,
}

/// Submits an expense.
pub(crate) async fn submit(here: &str, purpose: &str, cents: u64) -> Result<Ticket, BoxError> {
    let expense = Expense { purpose: purpose.to_owned(), cents };
    let response = Client::new().post(format!("{here}/expenses")).json(&expense).send().await?;
    Ok(response.error_for_status()?.json().await?)
}

/// Asks for the outcome until there is one: 202 says that there is none yet. Each question waits
/// for a while.
pub(crate) async fn outcome(here: &str, ticket: &Ticket) -> Result<Outcome, BoxError> {
    let url = Url::parse(here)?.join(&ticket.url)?;
    loop {
        let response = Client::new().get(url.clone()).timeout(Duration::from_secs(60)).send().await?;
        if response.status() != StatusCode::ACCEPTED {
            return Ok(response.error_for_status()?.json().await?);
        }
    }
}
