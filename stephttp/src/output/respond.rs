//! What a client of the output route gets.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ALLOW, ALT_SVC, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER, SERVER,
    STRICT_TRANSPORT_SECURITY, VARY, VIA, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::read::{Failure, Output};
use crate::layer::is_hop_by_hop;
use crate::run::RunId;
use crate::wire::headers;

/// What a client is told to wait before it asks again, if Inngest says nothing of it.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// What a client that polls is told to wait: asking is waiting.
const POLL_AGAIN: Duration = Duration::from_secs(1);

/// The run has ended. Every output goes through here once, after all of it has been read and before any of it is sent: what
/// was done to the response when it was stored is undone here.
pub(super) fn ended(output: Output) -> Response {
    let Output { status, mut headers, body, is_response } = output;
    strip(&mut headers);
    if !is_response {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    // The server that sends the response says how long it is.
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    sealed(response)
}

/// The run goes on: the client is to come back to the same place.
pub(super) fn come_back(here: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    locate(response.headers_mut(), here);
    sealed(response)
}

/// The run goes on, and the client has been sent round often enough.
pub(super) fn running(run_id: RunId, here: &str) -> Response {
    let body = serde_json::json!({ "run_id": run_id.to_string(), "status": "running" });
    let mut response = json(StatusCode::ACCEPTED, &body);
    locate(response.headers_mut(), here);
    retry_after(response.headers_mut(), POLL_AGAIN);
    response
}

/// There is no output for this request.
pub(super) fn failed(failure: Failure) -> Response {
    match failure {
        Failure::TokenRefused(status) => error(
            status,
            "the token is not accepted: it is none, or has expired, an hour after the run was handed over",
        ),
        Failure::Unknown => {
            error(StatusCode::NOT_FOUND, "there is no run with this id, or the token is another run's")
        }
        Failure::NoOutput => {
            error(StatusCode::GONE, "the run has ended without a response: most likely it was cancelled")
        }
        Failure::NoResponse => {
            error(StatusCode::BAD_GATEWAY, "the run has ended without a response; the server's log says why")
        }
        Failure::Unrestorable => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "what is stored of the run's response could not be restored; the server's log says why",
        ),
        Failure::Unusable => {
            error(StatusCode::BAD_GATEWAY, "the run's output could not be read; the server's log says why")
        }
    }
}

/// Inngest cannot be asked. The run goes on all the same.
pub(super) fn unavailable(after: Option<Duration>) -> Response {
    let message = "the run's output cannot be asked for now; try again later";
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, message);
    retry_after(response.headers_mut(), after.unwrap_or(TRY_AGAIN));
    response
}

/// The request asks for nothing.
pub(super) fn bad_request(problem: &str) -> Response {
    error(StatusCode::BAD_REQUEST, problem)
}

/// To `OPTIONS`.
pub(super) fn options() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

fn error(status: StatusCode, message: &str) -> Response {
    json(status, &serde_json::json!({ "error": message }))
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    sealed(response)
}

fn locate(headers: &mut HeaderMap, here: &str) {
    // It is made of what came in a request's URL: this cannot fail.
    if let Ok(location) = HeaderValue::try_from(here) {
        headers.insert(LOCATION, location);
    }
}

fn retry_after(headers: &mut HeaderMap, after: Duration) {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
}

/// The request's URL holds the token: it is to stay in no cache, and not to be told to other pages.
fn sealed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Takes away what is about the connection to Inngest, or about the host that Inngest is at.
fn strip(headers: &mut HeaderMap) {
    const ABOUT_THE_HOST: [HeaderName; 4] = [ALT_SVC, SERVER, STRICT_TRANSPORT_SECURITY, VIA];
    const ABOUT_THE_HOST_BY_NAME: [&str; 5] =
        ["nel", "report-to", "reporting-endpoints", headers::SERVER_KIND, headers::OWN_ANSWER];
    // RFC 9110, section 7.6.1: a connection may name more of them.
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| name != headers::RUN_ID)
        .collect();
    let is_stripped = |name: &HeaderName| {
        is_hop_by_hop(name)
            || named.contains(name)
            || ABOUT_THE_HOST.contains(name)
            || ABOUT_THE_HOST_BY_NAME.contains(&name.as_str())
            || name.as_str().starts_with("cf-")
    };
    let stripped: Vec<HeaderName> = headers.keys().filter(|name| is_stripped(name)).cloned().collect();
    for name in stripped {
        headers.remove(name);
    }
    strip_vary(headers);
}

/// Takes Inngest's own `Vary: Origin` away, and leaves what the run's response varies by.
///
/// Where that says the very same, it is lost. No cache keeps the response anyway.
fn strip_vary(headers: &mut HeaderMap) {
    let mut values: Vec<HeaderValue> = headers.get_all(VARY).iter().cloned().collect();
    let Some(inngests) = values.iter().position(|value| value == "Origin") else { return };
    values.remove(inngests);
    headers.remove(VARY);
    for value in values {
        headers.append(VARY, value);
    }
}
