use serde::Serialize;
use inngest::{Failure, Step, StepError};

#[derive(Serialize)]
struct Receipt {
    amount: u32,
}

async fn charge() -> Result<Receipt, Failure> {
    Ok(Receipt { amount: 1 })
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    let receipt = step.run("charge-card", charge()).await?;
    assert_eq!(receipt.amount, 1);
    Ok(())
}

fn main() {
    let _ = handler;
}
