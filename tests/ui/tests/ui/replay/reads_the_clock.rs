// A warning, which is an error here to be seen.
#![deny(warnings)]

use std::time::SystemTime;

use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let now = SystemTime::now();
    step.run("greet", async move { Ok(format!("it is {now:?}")) }).await
}

fn main() {
    let _ = handler;
}
