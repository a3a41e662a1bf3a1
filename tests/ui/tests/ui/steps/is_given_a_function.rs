use inngest::{Failure, Step, StepError};

async fn charge() -> Result<String, Failure> {
    Ok("ch_1".to_owned())
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    step.run("charge-card", charge).await
}

fn main() {
    let _ = handler;
}
