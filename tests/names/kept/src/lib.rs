//! The SDK is `stephttp` here, since its dependency has a `package`, and `inngest` another library.

use stephttp::output::RunOutput;
use stephttp::{Step, StepError};

/// Says what the other library is called.
///
/// # Errors
/// When its step fails.
#[stephttp::api_fn(id = "kept", retries = 1, async_response = redirect(url))]
pub async fn endpoint(step: Step) -> Result<String, StepError> {
    step.run("name", async { Ok(inngest::NAME.to_owned()) }).await
}

fn url(output: &RunOutput) -> String {
    output.url().to_owned()
}

#[cfg(test)]
mod tests {
    use stephttp::Step;
    use stephttp::function::ApiFn as _;

    use super::endpoint;

    #[tokio::test]
    async fn the_attribute_finds_the_name_that_is_the_packages() {
        assert_eq!(endpoint(Step::detached()).await.unwrap(), "rival");
        assert_eq!((endpoint::OPTS.id(), endpoint::STEPS.len()), ("kept", 1));
        assert!(
            stephttp::function::registered().any(|endpoint| endpoint.function() == "stephttp_kept::endpoint")
        );
    }
}
