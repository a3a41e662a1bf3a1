//! What Inngest's answer to a question for a run's output means.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;

use crate::client::{is_worth_retrying, parse_retry_after};
use crate::run::RunId;
use crate::wire::headers;

/// The output of a run that has ended, as Inngest gave it.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// It is the run's own response; else what Inngest has in its place.
    pub(super) is_response: bool,
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Answer {
    Ended(Output),
    /// Nothing: the run was cancelled; or it has just ended, and Inngest has stored that alone so far.
    Empty,
    Running,
    Failed(Failure),
    Unavailable(Unavailable),
}

/// Inngest cannot say for now.
#[derive(Debug)]
pub(super) struct Unavailable {
    /// For the log.
    pub(super) why: String,
    /// How long it asks to wait.
    pub(super) after: Option<Duration>,
}

/// Why there is no output, and never will be for this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Inngest does not take the token: 401 or 403.
    TokenRefused(StatusCode),
    /// There is no such run, or the token is another's.
    Unknown,
    /// The run has ended without a response of its handler's.
    NoResponse,
    /// The run has ended without anything, most likely because it was cancelled.
    NoOutput,
    /// Whoever answered is not Inngest.
    Unusable,
    /// A middleware cannot make out what it has stored.
    Unrestorable,
}

/// What Inngest says of itself, or has in place of a response. Other fields are the server's business.
#[derive(Deserialize)]
struct Statement {
    status: Option<String>,
    error: Option<String>,
}

/// How Inngest says that an answer was not an SDK's: `Your server returned HTTP 401 before the SDK responded.`
const NOT_REACHED: &str = "before the SDK responded.";

/// What to do about an output that is not an SDK's.
const OUTERMOST: &str = "unless an SDK of another kind made the run, something outside of `inngest.layer()` has answered \
                         Inngest in the handler's place: a layer that asks for what only clients send (a login, say), one \
                         that limits rates or times, or a proxy. `inngest.layer()` must be outermost: add it after all \
                         other layers, and let what stands before the app pass Inngest's calls on, which have `X-Run-ID`";

/// A run's own response says which run it is of: its SDK has stored that with it. Everything else is Inngest's, or of what
/// stands in front of it, so that its statuses are not for the client.
pub(super) fn read(run_id: RunId, answer: Response<Bytes>) -> Answer {
    let (head, body) = answer.into_parts();
    let mut output = Output { status: head.status, headers: head.headers, body, is_response: true };
    if output.status.is_informational() {
        return unusable(run_id, output.status);
    }
    if let Some(of) = output.headers.get(headers::RUN_ID) {
        // The token alone decides which run Inngest looks at.
        let is_asked_for = of.to_str().ok().and_then(|of| of.parse().ok()) == Some(run_id);
        return if is_asked_for { Answer::Ended(output) } else { Answer::Failed(Failure::Unknown) };
    }
    output.is_response = false;
    match output.status {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Answer::Failed(Failure::TokenRefused(status))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Answer::Failed(Failure::Unknown),
        status if is_worth_retrying(status) => {
            let after = output.headers.get(RETRY_AFTER).and_then(parse_retry_after);
            Answer::Unavailable(Unavailable { why: format!("Inngest answered {status}"), after })
        }
        status if !status.is_success() => unusable(run_id, status),
        _ => {
            // What Inngest's side adds to an output is of no concern here.
            let content_type = output.headers.remove(CONTENT_TYPE);
            output.headers = content_type.map(|value| (CONTENT_TYPE, value)).into_iter().collect();
            if output.body.is_empty() { Answer::Empty } else { read_statement(run_id, output) }
        }
    }
}

fn unusable(run_id: RunId, status: StatusCode) -> Answer {
    tracing::error!(%run_id, %status, "Inngest's answer in place of the run's output makes no sense");
    Answer::Failed(Failure::Unusable)
}

fn read_statement(run_id: RunId, output: Output) -> Answer {
    match serde_json::from_slice(&output.body) {
        Ok(Statement { error: Some(error), .. }) => {
            if error.ends_with(NOT_REACHED) {
                tracing::warn!(%run_id, error, "the run has ended without a response of its handler: {OUTERMOST}");
            } else {
                tracing::error!(%run_id, error, "the run has ended without a response of its handler");
            }
            Answer::Failed(Failure::NoResponse)
        }
        Ok(Statement { status: Some(status), .. }) if status == "running" => Answer::Running,
        // The server has nothing to read outputs with.
        Ok(Statement { status: Some(status), .. }) if status == "unknown" => {
            let why = "Inngest answered that it cannot read outputs".to_owned();
            Answer::Unavailable(Unavailable { why, after: None })
        }
        _ => {
            // What it says may be secret.
            let bytes = output.body.len();
            tracing::warn!(%run_id, bytes, "the run's output is not its handler's response, and is passed on: {OUTERMOST}");
            Answer::Ended(output)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

    fn of(status: u16, of: Option<&str>, body: &'static str) -> Answer {
        let mut answer = Response::builder().status(status);
        if let Some(of) = of {
            answer = answer.header("x-run-id", of);
        }
        read(RUN_ID.parse().unwrap(), answer.body(Bytes::from_static(body.as_bytes())).unwrap())
    }

    #[test]
    fn a_response_of_the_run_is_taken_as_it_is() {
        for status in [200, 204, 303, 401, 404, 500, 503] {
            for body in ["", r#"{"status":"running"}"#, r#"{"error":"no"}"#] {
                let Answer::Ended(output) = of(status, Some(RUN_ID), body) else { panic!("{status} {body}") };
                assert_eq!((output.status.as_u16(), &*output.body), (status, body.as_bytes()));
            }
        }
        let other = "01M817NZCZ3BTTPY1FEX7T2M4C";
        for of_run in [other, "", "x"] {
            assert!(matches!(of(200, Some(of_run), "{}"), Answer::Failed(Failure::Unknown)), "{of_run}");
        }
    }

    #[test]
    fn what_inngest_says_itself_is_told_from_that() {
        let refused = |status| Failure::TokenRefused(StatusCode::from_u16(status).unwrap());
        for (status, failure) in [
            (401, refused(401)),
            (403, refused(403)),
            (404, Failure::Unknown),
            (410, Failure::Unknown),
            (400, Failure::Unusable),
            (301, Failure::Unusable),
            (103, Failure::Unusable),
        ] {
            assert!(matches!(of(status, None, "x"), Answer::Failed(found) if found == failure), "{status}");
        }
        for status in [408, 429, 500, 502, 503] {
            assert!(matches!(of(status, None, "x"), Answer::Unavailable(_)), "{status}");
        }
        let running = r#"{"status":"running","message":"run did not end within 5 minutes"}"#;
        assert!(matches!(of(200, None, running), Answer::Running));
        let unknown = r#"{"status":"unknown","message":"unable to fetch run output"}"#;
        assert!(matches!(of(200, None, unknown), Answer::Unavailable(_)));
        assert!(matches!(of(200, None, ""), Answer::Empty));
        // As the server writes it of an app whose answer did not come from an SDK, and as this one refuses.
        for error in [r#"{"error":"Your server returned HTTP 502","name":"x"}"#, r#"{"error":"no"}"#] {
            assert!(matches!(of(200, None, error), Answer::Failed(Failure::NoResponse)), "{error}");
        }
        for raw in ["7", r#""text""#, r#"{"a":1}"#, r#"{"status":200}"#, "no JSON"] {
            assert!(matches!(of(200, None, raw), Answer::Ended(output) if output.body == raw), "{raw}");
        }
    }
}
