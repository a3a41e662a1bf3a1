use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run(b"charge-card", async { Ok(()) }).await
}

fn main() {
    let _ = handler;
}
