use axum::extract::Request;
use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step, request: Request) -> Result<String, StepError> {
    let agent = request.headers().get("user-agent").cloned();
    step.run("greet", async move { Ok(format!("hello, {agent:?}")) }).await
}

fn main() {
    let _ = handler;
}
