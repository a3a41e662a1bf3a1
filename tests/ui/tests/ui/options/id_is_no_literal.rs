use inngest::{Step, StepError};

const ID: &str = "create-order";

#[inngest::api_fn(id = ID)]
async fn create_order(step: Step) -> Result<String, StepError> {
    step.run("charge-card", async { Ok("paid".to_owned()) }).await
}

fn main() {
    let _ = create_order;
}
