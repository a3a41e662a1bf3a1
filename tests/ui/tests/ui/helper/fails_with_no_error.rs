use inngest::{Step, StepError};

#[inngest::step_fn]
async fn charge<T: Send>(step: &Step, _: T) -> Result<u32, StepError> {
    step.run("charge-card", async { Err("no money") }).await
}

fn main() {
    let _ = charge::<u8>;
}
