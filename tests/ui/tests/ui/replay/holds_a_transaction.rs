// A warning, which is an error here to be seen.
#![deny(warnings)]

use std::convert::Infallible;
use std::time::Duration;

use inngest::{Step, StepError};

/// As sqlx has it.
struct Pool;
struct Transaction;

impl Pool {
    async fn begin(&self) -> Result<Transaction, Infallible> {
        Ok(Transaction)
    }
}

impl Transaction {
    async fn commit(self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    let tx = Pool.begin().await.unwrap();
    step.sleep("cool-off", Duration::from_secs(60)).await;
    tx.commit().await.unwrap();
    Ok(())
}

fn main() {
    let _ = handler;
}
