// A warning, which is an error here to be seen.
#![deny(warnings)]

use inngest::{Step, StepError};

struct Uuid(u128);

impl Uuid {
    fn new_v4() -> Self {
        Self(4)
    }
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let order = Uuid::new_v4();
    step.run("create", async move { Ok(format!("created {}", order.0)) }).await
}

fn main() {
    let _ = handler;
}
