use inngest::{Step, StepError};

#[inngest::api_fn(id = "create-order", max_request_time = "30")]
async fn create_order(step: Step) -> Result<String, StepError> {
    step.run("charge-card", async { Ok("paid".to_owned()) }).await
}

fn main() {
    let _ = create_order;
}
