//! An error of a handler that trying again cannot mend.

use axum::response::{IntoResponse, Response};

/// Wraps a handler's answer so that the answer ends the run, even if it is an error.
///
/// If a handler answers a re-entry with a status of 500 or above, the attempt has failed, and
/// Inngest calls the handler again while an attempt is left ([what an error
/// does](crate::guide::errors#what-an-error-does)). Wrap the answer if a retry cannot help. The
/// wrapper has no effect on an answer with a lower status.
///
/// ```
/// use axum::http::StatusCode;
/// use axum::response::{IntoResponse, Response};
/// use inngest::{NoRetry, StepError};
///
/// enum OrderError {
///     /// The database is down, say: it may be up again by the next attempt.
///     Database(String),
///     /// What is stored makes no sense, and will not tomorrow.
///     Corrupt,
///     Step(StepError),
/// }
///
/// impl IntoResponse for OrderError {
///     fn into_response(self) -> Response {
///         match self {
///             Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
///             Self::Corrupt => NoRetry(StatusCode::INTERNAL_SERVER_ERROR).into_response(),
///             Self::Step(error) => error.into_response(),
///         }
///     }
/// }
/// # let _ = (OrderError::Database(String::new()), OrderError::Corrupt, OrderError::Step);
/// ```
///
/// For a step's own failure see [`Failure::non_retriable`](crate::Failure::non_retriable), and for
/// all errors of a function [`OnError::Fail`](crate::function::OnError::Fail).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRetry<R>(pub R);

impl<R: IntoResponse> IntoResponse for NoRetry<R> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        response.extensions_mut().insert(Final);
        response
    }
}

/// Marks a response that ends its run.
#[derive(Debug, Clone, Copy)]
struct Final;

/// Whether a handler has said that its answer ends the run.
pub(crate) fn is_final(response: &Response) -> bool {
    response.extensions().get::<Final>().is_some()
}
