//! Steps that say how often they are tried again.

use inngest::function::ApiFn;
use inngest::{FnOpts, Step, StepError};

/// As often as a function has it that says nothing of it.
#[inngest::api_fn(id = "retries-by-default")]
async fn by_default(step: Step) -> Result<(), StepError> {
    step.run("one", async { Ok(()) }).retries(3).await
}

/// The attribute cannot see the SDK's constant.
#[tokio::test]
async fn the_attribute_and_the_sdk_have_one_default() {
    by_default(Step::detached()).await.unwrap();
    let default = FnOpts::DEFAULT_RETRIES;
    assert_eq!(by_default::OPTS.get_retries(), default);
    // What the compiler says of one retry more.
    let said = include_str!("../../ui/tests/ui/steps/has_limits_that_make_no_sense.stderr");
    let one_more = format!("the step has {} retries, and its function has {default}, which is", default + 1);
    assert!(said.contains(&one_more), "{said}");
}
