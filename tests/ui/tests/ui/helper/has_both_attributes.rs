use inngest::{Step, StepError};

#[inngest::api_fn(id = "charge")]
#[inngest::step_fn]
async fn charge(step: Step) -> Result<String, StepError> {
    step.run("charge-card", async { Ok(String::new()) }).await
}

#[inngest::step_fn]
#[inngest::api_fn(id = "ship")]
async fn ship(step: Step) -> Result<String, StepError> {
    step.run("ship", async { Ok(String::new()) }).await
}

fn main() {
    let _ = (charge, ship);
}
