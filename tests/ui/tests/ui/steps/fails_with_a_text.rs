use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run("charge-card", async {
        let cents = 0;
        if cents == 0 {
            return Err("nothing to charge");
        }
        Ok(())
    })
    .await
}

fn main() {
    let _ = handler;
}
