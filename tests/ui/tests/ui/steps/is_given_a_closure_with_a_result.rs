use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<u32, StepError> {
    step.run("charge-card", || Ok(1)).await
}

fn main() {
    let _ = handler;
}
