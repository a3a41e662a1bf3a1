//! The SDK is `durable` here, and `inngest` another library.

/// For packages that do not depend on the SDK itself.
pub use durable;
use durable::output::RunOutput;
use durable::{Step, StepError};

/// Says what the other library is called.
///
/// # Errors
/// When its step fails.
#[durable::api_fn(id = "renamed", retries = 1, async_response = redirect(url))]
pub async fn endpoint(step: Step) -> Result<String, StepError> {
    step.run("name", async { Ok(inngest::NAME.to_owned()) }).await
}

/// A helper finds the name as well.
///
/// # Errors
/// When its step fails.
#[durable::step_fn]
pub async fn helper(step: &Step) -> Result<String, StepError> {
    step.run("help", async { Ok(inngest::NAME.to_owned()) }).await
}

fn url(output: &RunOutput) -> String {
    output.url().to_owned()
}

#[cfg(test)]
mod tests {
    use durable::Step;
    use durable::function::ApiFn as _;

    use super::{endpoint, helper};

    #[tokio::test]
    async fn the_attribute_finds_the_name_that_the_manifest_gives() {
        assert_eq!(endpoint(Step::detached()).await.unwrap(), "rival");
        assert_eq!((endpoint::OPTS.id(), endpoint::STEPS.len()), ("renamed", 1));
        assert!(
            durable::function::registered()
                .any(|endpoint| endpoint.function() == "stephttp_renamed::endpoint")
        );
        assert_eq!(helper(&Step::detached()).await.unwrap(), "rival");
        let mut helpers = durable::function::registered_helpers();
        assert!(helpers.any(|helper| helper.function() == "stephttp_renamed::helper"));
    }
}
