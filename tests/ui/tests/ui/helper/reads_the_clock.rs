// A warning, which is an error here to be seen.
#![deny(warnings)]

use std::time::SystemTime;

use inngest::{Step, StepError};

#[inngest::step_fn]
async fn charge<T: Send>(step: &Step, _: T) -> Result<String, StepError> {
    let now = SystemTime::now();
    step.run("charge-card", async move { Ok(format!("it is {now:?}")) }).await
}

fn main() {
    let _ = charge::<u8>;
}
