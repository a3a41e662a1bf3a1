//! Answers in the real server's shapes.

use std::time::SystemTime;

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::Value;

/// A response whose body is of unsaid type.
pub(super) fn bare(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}

pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    typed(status, "application/json", body)
}

pub(super) fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = bare(status, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// `{"error":…,"data":null,"status":…}`
pub(super) fn error_body(status: StatusCode, message: &str, data: &Value) -> String {
    // By hand, since the real server's order is not alphabetical.
    format!("{{\"error\":{},\"data\":{data},\"status\":{}}}\n", Value::from(message), status.as_u16())
}

pub(super) fn error(status: StatusCode, message: &str) -> Response<Body> {
    json(status, error_body(status, message, &Value::Null))
}

/// An instant as the real server writes it.
pub(super) fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}
