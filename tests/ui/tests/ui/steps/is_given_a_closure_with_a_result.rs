use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    step.run("charge-card", || Ok("paid".to_owned())).await
}

fn main() {
    let _ = handler;
}
