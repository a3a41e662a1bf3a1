use axum::extract::Extension;
use inngest::{Step, StepError};

#[derive(Clone)]
struct Pool;

#[inngest::api_fn(id = "handler")]
async fn handler(Extension(pool): Extension<Pool>, step: Step) -> Result<(), StepError> {
    step.run("charge-card", async {
        drop(pool.clone());
        Ok(())
    })
    .await
}

fn main() {
    let _ = handler;
}
