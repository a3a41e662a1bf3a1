use inngest::{Event, Step, StepError};
use serde::Serialize;

#[derive(Serialize)]
struct Paid {
    order: String,
}

async fn tell(step: &Step, order: String) -> Result<(), StepError> {
    step.send("tell", Paid { order }).await?;
    step.send("tell-too", Event::new("shop/paid", 1)).await?;
    Ok(())
}

fn main() {
    let _ = tell;
}
