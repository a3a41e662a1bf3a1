use stephttp::{Step, StepError};

#[stephttp::api_fn]
async fn create_order(_step: Step) -> Result<(), StepError> {
    Ok(())
}

fn main() {}
