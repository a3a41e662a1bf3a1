//! How the functions of `async_response` are called.

use std::fmt::Display;

use axum::response::IntoResponse;
use http::request::Parts;

use crate::function::{CustomResponse, RunOutput};

/// Calls the function of `async_response = redirect(..)`.
pub fn redirect_url<'a, F: UrlOfRun<'a>>(function: F, output: &'a RunOutput) -> String {
    function.url(output)
}

/// A function that says where a run's output is.
#[diagnostic::on_unimplemented(
    message = "this function cannot say where a run's output is, as `redirect(..)` asks of it",
    label = "make it a `fn(&inngest::output::RunOutput) -> impl Display`: any text or URL"
)]
pub trait UrlOfRun<'a> {
    #[doc(hidden)]
    fn url(self, output: &'a RunOutput) -> String;
}

#[diagnostic::do_not_recommend]
impl<'a, F: FnOnce(&'a RunOutput) -> U, U: Display> UrlOfRun<'a> for F {
    fn url(self, output: &'a RunOutput) -> String {
        self(output).to_string()
    }
}

/// Calls the function of `async_response = custom(..)`.
pub fn custom_response<F: AnswerOfRun>(function: F, parts: Parts, output: RunOutput) -> CustomResponse {
    function.answer(parts, output)
}

/// A function that answers a client whose run was handed over.
#[diagnostic::on_unimplemented(
    message = "this function cannot answer a client whose run was handed over, as `custom(..)` asks of it",
    label = "make it an `async fn(http::request::Parts, inngest::output::RunOutput) -> impl IntoResponse`"
)]
pub trait AnswerOfRun {
    #[doc(hidden)]
    fn answer(self, parts: Parts, output: RunOutput) -> CustomResponse;
}

#[diagnostic::do_not_recommend]
impl<F, Answer> AnswerOfRun for F
where
    F: FnOnce(Parts, RunOutput) -> Answer,
    Answer: Future<Output: IntoResponse> + Send + 'static,
{
    fn answer(self, parts: Parts, output: RunOutput) -> CustomResponse {
        let answer = self(parts, output);
        Box::pin(async move { answer.await.into_response() })
    }
}
