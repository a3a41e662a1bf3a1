use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run("order", async {
        let paid: u32 = step.run("charge-card", async { Ok(1) }).await?;
        assert_eq!(paid, 1);
        Ok(())
    })
    .await
}

fn main() {
    let _ = handler;
}
