use inngest::{Failure, Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let places = step.run("count", async { Ok(0) }).await?;
    if places == 0 {
        return Err(Failure::non_retriable("sold out"));
    }
    Ok("reserved".to_owned())
}

fn main() {
    let _ = handler;
}
