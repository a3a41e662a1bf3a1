//! Right, though it looks like a mistake.

use axum::Json;
use inngest::{Failure, Step, StepError};

/// Runs what it is given where it is.
struct Together;

impl Together {
    async fn spawn<T>(&self, future: impl Future<Output = T>) -> T {
        future.await
    }
}

async fn spawn<T>(future: impl Future<Output = T>) -> T {
    future.await
}

#[inngest::api_fn(id = "unusual-spawn")]
async fn spawns(step: Step) -> Result<Json<u32>, StepError> {
    let together = Together;
    together.spawn(step.run("spawned", async { Ok(1) })).await.map(Json)
}

#[inngest::api_fn(id = "unusual-spawn-allowed", allow(spawn))]
async fn spawns_by_name(step: Step) -> Result<Json<u32>, StepError> {
    spawn(step.run("spawned", async { Ok(1) })).await.map(Json)
}

#[inngest::step_fn(allow(spawn))]
async fn helper(step: &Step) -> Result<u32, StepError> {
    spawn(step.run("spawned", async { Ok(1) })).await
}

#[inngest::api_fn(id = "unusual-cfg")]
async fn configured(step: Step) -> Result<Json<u32>, StepError> {
    #[cfg(windows)]
    let charge = step.run("charge", async { Ok(1) }).await?;
    #[cfg(not(windows))]
    let charge = step.run("charge", async { Ok(2) }).await?;
    Ok(Json(charge))
}

/// A boxed error is none, and is made one.
#[inngest::api_fn(id = "unusual-boxed-error")]
async fn boxed(step: Step) -> Result<Json<u32>, StepError> {
    async fn charge() -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
        Ok(3)
    }
    step.run("charge", async { charge().await.map_err(Failure::new) }).await.map(Json)
}

#[inngest::api_fn(id = "unusual-pause", allow(sleep))]
async fn pauses(step: Step) -> Result<Json<u32>, StepError> {
    tokio::time::sleep(std::time::Duration::ZERO).await;
    step.run("charge", async { Ok(4) }).await.map(Json)
}

#[tokio::test]
async fn what_looks_like_a_mistake_runs() {
    use inngest::function::ApiFn;

    assert_eq!(spawns(Step::detached()).await.unwrap().0, 1);
    assert_eq!(spawns_by_name(Step::detached()).await.unwrap().0, 1);
    assert_eq!(helper(&Step::detached()).await.unwrap(), 1);
    assert_eq!(boxed(Step::detached()).await.unwrap().0, 3);
    assert_eq!(pauses(Step::detached()).await.unwrap().0, 4);
    assert!(configured(Step::detached()).await.is_ok());
    // As many as there are in this program.
    assert_eq!(configured::STEPS.len(), 1);
}
