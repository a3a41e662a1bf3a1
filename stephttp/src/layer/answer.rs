//! Answers that the layer makes itself.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, VARY};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::verified::Ours;
use crate::exchange::{Effect, Superseded, TRY_AGAIN, try_again};
use crate::function::RunOutput;
use crate::journal::{Ending, Recorded, Why, failure};
use crate::wire::{ApiResult, Op, OpCode, RunId, headers};

const NO_RETRY: HeaderName = HeaderName::from_static(headers::NO_RETRY);

/// The longest that the server waits before it tries a step again.
pub(super) const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(24 * 3_600);

/// To a client: the run goes on at Inngest, and its result will be there.
///
/// 303 makes every client turn to GET, whatever its method was.
pub(super) fn see_other(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    match HeaderValue::try_from(location) {
        Ok(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, location);
            // The location holds the token.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(_) => {
            error(StatusCode::SERVICE_UNAVAILABLE, "the run's output has an address that cannot be sent")
        }
    }
}

/// To a client: the run goes on at Inngest, and this allows reading its result there, or at the
/// app's own route if it has one.
pub(super) fn token(output: &RunOutput) -> Response {
    let (run_id, token, url) = (output.run_id().to_string(), output.token(), output.nearest_url());
    let body = serde_json::json!({ "run_id": run_id, "token": token, "url": url });
    let mut response = json(StatusCode::OK, &body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// To a client: the run goes on at Inngest. One that would rather not wait is told where its result
/// will be.
pub(super) fn negotiated(output: &RunOutput, prefers_async: bool) -> Response {
    let mut response = see_other(output.nearest_url());
    if prefers_async && let Some(location) = response.headers().get(LOCATION).cloned() {
        response = token(output);
        *response.status_mut() = StatusCode::ACCEPTED;
        response.headers_mut().insert(LOCATION, location);
        let applied = HeaderName::from_static("preference-applied");
        response.headers_mut().insert(applied, HeaderValue::from_static("respond-async"));
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("prefer"));
    response
}

/// To a client: the request could not be carried on.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    json(status, &serde_json::json!({ "error": message }))
}

/// To a client: the run cannot go on at Inngest for now.
pub(super) fn unavailable(message: &str) -> Response {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, message);
    try_again(response.headers_mut(), TRY_AGAIN);
    response
}

/// To Inngest: how a re-entry ends.
pub(super) fn ending(run_id: RunId, ending: Ending) -> Response {
    match ending {
        Ending::Operations(ops, retry_after) => operations(&ops, retry_after),
        Ending::Finished(result) => finished(run_id, &result),
        Ending::TryAgain(Why::App, message) => retry(StatusCode::INTERNAL_SERVER_ERROR, &message),
        Ending::TryAgain(Why::Inngest | Why::Gone, message) => {
            retry(StatusCode::SERVICE_UNAVAILABLE, &message)
        }
        // One that goes on would hang, unless another of its jobs is open.
        Ending::Over => operations(&[], None),
        Ending::Superseded => {
            let mut response = operations(&[], None);
            response.extensions_mut().insert(Superseded);
            response
        }
    }
}

/// To Inngest: operations. Always an array.
fn operations(ops: &[Recorded], retry_after: Option<Duration>) -> Response {
    let ops: Vec<Op<'_>> = ops.iter().map(Recorded::to_wire).collect();
    let mut response = to_inngest(StatusCode::PARTIAL_CONTENT, &ops);
    if ops.iter().any(|op| op.op == OpCode::StepError) {
        response.extensions_mut().insert(Effect::Retry);
    } else {
        let calls = ops.iter().filter(|op| matches!(op.op, OpCode::Gateway | OpCode::AiGateway));
        let calls: Vec<_> = calls.map(|op| op.id).collect();
        if !calls.is_empty() {
            response.extensions_mut().insert(Effect::Calls(calls));
        }
    }
    if let Some(delay) = retry_after {
        let delay = delay.min(LONGEST_RETRY_DELAY);
        // Counted from a clock without fractions of a second (docs/protocol.md 7.3): one second
        // more is never too early.
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0) + 1;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// To Inngest: the run's end, from which its client gets exactly this status, headers and body, and
/// the run's id.
///
/// By the id whoever reads the output knows the run's own response from what Inngest says in its
/// place.
///
/// A bare object, not an array: of an array the client would get the body `null`. A status of 500
/// and above fails the run, which takes an answer of its own.
fn finished(run_id: RunId, result: &ApiResult<'_>) -> Response {
    let mut result = result.clone();
    result.headers.insert(Cow::Borrowed(headers::RUN_ID), run_id.into());
    if result.status < 500 {
        match Recorded::complete(&result) {
            Ok(complete) => to_inngest(StatusCode::PARTIAL_CONTENT, &complete.to_wire()),
            Err(cause) => {
                finished(run_id, &failure(&format!("the response cannot be written as JSON: {cause}")))
            }
        }
    } else {
        let mut response =
            to_inngest(StatusCode::INTERNAL_SERVER_ERROR, &serde_json::json!({ "data": result }));
        response.headers_mut().insert(NO_RETRY, HeaderValue::from_static("true"));
        response
    }
}

/// To Inngest: call again. Only while an attempt is left, or the run hangs. Of a run that is over
/// it changes nothing.
pub(super) fn retry(status: StatusCode, message: &str) -> Response {
    let mut response = to_inngest(status, &serde_json::json!({ "error": message }));
    response.headers_mut().insert(NO_RETRY, HeaderValue::from_static("false"));
    response.extensions_mut().insert(Effect::Retry);
    response
}

/// To whoever has not proven to be Inngest: do not call again. Should it be Inngest, then the run
/// fails, and its client gets this status.
pub(super) fn refused(run_id: Option<RunId>, status: StatusCode, message: &str) -> Response {
    let mut result = ApiResult::own(status.as_u16(), message);
    if let Some(run_id) = run_id {
        result.headers.insert(Cow::Borrowed(headers::RUN_ID), run_id.into());
    }
    let mut response = to_inngest(status, &serde_json::json!({ "error": message, "data": result }));
    response.headers_mut().insert(NO_RETRY, HeaderValue::from_static("true"));
    response
}

/// Notes that a layer or an extractor has answered in the handler's place.
pub(super) fn with_rejection(mut response: Response, status: StatusCode) -> Response {
    let rejected = HeaderName::from_static(headers::REJECTED);
    response.headers_mut().insert(rejected, HeaderValue::from(status.as_u16()));
    response
}

/// Inngest completes a run whose answer does not name an SDK.
fn to_inngest(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = json(status, body);
    let version = HeaderValue::from(u16::from(headers::REQUEST_VERSION_VALUE));
    response
        .headers_mut()
        .insert(HeaderName::from_static(headers::SDK), HeaderValue::from_static(headers::SDK_VALUE));
    response.headers_mut().insert(HeaderName::from_static(headers::REQUEST_VERSION), version);
    response.extensions_mut().insert(Ours);
    response
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Texts, numbers and raw JSON: this cannot fail.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
