//! A program may have another package whose library is called `inngest`, if it gives that one
//! another name. The other way round is in `tests/names`.

use axum::Router;
use axum::routing::post;
use inngest::function::ApiFn as _;
use inngest::{Step, StepError};

#[inngest::api_fn(id = "rival", retries = 1)]
async fn endpoint(step: Step) -> Result<String, StepError> {
    step.run("name", async { Ok(other::NAME.to_owned()) }).await
}

#[tokio::test]
async fn another_library_is_renamed() {
    crate::assert_answers(Router::new().route("/", post(endpoint)), &[("/", "rival")]).await;
    crate::assert_registered(endpoint::OPTS, "rival::endpoint", &["name"]);
}
