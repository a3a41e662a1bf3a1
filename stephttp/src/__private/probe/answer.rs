//! Whether what a handler gives is an answer.

use axum::response::{ErrorResponse, IntoResponse};

use super::Probe;

/// The first probe: `Result` is asked for its two halves if it is no answer as a whole.
pub trait WholeAnswer {
    fn stephttp_answer(&self);
}

impl<T: IntoResponse> WholeAnswer for &&Probe<T> {
    fn stephttp_answer(&self) {}
}

pub trait ResultAnswer<T, E> {
    fn stephttp_answer(&self)
    where
        T: Answer,
        E: Answer;
}

impl<T, E> ResultAnswer<T, E> for &Probe<Result<T, E>> {
    fn stephttp_answer(&self) {}
}

pub trait NoAnswer<T> {
    fn stephttp_answer(&self)
    where
        T: Answer;
}

impl<T> NoAnswer<T> for Probe<T> {
    fn stephttp_answer(&self) {}
}

/// `A` of `Result<A, B>`, which is asked about if that is no answer as a whole.
pub trait WholeOf {
    fn stephttp_half_answer(&self);
}

impl<R: IntoResponse, T> WholeOf for &&&Probe<(R, T)> {
    fn stephttp_half_answer(&self) {}
}

/// It is an answer only as a whole, as the error of a `Result`.
pub trait Abbreviated {
    fn stephttp_half_answer(&self);
}

impl<R> Abbreviated for &&Probe<(R, ErrorResponse)> {
    fn stephttp_half_answer(&self) {}
}

pub trait Half<T> {
    fn stephttp_half_answer(&self)
    where
        T: Answer;
}

impl<R, T> Half<T> for &Probe<(R, T)> {
    fn stephttp_half_answer(&self) {}
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's answer: it does not implement `IntoResponse`",
    label = "answer with a `Json<..>`, a `String`, a `StatusCode`, or a type of your own that implements `IntoResponse`",
    note = "as an error: `StepError`, or one of your own that implements `IntoResponse` and `From<StepError>`"
)]
pub trait Answer {}

#[diagnostic::do_not_recommend]
impl<T: IntoResponse> Answer for T {}
