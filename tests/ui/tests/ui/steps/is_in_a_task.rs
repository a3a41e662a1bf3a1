use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    let task = tokio::spawn(async move { step.run("charge-card", async { Ok(()) }).await });
    task.await.unwrap()
}

fn main() {
    let _ = handler;
}
