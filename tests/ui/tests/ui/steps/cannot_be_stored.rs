use inngest::{Step, StepError};

struct Receipt {
    amount: u32,
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    let receipt = step.run("charge-card", async { Ok(Receipt { amount: 1 }) }).await?;
    assert_eq!(receipt.amount, 1);
    Ok(())
}

fn main() {
    let _ = handler;
}
