use stephttp::{Step, StepError};

#[stephttp::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<(), StepError> {
    step.run("", async { Ok(()) }).await
}

fn main() {
    let _ = handler;
}
