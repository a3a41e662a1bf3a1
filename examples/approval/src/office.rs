//! What an office does to the world outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use inngest::Failure;
use tokio::sync::mpsc;

use crate::expense::Expense;

#[derive(Debug, Clone)]
pub(crate) struct Office {
    /// How long the approver may take.
    patience: Duration,
    /// Where the approver reads what is to be decided: the numbers of expenses.
    inbox: mpsc::UnboundedSender<String>,
    /// By their idempotency keys: the bank makes each transfer once.
    transfers: Arc<Mutex<HashMap<String, u64>>>,
}

impl Office {
    /// With an approver's inbox.
    pub(crate) fn new(patience: Duration) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (inbox, mails) = mpsc::unbounded_channel();
        (Self { patience, inbox, transfers: Arc::default() }, mails)
    }

    /// How long a decision is waited for. Trifles have less time.
    pub(crate) fn patience(&self, expense: &Expense) -> Duration {
        if expense.cents < 1_000 { self.patience / 100 } else { self.patience }
    }

    pub(crate) async fn ask(&self, number: &str, expense: &Expense) -> Result<(), Failure> {
        println!(
            "  app      step ask runs: approver, may we pay {} cents for {}?",
            expense.cents, expense.purpose
        );
        self.inbox.send(number.to_owned()).map_err(|_| Failure::new("the approver has left"))
    }

    pub(crate) async fn pay(&self, cents: u64, idempotency_key: &str) -> Result<String, Failure> {
        println!("  app      step pay runs: {cents} cents transferred");
        let mut transfers = self.transfers.lock().unwrap_or_else(PoisonError::into_inner);
        transfers.insert(idempotency_key.to_owned(), cents);
        Ok(format!("transfer-{}", transfers.len()))
    }

    pub(crate) async fn tell(&self, number: &str, what: &str) -> Result<(), Failure> {
        println!("  app      step tell runs: about expense {number}, {what}");
        Ok(())
    }

    /// What has been paid.
    pub(crate) fn paid(&self) -> Vec<u64> {
        self.transfers.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}
