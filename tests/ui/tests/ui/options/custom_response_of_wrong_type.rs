use inngest::{Step, StepError};

use inngest::output::RunOutput;

async fn accepted(output: RunOutput) -> String {
    output.run_id().to_string()
}

#[inngest::api_fn(id = "create-order", async_response = custom(accepted))]
async fn create_order(step: Step) -> Result<String, StepError> {
    step.run("charge-card", async { Ok("paid".to_owned()) }).await
}

fn main() {
    let _ = create_order;
}
