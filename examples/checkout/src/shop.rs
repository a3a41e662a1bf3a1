//! What a shop does to the world outside. Each of these happens once for an order, however often
//! its handler runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inngest::Failure;

use crate::checkout::Delivered;

#[derive(Debug, Clone)]
pub(crate) struct Shop {
    done: Arc<Done>,
    /// Where the carrier reports.
    reports: Arc<str>,
}

/// How often each thing was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) charges: AtomicUsize,
    pub(crate) shipping_attempts: AtomicUsize,
    pub(crate) receipts: AtomicUsize,
}

impl Shop {
    pub(crate) fn new(here: &str) -> Self {
        Self { done: Arc::default(), reports: format!("{here}/carrier").into() }
    }

    pub(crate) fn done(&self) -> &Done {
        &self.done
    }

    pub(crate) async fn charge_card(&self, cents: u64, idempotency_key: &str) -> Result<String, Failure> {
        let number = self.done.charges.fetch_add(1, Ordering::Relaxed) + 1;
        println!(
            "  app      step charge-card runs: {cents} cents charged (idempotency key {idempotency_key})"
        );
        Ok(format!("charge-{number}"))
    }

    /// Fails every other time, as carriers do.
    pub(crate) async fn ship(&self, item: &str) -> Result<String, Failure> {
        let attempt = self.done.shipping_attempts.fetch_add(1, Ordering::Relaxed) + 1;
        if attempt % 2 == 1 {
            println!("  app      step ship runs: the carrier does not answer");
            return Err(Failure::new("the carrier does not answer"));
        }
        println!("  app      step ship runs: the {item} is on its way");
        let parcel = format!("parcel-{}", attempt / 2);
        tokio::spawn(deliver(self.reports.clone(), parcel.clone()));
        Ok(parcel)
    }

    pub(crate) async fn send_receipt(&self, charge: &str) -> Result<(), Failure> {
        self.done.receipts.fetch_add(1, Ordering::Relaxed);
        println!("  app      step send-receipt runs: receipt for {charge} mailed");
        Ok(())
    }
}

/// The carrier: takes its time, and reports.
async fn deliver(reports: Arc<str>, parcel: String) {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let delivered = Delivered { parcel, to: "the neighbour".to_owned() };
    if let Err(error) = reqwest::Client::new().post(&*reports).json(&delivered).send().await {
        println!("  carrier  could not report: {error}");
    }
}
