//! What handlers give: everything that axum takes for a response.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, ErrorResponse, Html, IntoResponse, Response};
use axum::routing::post;
use inngest::{Step, StepError};

use crate::assert_answers;

#[inngest::api_fn(id = "answers-nothing")]
async fn nothing(_step: Step) {}

#[inngest::api_fn(id = "answers-unit")]
async fn unit(step: Step) -> () {
    step.run("one", async { Ok(1) }).await.unwrap();
}

#[inngest::api_fn(id = "answers-text")]
async fn text() -> &'static str {
    "text"
}

#[inngest::api_fn(id = "answers-impl")]
async fn impl_into_response(step: Step) -> impl IntoResponse {
    step.run("one", async { Ok("impl".to_owned()) }).await
}

#[inngest::api_fn(id = "answers-impl-in-result")]
async fn impl_in_result(step: Step) -> Result<impl IntoResponse, StepError> {
    let text = step.run("one", async { Ok("impl in result".to_owned()) }).await?;
    Ok((StatusCode::OK, text))
}

#[inngest::api_fn(id = "answers-impl-error")]
async fn impl_error(_step: Step) -> Result<Html<&'static str>, impl IntoResponse + use<>> {
    if true { Ok(Html("impl error")) } else { Err(StatusCode::CONFLICT) }
}

#[inngest::api_fn(id = "answers-response")]
async fn response(step: Step) -> Response {
    match step.run("one", async { Ok("response".to_owned()) }).await {
        Ok(text) => text.into_response(),
        Err(error) => error.into_response(),
    }
}

#[inngest::api_fn(id = "answers-tuple")]
async fn tuple(
    _step: Step,
) -> (StatusCode, HeaderMap, AppendHeaders<[(&'static str, &'static str); 1]>, String) {
    (StatusCode::OK, HeaderMap::new(), AppendHeaders([("x-a", "b")]), "tuple".to_owned())
}

#[inngest::api_fn(id = "answers-tuple-in-result")]
async fn tuple_in_result(
    step: Step,
) -> Result<(StatusCode, [(&'static str, String); 1], Vec<u8>), (StatusCode, String)> {
    let bytes = step.run("one", async { Ok(b"tuple in result".to_vec()) }).await;
    let bytes = bytes.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
    Ok((StatusCode::OK, [("x-a", "b".to_owned())], bytes))
}

#[inngest::api_fn(id = "answers-axum-result")]
async fn axum_result(step: Step) -> axum::response::Result<String> {
    Ok(step.run("one", async { Ok("axum's result".to_owned()) }).await?)
}

#[inngest::api_fn(id = "answers-error-response")]
async fn error_response(step: Step) -> Result<String, ErrorResponse> {
    Ok(step.run("one", async { Ok("error response".to_owned()) }).await?)
}

#[inngest::api_fn(id = "answers-std-result")]
async fn std_result(step: Step) -> std::result::Result<String, inngest::StepError> {
    step.run("one", async { Ok("std's result".to_owned()) }).await
}

/// An application's own.
struct AppError(StepError);

impl From<StepError> for AppError {
    fn from(error: StepError) -> Self {
        Self(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        (StatusCode::IM_A_TEAPOT, self.0.to_string()).into_response()
    }
}

mod own {
    use super::*;

    type Result<T, E = AppError> = std::result::Result<T, E>;

    #[inngest::api_fn(id = "answers-alias")]
    pub(super) async fn alias(step: Step) -> Result<String> {
        Ok(step.run("one", async { std::result::Result::Ok("alias".to_owned()) }).await?)
    }

    #[inngest::api_fn(id = "answers-alias-with-error")]
    pub(super) async fn alias_with_error(step: Step) -> Result<String, StepError> {
        step.run("one", async { Ok("alias with error".to_owned()) }).await
    }

    type Whole = Result<String>;

    #[inngest::api_fn(id = "answers-alias-of-all")]
    pub(super) async fn alias_of_all(step: Step) -> Whole {
        Ok(step.run("one", async { Ok("alias of all".to_owned()) }).await?)
    }
}

/// A type of two others that is called as core's, and is an answer.
mod other {
    use super::*;

    pub(super) struct Result<A, B>(A, #[allow(dead_code)] Option<B>);

    impl<A: IntoResponse, B> IntoResponse for Result<A, B> {
        fn into_response(self) -> Response {
            self.0.into_response()
        }
    }

    #[inngest::api_fn(id = "answers-other-result")]
    pub(super) async fn result(_step: Step) -> Result<&'static str, std::fmt::Error> {
        Result("other", None)
    }
}

#[inngest::api_fn(id = "answers-result-of-result")]
async fn result_of_result(
    _step: Step,
) -> Result<Result<String, StepError>, (StatusCode, Result<(), StepError>)> {
    Ok(Ok("result of result".to_owned()))
}

#[inngest::api_fn(id = "answers-parenthesized")]
#[allow(unused_parens)]
async fn parenthesized(_step: Step) -> (Result<(&'static str), (StepError)>) {
    Ok("parenthesized")
}

/// It never returns.
#[inngest::api_fn(id = "answers-never")]
#[allow(unreachable_code, dead_code)]
async fn never(step: Step) -> ! {
    step.run("one", async { Ok(1) }).await.unwrap();
    std::future::pending().await
}

/// Of an associated type, and of a place behind one.
trait Answers {
    type Answer;
}

struct Api;

impl Answers for Api {
    type Answer = Result<String, StepError>;
}

#[inngest::api_fn(id = "answers-associated")]
async fn associated(step: Step) -> <Api as Answers>::Answer {
    step.run("one", async { Ok("associated".to_owned()) }).await
}

#[tokio::test]
async fn every_answer_of_axums() {
    let app = Router::new()
        .route("/nothing", post(nothing))
        .route("/unit", post(unit))
        .route("/text", post(text))
        .route("/impl", post(impl_into_response))
        .route("/impl-in-result", post(impl_in_result))
        .route("/impl-error", post(impl_error))
        .route("/response", post(response))
        .route("/tuple", post(tuple))
        .route("/tuple-in-result", post(tuple_in_result))
        .route("/axum-result", post(axum_result))
        .route("/error-response", post(error_response))
        .route("/std-result", post(std_result))
        .route("/alias", post(own::alias))
        .route("/alias-with-error", post(own::alias_with_error))
        .route("/alias-of-all", post(own::alias_of_all))
        .route("/other", post(other::result))
        .route("/result-of-result", post(result_of_result))
        .route("/parenthesized", post(parenthesized))
        .route("/associated", post(associated));
    let answers = [
        ("/nothing", ""),
        ("/unit", ""),
        ("/text", "text"),
        ("/impl", "impl"),
        ("/impl-in-result", "impl in result"),
        ("/impl-error", "impl error"),
        ("/response", "response"),
        ("/tuple", "tuple"),
        ("/tuple-in-result", "tuple in result"),
        ("/axum-result", "axum's result"),
        ("/error-response", "error response"),
        ("/std-result", "std's result"),
        ("/alias", "alias"),
        ("/alias-with-error", "alias with error"),
        ("/alias-of-all", "alias of all"),
        ("/other", "other"),
        ("/result-of-result", "result of result"),
        ("/parenthesized", "parenthesized"),
        ("/associated", "associated"),
    ];
    assert_answers(app, &answers).await;
}
