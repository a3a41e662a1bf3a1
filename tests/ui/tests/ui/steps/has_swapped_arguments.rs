use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<u32, StepError> {
    step.run(async { Ok(1) }, "charge-card").await
}

fn main() {
    let _ = handler;
}
