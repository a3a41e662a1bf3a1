//! The SDK is `platform::durable` here, and `inngest` another library.

use platform::durable::output::RunOutput;
use platform::durable::{Step, StepError};

/// Says what the other library is called.
///
/// # Errors
/// When its step fails.
#[platform::durable::api_fn(id = "facade", retries = 1, async_response = redirect(url), crate = platform::durable)]
pub async fn endpoint(step: Step) -> Result<String, StepError> {
    step.run("name", async { Ok(inngest::NAME.to_owned()) }).await
}

fn url(output: &RunOutput) -> String {
    output.url().to_owned()
}

#[cfg(test)]
mod tests {
    use platform::durable::Step;
    use platform::durable::function::ApiFn as _;

    use super::endpoint;

    #[tokio::test]
    async fn the_attribute_takes_the_name_that_it_is_given() {
        assert_eq!(endpoint(Step::detached()).await.unwrap(), "rival");
        assert_eq!((endpoint::OPTS.id(), endpoint::STEPS.len()), ("facade", 1));
        assert!(
            platform::durable::function::registered()
                .any(|endpoint| endpoint.function() == "stephttp_facade::endpoint")
        );
    }
}
