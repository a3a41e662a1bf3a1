use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let name = step.run("name", async { Ok("Ada") }).await?;
    Ok(name.to_owned())
}

fn main() {
    let _ = handler;
}
