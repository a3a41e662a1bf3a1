//! Traits in the handler's scope, implemented for every type, with methods that have the names of
//! others.

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::post;
use inngest::function::ApiFn;
use inngest::{Step, StepError};

use crate::{assert_answers, assert_registered};

/// By value, which rustc prefers to references.
#[allow(dead_code)]
trait ByValue: Sized {
    fn kind(self) -> u8 {
        0
    }
    fn replays(self) {}
    fn answer(self) {}
    fn half_answer(self) {}
    fn before_last<T>(self) {}
    fn last<T>(self) {}
    fn last_without_body<T>(self) {}
    fn retries(self, _: u8) -> Self {
        self
    }
    fn async_response(self, _: inngest::AsyncResponse) -> Self {
        self
    }
    fn with_renamed_from(self, _: &'static str) -> Self {
        self
    }
    fn enter(self) {}
    fn url(self) {}
}

impl<T> ByValue for T {}

#[derive(serde::Deserialize)]
struct Words {
    word: String,
}

#[inngest::api_fn(id = "traits-by-value", retries = 2, async_response = redirect(to))]
async fn by_value(
    State(state): State<&'static str>,
    Query(Words { word }): Query<Words>,
    step: Step,
    body: String,
) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("{state} {word} {body}")) }).renamed_from("hello").await
}

fn to(output: &inngest::output::RunOutput) -> String {
    output.run_id().to_string()
}

/// The same by reference.
mod by_reference {
    use super::*;

    #[allow(dead_code)]
    trait ByReference {
        fn kind(&self) {}
        fn replays(&self) {}
        fn answer(&self) {}
        fn half_answer(&self) {}
        fn before_last<T>(&self) {}
        fn last<T>(&self) {}
    }

    impl<T: ?Sized> ByReference for T {}

    #[inngest::api_fn(id = "traits-by-reference")]
    pub(super) async fn whole(step: Step, body: String) -> String {
        step.run("greet", async move { Ok(body) }).await.unwrap()
    }

    #[inngest::api_fn(id = "traits-halves")]
    pub(super) async fn halves(
        _state: State<&'static str>,
        step: Step,
    ) -> Result<String, axum::response::ErrorResponse> {
        Ok(step.run("greet", async { Ok("halves".to_owned()) }).await?)
    }
}

#[tokio::test]
async fn traits_in_scope_change_nothing() {
    let app = Router::new()
        .route("/by-value", post(by_value))
        .route("/by-reference", post(by_reference::whole))
        .route("/halves", post(by_reference::halves))
        .with_state("state");
    let answers =
        [("/by-value?word=word", "state word body"), ("/by-reference", "body"), ("/halves", "halves")];
    assert_answers(app, &answers).await;
    assert_registered(by_value::OPTS, "traits::by_value", &["greet"]);
    assert_eq!(by_value::OPTS.get_retries(), 2);
    assert!(by_value::OPTS.get_async_response().is_some());
    assert_eq!(by_value::STEPS[0].renamed_from(), Some("hello"));
}
