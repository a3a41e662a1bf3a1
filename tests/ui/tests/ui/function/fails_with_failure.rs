use inngest::{Failure, Step};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), Failure> {
    step.run("charge-card", async { Ok(()) }).await?;
    Ok(())
}

fn main() {
    let _ = handler;
}
