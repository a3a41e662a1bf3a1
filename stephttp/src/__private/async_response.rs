//! How the functions of `async_response` are called.
//!
//! An inherent method is found first, for a function that fits. For any other there is a trait's,
//! whose bound says what is asked for: rustc would count the arguments.

use std::fmt::Display;

use axum::response::IntoResponse;
use http::request::Parts;

use crate::function::{CustomResponse, RunOutput};

/// The traits without their names, which would stand before the user's.
pub mod methods {
    pub use super::{NoCustom as _, NoRedirect as _};
}

/// The function of `async_response = redirect(..)`.
#[derive(Debug)]
pub struct Redirect<'a, F>(pub F, pub &'a RunOutput);

impl<'a, F: FnOnce(&'a RunOutput) -> U, U: Display> Redirect<'a, F> {
    pub fn stephttp_url(self) -> String {
        self.0(self.1).to_string()
    }
}

pub trait NoRedirect<F> {
    fn stephttp_url(self) -> String
    where
        F: UrlOfRun;
}

impl<F> NoRedirect<F> for Redirect<'_, F> {
    fn stephttp_url(self) -> String {
        String::new()
    }
}

/// A function that says where a run's output is.
#[diagnostic::on_unimplemented(
    message = "this function cannot say where a run's output is, as `redirect(..)` asks of it",
    label = "make it a `fn(&inngest::output::RunOutput) -> impl Display`: any text or URL"
)]
pub trait UrlOfRun {}

/// The function of `async_response = custom(..)`.
#[derive(Debug)]
pub struct Custom<F>(pub F);

impl<F, Answer> Custom<F>
where
    F: FnOnce(Parts, RunOutput) -> Answer,
    Answer: Future<Output: IntoResponse> + Send + 'static,
{
    pub fn stephttp_custom(self, parts: Parts, output: RunOutput) -> CustomResponse {
        let answer = self.0(parts, output);
        Box::pin(async move { answer.await.into_response() })
    }
}

pub trait NoCustom<F> {
    fn stephttp_custom(self, parts: Parts, output: RunOutput) -> CustomResponse
    where
        F: AnswerOfRun;
}

impl<F> NoCustom<F> for Custom<F> {
    fn stephttp_custom(self, _: Parts, _: RunOutput) -> CustomResponse {
        Box::pin(std::future::pending())
    }
}

/// A function that answers a client whose run was handed over.
#[diagnostic::on_unimplemented(
    message = "this function cannot answer a client whose run was handed over, as `custom(..)` asks of it",
    label = "make it an `async fn(http::request::Parts, inngest::output::RunOutput) -> impl IntoResponse`"
)]
pub trait AnswerOfRun {}
