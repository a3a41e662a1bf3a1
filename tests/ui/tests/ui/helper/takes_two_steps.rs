use inngest::{Step, StepError};

#[inngest::step_fn]
async fn charge(step: &Step, other: &Step) -> Result<u32, StepError> {
    let _ = other;
    step.run("charge-card", async { Ok(7) }).await
}

fn main() {
    let _ = charge;
}
