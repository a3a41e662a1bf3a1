use axum::http::HeaderMap;
use stephttp::{Remember, Step, StepError};

#[stephttp::api_fn(id = "handler")]
async fn handler(Remember(headers): Remember<HeaderMap>, step: Step) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("hello, {headers:?}")) }).await
}

fn main() {
    let _ = handler;
}
