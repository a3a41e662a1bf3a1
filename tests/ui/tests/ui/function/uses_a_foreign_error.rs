use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step, number: String) -> Result<u32, StepError> {
    let number: u32 = number.parse()?;
    step.run("charge-card", async move { Ok(number) }).await
}

fn main() {
    let _ = handler;
}
