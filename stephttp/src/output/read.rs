//! What Inngest's answer to a question for a run's output means.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body as _;
use serde::Deserialize;

use super::body::{Content, Problem};
use crate::app::App;
use crate::client::{OutputBody, is_worth_retrying, parse_retry_after};
use crate::untrusted::{Complaint, shown};
use crate::wire::{RunId, headers};

/// The longest that a client is told to wait, whatever Inngest says.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The output of a run that has ended, as Inngest gives it.
pub(super) struct Output {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// It is the run's own response; else what Inngest has in its place.
    pub(super) is_response: bool,
}

/// What an answer means.
pub(super) enum Answer {
    Ended(Output),
    /// Nothing: the run was cancelled; or it has just ended, and Inngest has stored that alone so
    /// far.
    Empty,
    Running,
    Failed(Failure),
    Unavailable(Unavailable),
    /// The process holds too many outputs for now.
    Busy,
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

/// What Inngest says of itself, or has in place of a response. Other fields are the server's
/// business.
#[derive(Deserialize)]
struct Statement {
    status: Option<String>,
    error: Option<String>,
}

/// How Inngest says that an answer was not an SDK's: `Your server returned HTTP 401 before the SDK
/// responded.`
const NOT_REACHED: &str = "before the SDK responded.";

/// What to do about an output that is not an SDK's.
const OUTERMOST: &str = "unless an SDK of another kind made the run, something outside of `inngest.layer()` has answered \
                         Inngest in the handler's place: a layer that asks for what only clients send (a login, say), one \
                         that limits rates or times, or a proxy. Add `inngest.layer()` after all other layers, so that it is \
                         outermost, or put `inngest.verify()` around them. A proxy must pass on Inngest's calls, which have \
                         the header `X-Run-ID`";

/// What the head of an answer says that its body is.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// The run's own response.
    Response,
    /// Inngest says something, or has something in place of a response.
    Statement,
    /// It is of no interest: there is no output.
    Failed(Failure),
    /// The same, for now.
    Unavailable(Option<Duration>),
    /// The same, since whoever answered is not Inngest.
    Senseless,
}

/// A run's own response says which run it is of: its SDK has stored that with it. Everything else
/// is Inngest's, or of what stands in front of it, so that its statuses are not for the client.
fn read_head(run_id: RunId, status: StatusCode, headers: &HeaderMap) -> Head {
    if status.is_informational() {
        return Head::Senseless;
    }
    if let Some(of) = headers.get(headers::RUN_ID) {
        // The token alone decides which run Inngest looks at.
        let is_asked_for = of.to_str().ok().and_then(|of| of.parse().ok()) == Some(run_id);
        return if is_asked_for { Head::Response } else { Head::Failed(Failure::Unknown) };
    }
    match status {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Head::Failed(Failure::TokenRefused(status))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Head::Failed(Failure::Unknown),
        status if is_worth_retrying(status) => Head::Unavailable(
            headers.get(RETRY_AFTER).and_then(parse_retry_after).map(|after| after.min(LONGEST_WAIT)),
        ),
        status if !status.is_success() => Head::Senseless,
        _ => Head::Statement,
    }
}

/// What a client can do with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It has asked with `HEAD`.
    Nothing,
    /// It speaks HTTP/1.0: a body without a length that breaks off would look complete to it.
    WithLength,
    Anything,
}

/// What an answer means. Of its body no more is read than that takes.
pub(super) async fn read(app: &App, run_id: RunId, answer: Response<OutputBody>, wanted: Wanted) -> Answer {
    let (head, body) = answer.into_parts();
    let (status, headers) = (head.status, head.headers);
    match read_head(run_id, status, &headers) {
        Head::Failed(failure) => Answer::Failed(failure),
        Head::Unavailable(after) => {
            Answer::Unavailable(Unavailable { why: format!("Inngest answered {status}"), after })
        }
        Head::Senseless => {
            if let Some(left_out) = app.admits_line(Complaint::Output) {
                tracing::error!(%run_id, %status, left_out, "Inngest's answer in place of the run's output makes no sense");
            }
            Answer::Failed(Failure::Unusable)
        }
        Head::Response => {
            let is_changed =
                !headers.contains_key(headers::OWN_ANSWER) && app.middleware().restores_responses();
            let length = body.size_hint().exact();
            let content = match wanted {
                // What it is restored to is not known without it.
                Wanted::Nothing => Ok(Content::Unread(length.filter(|_| !is_changed))),
                Wanted::WithLength if length.is_none() => {
                    Content::whole(app.output_room(), run_id, body).await
                }
                _ if is_changed => Content::whole(app.output_room(), run_id, body).await,
                _ => Content::begun(body).await,
            };
            match content {
                Ok(content) => Answer::Ended(Output { status, headers, content, is_response: true }),
                Err(fault) => unread(app, run_id, fault),
            }
        }
        Head::Statement => match Content::whole(app.output_room(), run_id, body).await {
            Ok(Content::Whole(bytes, _)) if bytes.is_empty() => Answer::Empty,
            Ok(content) => {
                let output = Output { status, headers, content, is_response: false };
                read_statement(app, run_id, output)
            }
            Err(fault) => unread(app, run_id, fault),
        },
    }
}

/// The body of an answer could not be read.
fn unread(app: &App, run_id: RunId, fault: Problem) -> Answer {
    match fault {
        Problem::Broken(error) => Answer::Unavailable(Unavailable { why: error.report(), after: None }),
        Problem::NoRoom => Answer::Busy,
        Problem::TooLong => {
            if let Some(left_out) = app.admits_line(Complaint::Output) {
                tracing::error!(%run_id, left_out, "a run's output cannot be read: it is longer than any output");
            }
            Answer::Failed(Failure::Unusable)
        }
    }
}

fn read_statement(app: &App, run_id: RunId, output: Output) -> Answer {
    let Content::Whole(bytes, _) = &output.content else { return Answer::Ended(output) };
    match serde_json::from_slice(bytes) {
        Ok(Statement { error: Some(error), .. }) => {
            if let Some(left_out) = app.admits_line(Complaint::Output) {
                let shown = shown(&error);
                if error.ends_with(NOT_REACHED) {
                    tracing::warn!(%run_id, error = %shown, left_out, "the run has ended without a response of its handler: {OUTERMOST}");
                } else {
                    tracing::error!(%run_id, error = %shown, left_out, "the run has ended without a response of its handler");
                }
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
            if let Some(left_out) = app.admits_line(Complaint::Output) {
                // What it says may be secret.
                let bytes = bytes.len();
                tracing::warn!(%run_id, bytes, left_out, "the run's output is not its handler's response, and is passed on: {OUTERMOST}");
            }
            Answer::Ended(output)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http_body_util::{BodyExt, Full};

    use super::*;
    use crate::{Provider, SetupOpts};

    const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

    fn of(status: u16, of: Option<&str>) -> Head {
        let mut headers = HeaderMap::new();
        headers.extend(of.map(|of| (HeaderName::from_static(headers::RUN_ID), of.parse().unwrap())));
        read_head(RUN_ID.parse().unwrap(), StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn a_response_of_the_run_is_told_by_its_id_whatever_its_status_is() {
        for status in [200, 204, 303, 401, 404, 500, 503] {
            assert_eq!(of(status, Some(RUN_ID)), Head::Response, "{status}");
        }
        let other = "01M817NZCZ3BTTPY1FEX7T2M4C";
        for of_run in [other, "", "x"] {
            assert_eq!(of(200, Some(of_run)), Head::Failed(Failure::Unknown), "{of_run}");
        }
    }

    #[test]
    fn what_inngest_says_itself_is_told_from_that() {
        let refused = |status| Failure::TokenRefused(StatusCode::from_u16(status).unwrap());
        for (status, failure) in
            [(401, refused(401)), (403, refused(403)), (404, Failure::Unknown), (410, Failure::Unknown)]
        {
            assert_eq!(of(status, None), Head::Failed(failure), "{status}");
        }
        for status in [400, 301, 103] {
            assert_eq!(of(status, None), Head::Senseless, "{status}");
        }
        for status in [408, 429, 500, 502, 503] {
            assert_eq!(of(status, None), Head::Unavailable(None), "{status}");
        }
        assert_eq!(of(200, None), Head::Statement);
    }

    #[tokio::test]
    async fn statements_are_told_from_outputs_of_others() {
        let opts = SetupOpts::new("http://app").dev_server("http://127.0.0.1:1");
        let provider = Provider::setup(opts).unwrap();
        let said = async |body: &'static str| {
            let body = Full::from(body).map_err(|never| match never {}).boxed_unsync();
            read(provider.app(), RUN_ID.parse().unwrap(), Response::new(body), Wanted::Anything).await
        };
        let running = r#"{"status":"running","message":"run did not end within 5 minutes"}"#;
        assert!(matches!(said(running).await, Answer::Running));
        let unknown = r#"{"status":"unknown","message":"unable to fetch run output"}"#;
        assert!(matches!(said(unknown).await, Answer::Unavailable(_)));
        assert!(matches!(said("").await, Answer::Empty));
        // As the server writes it of an app whose answer did not come from an SDK, and as this one
        // refuses.
        for error in [r#"{"error":"Your server returned HTTP 502","name":"x"}"#, r#"{"error":"no"}"#] {
            assert!(matches!(said(error).await, Answer::Failed(Failure::NoResponse)), "{error}");
        }
        for raw in ["7", r#""text""#, r#"{"a":1}"#, r#"{"status":200}"#, "no JSON"] {
            let Answer::Ended(output) = said(raw).await else { panic!("{raw}") };
            assert!(!output.is_response);
            assert!(matches!(output.content, Content::Whole(bytes, _) if bytes == raw), "{raw}");
        }
    }
}
