use axum::Json;
use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler", omit_request_body)]
async fn handler(step: Step, Json(name): Json<String>) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("hello, {name}")) }).await
}

fn main() {
    let _ = handler;
}
