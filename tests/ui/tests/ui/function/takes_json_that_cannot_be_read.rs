use axum::Json;
use inngest::{Step, StepError};

struct Cart {
    items: u32,
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step, Json(cart): Json<Cart>) -> Result<String, StepError> {
    step.run("count", async move { Ok(cart.items.to_string()) }).await
}

fn main() {
    let _ = handler;
}
