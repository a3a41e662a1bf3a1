use inngest::{EventData, Step, StepError};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "shop/paid")]
struct Paid {
    order: String,
    cents: u32,
}

async fn paid(step: &Step, order: &str) -> Result<bool, StepError> {
    let wait = step.wait_for::<Paid>("payment").matching(|paid| paid.ordr.eq(order));
    Ok(wait.await?.is_some())
}

fn main() {
    let _ = paid;
}
