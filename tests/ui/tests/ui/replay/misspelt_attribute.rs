use axum::http::HeaderMap;
use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(#[not_replayd] headers: HeaderMap, step: Step) -> Result<String, StepError> {
    let agent = headers.get("user-agent").cloned();
    step.run("greet", async move { Ok(format!("hello, {agent:?}")) }).await
}

fn main() {
    let _ = handler;
}
