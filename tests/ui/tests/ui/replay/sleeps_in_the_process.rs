// A warning, which is an error here to be seen.
#![deny(warnings)]

use std::time::Duration;

use inngest::{Step, StepError};

const DAY: Duration = Duration::from_secs(86_400);

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run("invite", async { Ok(()) }).await?;
    tokio::time::sleep(DAY).await;
    step.run("remind", async { Ok(()) }).await
}

fn main() {
    let _ = handler;
}
