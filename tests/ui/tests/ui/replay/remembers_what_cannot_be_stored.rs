use axum::http::HeaderMap;
use inngest::{Remember, Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(Remember(headers): Remember<HeaderMap>, step: Step) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("hello, {headers:?}")) }).await
}

fn main() {
    let _ = handler;
}
