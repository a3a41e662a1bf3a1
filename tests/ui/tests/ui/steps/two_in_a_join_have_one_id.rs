use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    let (a, b) = tokio::join!(step.run("quote", async { Ok(1) }), step.run("quote", async { Ok(2) }),);
    assert_ne!(a?, b?);
    Ok(())
}

fn main() {
    let _ = handler;
}
