use inngest::{Step, StepError};

struct Declined;

async fn charge() -> Result<String, Declined> {
    Err(Declined)
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let charge = step.run("charge-card", async { charge().await }).await?;
    Ok(charge)
}

fn main() {
    let _ = handler;
}
