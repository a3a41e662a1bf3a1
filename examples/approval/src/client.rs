//! The employee's client.

use std::time::Duration;

use inngest::Provider;
use narrator::BoxError;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;

use crate::expense::{Expense, Outcome};

/// What a client is given at once, and asks for the outcome with.
#[derive(Debug, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) run_id: String,
    pub(crate) token: String,
}

/// Submits an expense.
pub(crate) async fn submit(here: &str, purpose: &str, cents: u64) -> Result<Ticket, BoxError> {
    let expense = Expense { purpose: purpose.to_owned(), cents };
    let response = Client::new().post(format!("{here}/expenses")).json(&expense).send().await?;
    Ok(response.error_for_status()?.json().await?)
}

/// Asks for the outcome until there is one. Each question is held for a while: up to five minutes by Inngest.
pub(crate) async fn outcome(inngest: &Provider, ticket: &Ticket) -> Result<Outcome, BoxError> {
    let url = inngest.client().output_url(ticket.run_id.parse()?, &ticket.token);
    loop {
        let response = Client::new().get(&url).timeout(Duration::from_secs(360)).send().await?;
        let answer: Value = response.error_for_status()?.json().await?;
        if answer["status"] != "running" {
            return Ok(serde_json::from_value(answer)?);
        }
    }
}
