use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step, number: String) -> Result<String, StepError> {
    let number: u32 = number.parse()?;
    step.run("charge-card", async move { Ok(number.to_string()) }).await
}

fn main() {
    let _ = handler;
}
