use axum::{Router, routing::post};
use inngest::{Step, StepError};

async fn charge(step: &Step) -> Result<String, StepError> {
    step.run("charge-card", async { Ok::<_, inngest::Failure>("paid".to_owned()) }).await
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: &Step) -> Result<String, StepError> {
    let paid = charge(step).await?;
    step.run("mail", async { Ok(format!("mailed: {paid}")) }).await
}

fn main() {
    let _: Router = Router::new().route("/", post(handler));
}
