//! What a client of the output route gets.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::read::{Failure, Output};
use crate::app::App;
use crate::exchange::{TRY_AGAIN, passed_headers, try_again};
use crate::wire::RunId;
use crate::wire::headers::OWN_ANSWER;

/// What a client that polls is told to wait: asking is waiting.
const POLL_AGAIN: Duration = Duration::from_secs(1);

/// The run has ended. Every output goes through here once, before any of it is sent.
pub(super) fn ended(app: &Arc<App>, run_id: RunId, output: Output) -> Response {
    let Output { status, headers: mut fields, content, is_response } = output;
    if fields.contains_key(OWN_ANSWER) || !is_response {
        passed_headers::of_other(&mut fields);
    } else {
        let left_out = passed_headers::of_response(&mut fields, &app.settings().output.pass_headers);
        app.left_out().say(app, run_id, &left_out);
    }
    // The server that sends the response says how long it is.
    let mut response = Response::new(content.into_body(app, run_id));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
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
    try_again(response.headers_mut(), POLL_AGAIN);
    response
}

/// There is no output for this request.
pub(super) fn failed(failure: Failure) -> Response {
    match failure {
        Failure::TokenRefused(status) => error(
            status,
            "the token is not accepted: it is wrong, or has expired, as it does an hour after the run was handed over",
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
    try_again(response.headers_mut(), after.unwrap_or(TRY_AGAIN));
    response
}

/// The request is wrong.
pub(super) fn bad_request(problem: &str) -> Response {
    error(StatusCode::BAD_REQUEST, problem)
}

/// The app has not made the URL.
pub(super) fn forbidden() -> Response {
    let problem = "the URL is not signed by this app: take the whole URL that the endpoint has redirected to";
    error(StatusCode::FORBIDDEN, problem)
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

/// The request's URL holds the token: it is to stay in no cache, and not to be told to other pages.
fn sealed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
