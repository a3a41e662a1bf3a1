use axum::Json;
use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(Json(name): Json<String>, step: Step) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("hello, {name}")) }).await
}

fn main() {
    let _ = handler;
}
