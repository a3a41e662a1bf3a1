use stephttp::{Step, StepError};

#[stephttp::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let name = step.run("name", async { Ok("Ada") }).await?;
    Ok(name.to_owned())
}

fn main() {
    let _ = handler;
}
