//! The attribute finds the crate under its own name when a program calls it otherwise.

use durable::function::ApiFn;
use durable::{Step, StepError};
use inngest as durable;

#[durable::api_fn(id = "alias", retries = 1)]
async fn aliased(step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok("1".parse::<u32>()?) }).await?;
    let two = step.run("two", async { if one == 1 { double(one).await } else { double(0).await } }).await?;
    Ok(two.to_string())
}

async fn double(n: u32) -> Result<u32, std::num::TryFromIntError> {
    u32::try_from(2 * u64::from(n))
}

#[tokio::test]
async fn a_program_may_import_the_crate_under_another_name() {
    assert_eq!(aliased(Step::detached()).await.unwrap(), "2");
    assert_eq!(aliased::OPTS.get_retries(), 1);
    assert_eq!(aliased::STEPS.len(), 2);
}
