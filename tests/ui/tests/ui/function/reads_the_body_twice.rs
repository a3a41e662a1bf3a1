use axum::Json;
use axum::body::Bytes;
use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step, raw: Bytes, Json(name): Json<String>) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("hello, {name}, {} bytes", raw.len())) }).await
}

fn main() {
    let _ = handler;
}
