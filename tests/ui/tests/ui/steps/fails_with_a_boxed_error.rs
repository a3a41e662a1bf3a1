use std::error::Error;

use inngest::{Step, StepError};

async fn charge() -> Result<String, Box<dyn Error + Send + Sync>> {
    Err("the card was declined".into())
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let charge = step.run("charge-card", charge()).await?;
    Ok(charge)
}

fn main() {
    let _ = handler;
}
