use inngest::{Step, StepError};

#[inngest::api_fn(id = "x", step_timeout = "0s")]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run("a", async { Ok(()) }).await
}

fn main() {}
