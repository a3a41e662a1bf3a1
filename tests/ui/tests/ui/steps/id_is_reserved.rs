use inngest::{Step, StepError};

#[inngest::api_fn(id = "create-order")]
async fn create_order(step: Step) -> Result<(), StepError> {
    step.run("complete", async { Ok(()) }).await?;
    step.run("", async { Ok(()) }).await
}

fn main() {}
