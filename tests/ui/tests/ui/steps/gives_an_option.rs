use inngest::{Step, StepError};

async fn find() -> Option<String> {
    None
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let user = step.run("find", find()).await?;
    Ok(user.unwrap_or_default())
}

fn main() {
    let _ = handler;
}
