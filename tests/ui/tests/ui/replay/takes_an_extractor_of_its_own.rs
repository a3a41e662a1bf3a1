use axum::extract::FromRequestParts;
use axum::http::{StatusCode, request::Parts};
use serde::{Deserialize, Serialize};
use inngest::{Step, StepError};

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let token = parts.headers.get("authorization").ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(User { name: token.to_str().map_err(|_| StatusCode::BAD_REQUEST)?.to_owned() })
    }
}

#[inngest::api_fn(id = "handler")]
async fn handler(user: User, step: Step) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("hello, {}", user.name)) }).await
}

fn main() {
    let _ = handler;
}
