use inngest::{Step, StepError};

#[inngest::api_fn(id = "create-order" retries = 3)]
async fn create_order(step: Step) -> Result<String, StepError> {
    step.run("charge-card", async { Ok("paid".to_owned()) }).await
}

fn main() {
    let _ = create_order;
}
