use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let cents: u32 = step.run("price", async { 990 }).await?;
    Ok(cents.to_string())
}

fn main() {
    let _ = handler;
}
