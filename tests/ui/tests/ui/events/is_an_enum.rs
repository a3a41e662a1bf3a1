use inngest::{EventData, Step, StepError};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "shop/paid")]
enum Paid {
    Card { number: String },
    Cash,
}

async fn tell(step: &Step) -> Result<String, StepError> {
    step.send("tell", Paid::Cash).await
}

fn main() {
    let _ = tell;
}
