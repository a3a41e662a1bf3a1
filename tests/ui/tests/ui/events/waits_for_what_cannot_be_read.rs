use inngest::{EventData, Step, StepError};
use serde::Serialize;

#[derive(Serialize, EventData)]
#[event(name = "shop/paid")]
struct Paid {
    order: String,
}

async fn paid(step: &Step) -> Result<bool, StepError> {
    Ok(step.wait_for::<Paid>("payment").await?.is_some())
}

fn main() {
    let _ = paid;
}
