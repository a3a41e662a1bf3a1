use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step, name: String) -> Result<String, StepError> {
    let first = step.run("first", async { Ok(&name) }).await?;
    let second = step.run("second", async { Ok(name.as_str()) }).await?;
    Ok(first + &second)
}

fn main() {
    let _ = handler;
}
