use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    step.run(async { Ok("paid".to_owned()) }, "charge-card").await
}

fn main() {
    let _ = handler;
}
