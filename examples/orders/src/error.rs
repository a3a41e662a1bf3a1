//! What can go wrong with a request, and what the client is told of it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use inngest::StepError;
use serde_json::json;

/// A request that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No token, or one that is not good.
    #[error("log in first")]
    NotLoggedIn,
    /// A token whose owner may not do this.
    #[error("this is for the warehouse")]
    NotAllowed,
    /// No such order, or somebody else's.
    #[error("no such order")]
    NoSuchOrder,
    /// Less in stock than was ordered.
    #[error("out of stock")]
    OutOfStock,
    /// The bank says no.
    #[error("the card was declined")]
    CardDeclined,
    /// The warehouse has not sent the parcel in time.
    #[error("the parcel was not sent in time; you have your money back")]
    NotSent,
    /// A step has failed, after all its retries.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The database has failed an ordinary handler.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED,
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::NoSuchOrder => StatusCode::NOT_FOUND,
            Self::OutOfStock => StatusCode::CONFLICT,
            Self::CardDeclined => StatusCode::PAYMENT_REQUIRED,
            // Not a 5xx: an outcome, which the handler is not to be tried again for.
            Self::NotSent => StatusCode::GONE,
            // What went wrong inside is for the log, and not for the client.
            Self::Step(_) | Self::Database(_) => {
                tracing::error!(error = %self, "a request has failed");
                let body = json!({ "error": "something went wrong here" });
                return (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response();
            }
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}
