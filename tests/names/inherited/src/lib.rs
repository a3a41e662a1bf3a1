//! The SDK is `durable` here, as the workspace has renamed it, and `inngest` another library.

use durable::output::RunOutput;
use durable::{Step, StepError};

/// Says what the other library is called.
///
/// # Errors
/// When its step fails.
#[durable::api_fn(id = "inherited", retries = 1, async_response = redirect(url))]
pub async fn endpoint(step: Step) -> Result<String, StepError> {
    step.run("name", async { Ok(inngest::NAME.to_owned()) }).await
}

fn url(output: &RunOutput) -> String {
    output.url().to_owned()
}

#[cfg(test)]
mod tests {
    use durable::Step;
    use durable::function::ApiFn as _;

    use super::endpoint;

    #[tokio::test]
    async fn the_attribute_finds_the_name_that_the_workspace_gives() {
        assert_eq!(endpoint(Step::detached()).await.unwrap(), "rival");
        assert_eq!((endpoint::OPTS.id(), endpoint::STEPS.len()), ("inherited", 1));
        assert!(
            durable::function::registered()
                .any(|endpoint| endpoint.function() == "stephttp_inherited::endpoint")
        );
    }
}
