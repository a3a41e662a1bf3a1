use inngest::{EventData, Step, StepError};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Payer {
    id: String,
}

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "shop/paid")]
struct Paid {
    payer: Payer,
}

async fn paid(step: &Step) -> Result<bool, StepError> {
    let wait = step.wait_for::<Paid>("payment").matching(|paid| paid.payer.field(|payer| payer.id).eq("p-7"));
    Ok(wait.await?.is_some())
}

fn main() {
    let _ = paid;
}
