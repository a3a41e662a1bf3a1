//! What a shop does to the world outside. Each of these happens once for an order, however often its handler runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use inngest::Failure;

#[derive(Debug, Clone, Default)]
pub(crate) struct Shop {
    done: Arc<Done>,
}

/// How often each thing was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) charges: AtomicUsize,
    pub(crate) shipping_attempts: AtomicUsize,
    pub(crate) receipts: AtomicUsize,
}

impl Shop {
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
        Ok(format!("parcel-{}", attempt / 2))
    }

    pub(crate) async fn send_receipt(&self, charge: &str) -> Result<(), Failure> {
        self.done.receipts.fetch_add(1, Ordering::Relaxed);
        println!("  app      step send-receipt runs: receipt for {charge} mailed");
        Ok(())
    }
}
