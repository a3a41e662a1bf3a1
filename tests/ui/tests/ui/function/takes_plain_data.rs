use serde::Deserialize;
use inngest::{Step, StepError};

#[derive(Deserialize)]
struct Cart {
    items: u32,
}

#[inngest::api_fn(id = "handler")]
async fn handler(cart: Cart, step: Step) -> Result<String, StepError> {
    step.run("count", async move { Ok(cart.items.to_string()) }).await
}

fn main() {
    let _ = handler;
}
