use inngest::{Step, StepError};

use inngest::output::RunOutput;

fn page_of(output: &RunOutput) -> Option<String> {
    Some(format!("/runs/{}", output.run_id()))
}

#[inngest::api_fn(id = "create-order", async_response = redirect(page_of))]
async fn create_order(step: Step) -> Result<String, StepError> {
    step.run("charge-card", async { Ok("paid".to_owned()) }).await
}

fn main() {
    let _ = create_order;
}
