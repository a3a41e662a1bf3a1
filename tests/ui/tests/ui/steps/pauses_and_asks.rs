use std::time::Duration;

use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    step.sleep("cool-off", Duration::from_secs(60)).await?;
    Ok("rested".to_owned())
}

fn main() {
    let _ = handler;
}
