use std::time::Duration;

use inngest::{Step, StepError};

#[inngest::api_fn(id = "x", retries = 2)]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run("a", async { Ok(()) }).timeout(Duration::ZERO).await?;
    step.run("b", async { Ok(()) }).retries(3).await?;
    step.sleep("c", Duration::from_secs(1)).retries(1).await;
    Ok(())
}

#[inngest::api_fn(id = "y")]
async fn by_default(step: Step) -> Result<(), StepError> {
    step.run("a", async { Ok(()) }).retries(4).await
}

fn main() {}
