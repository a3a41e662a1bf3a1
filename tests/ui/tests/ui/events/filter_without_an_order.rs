use inngest::{EventData, Step, StepError};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "shop/paid")]
struct Paid {
    order: String,
    done: bool,
}

async fn paid(step: &Step) -> Result<bool, StepError> {
    let wait = step.wait_for::<Paid>("payment").matching(|paid| paid.done.gt(false));
    Ok(wait.await?.is_some())
}

fn main() {
    let _ = paid;
}
