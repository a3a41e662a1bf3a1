use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run("charge-card", async { Ok(()) }).await?;
    step.run("send-receipt", async { Ok(()) }).await?;
    step.run("charge-card", async { Ok(()) }).await
}

fn main() {
    let _ = handler;
}
