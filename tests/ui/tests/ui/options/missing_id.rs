use inngest::{Step, StepError};

#[inngest::api_fn]
async fn create_order(_step: Step) -> Result<(), StepError> {
    Ok(())
}

fn main() {}
