use inngest::{Failure, Step, StepError};

async fn ship(_: u64) -> Result<(), Failure> {
    Ok(())
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    for order in [7, 8] {
        step.run(order, ship(order)).await?;
    }
    Ok(())
}

fn main() {
    let _ = handler;
}
