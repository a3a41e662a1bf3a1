use inngest::{Step, StepError};

#[inngest::step_fn(id = "charge", retries = 3, max_request_time = "30s", alow(clock))]
async fn charge(step: &Step) -> Result<u32, StepError> {
    step.run("charge-card", async { Ok(7) }).await
}

fn main() {
    let _ = charge;
}
