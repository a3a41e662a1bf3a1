//! What is answered in place of a handler that cannot run steps.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::error::StepError;
use crate::exchange::ALLOW;
use crate::wire::OpError;

/// The rejection of the extractor [`Step`](crate::Step). Its text says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepRejection {
    /// The route has no [`Provider::layer`](crate::Provider::layer): a 500.
    #[error(
        "this endpoint is durable, but its server has no stephttp layer: add `.layer(provider.layer())` to the router"
    )]
    MissingLayer,
    /// The request's method is not `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`: a 405.
    /// Inngest calls a function's runs back by the method of the latest, and by no other.
    #[error(
        "this endpoint is durable, and Inngest calls back by GET, POST, PUT, PATCH and DELETE alone: use one of these methods"
    )]
    MethodNotAllowed,
}

impl StepRejection {
    /// The status of the response.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingLayer => StatusCode::INTERNAL_SERVER_ERROR,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The text of the response.
    #[must_use]
    pub fn body_text(self) -> String {
        self.to_string()
    }
}

#[diagnostic::do_not_recommend]
impl From<StepRejection> for StepError {
    fn from(error: StepRejection) -> Self {
        let name = match error {
            StepRejection::MissingLayer => "MissingLayer",
            StepRejection::MethodNotAllowed => "MethodNotAllowed",
        };
        Self::new("Step", OpError::new(name, error.to_string()))
    }
}

impl IntoResponse for StepRejection {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.body_text()).into_response();
        if self == Self::MethodNotAllowed {
            response.headers_mut().insert(header::ALLOW, ALLOW);
        }
        response
    }
}
