//! What an answer to a re-entry means.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use inngest::wire::{headers, limits};
use serde_json::Value;
use serde_json::value::RawValue;

use super::delay::RetryAfter;
use super::op::{self, IncomingOp, Unreadable};
use super::result::ApiOutput;
use super::run::Reply;
use crate::inspect::{ResponseView, RunStatus};
use crate::text::cut;
use crate::violation::ViolationKind;

/// By this header the SDK says which status it was that something else than the handler answered
/// with.
const REJECTED: &str = "x-stephttp-rejected";

/// An answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Cut off when it is too large.
    pub(crate) body: Bytes,
    pub(crate) too_large: bool,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The run has ended.
    End { status: RunStatus, reply: Reply, response: Option<ResponseView> },
    /// The job failed and is to be tried again; says why.
    Retry(String),
    /// Operations.
    Ops(Vec<IncomingOp>),
}

/// A verdict, and what was wrong with the answer.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) wrong: Vec<(ViolationKind, String)>,
    /// What `x-inngest-no-retry: true` says.
    pub(crate) no_retry: bool,
    /// When a failed step wants to be tried again.
    pub(crate) retry_after: Option<RetryAfter>,
    /// The planning version that the SDK speaks; `None` without a readable header.
    pub(crate) version: Option<i64>,
}

impl Answer {
    pub(crate) fn judge(&self) -> Judged {
        let mut wrong = Vec::new();
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let version = text(headers::REQUEST_VERSION).and_then(|value| value.trim().parse().ok());
        let no_retry = text(headers::NO_RETRY).is_some_and(|value| value.trim() == "true");
        // Elsewhere the server ignores the wish.
        let retry_after = (self.status == StatusCode::PARTIAL_CONTENT)
            .then(|| text("retry-after").and_then(RetryAfter::read))
            .flatten();
        let has_sdk = self.headers.contains_key(headers::SDK);
        if has_sdk && version.is_none() {
            let message = format!("an answer to a re-entry has no `{}`", headers::REQUEST_VERSION);
            wrong.push((ViolationKind::MissingVersionHeader, message));
        }
        if let Some(status) = text(REJECTED) {
            let message = format!(
                "a layer or an extractor answered a re-entry with {status} in the handler's place, before it was entered \
                 or before it had ended: the run fails unless a later try gets through. Let re-entries pass: they have the \
                 request extension `inngest::Reentry`, and none of the client's headers"
            );
            wrong.push((ViolationKind::Rejected, message));
        }
        let verdict = self.verdict(has_sdk, no_retry, &mut wrong);
        Judged { verdict, wrong, no_retry, retry_after, version }
    }

    fn verdict(&self, has_sdk: bool, no_retry: bool, wrong: &mut Vec<(ViolationKind, String)>) -> Verdict {
        if !has_sdk {
            let message = format!(
                "an answer to a re-entry with status {} has no `{}`: it completes the run. Its body: `{}`. Something outside \
                 of the SDK's layer gave it, such as a guard, a limit, a router's fallback or a proxy: put the SDK's layer \
                 outermost, or around it all what verifies re-entries and lets them pass (`provider.verify()`)",
                self.status.as_u16(),
                headers::SDK,
                self.snippet()
            );
            wrong.push((ViolationKind::MissingSdkHeader, message));
            let raw = if self.status.is_success() { self.body.clone() } else { self.never_reached() };
            return Verdict::End { status: RunStatus::Completed, reply: Reply::Raw(raw), response: None };
        }
        if self.too_large {
            let message = format!(
                "an answer to a re-entry has more than {} bytes: it completes the run with an empty output",
                limits::REENTRY_ANSWER_BYTES
            );
            wrong.push((ViolationKind::TooLarge, message));
            return Verdict::End {
                status: RunStatus::Completed,
                reply: Reply::Raw(Bytes::new()),
                response: None,
            };
        }
        if !self.status.is_success() {
            if no_retry {
                return self.ended(RunStatus::Failed, wrong);
            }
            return Verdict::Retry(format!("the app answered {}", self.status.as_u16()));
        }
        if self.body.trim_ascii_start().first() == Some(&b'[') {
            match serde_json::from_slice::<Vec<Box<RawValue>>>(&self.body).map(|ops| op::parse(&ops)) {
                Ok(Ok(ops)) => return Verdict::Ops(ops),
                Ok(Err(why)) => wrong.push((kind_of(&why), format!("an answer to a re-entry is an array, but not of operations: {why}; it completes the run"))),
                Err(_) => wrong.push((ViolationKind::PlainAnswer, "an answer to a re-entry is neither operations nor a result: it completes the run".to_owned())),
            }
            return Verdict::End {
                status: RunStatus::Completed,
                reply: Reply::Raw(self.body.clone()),
                response: None,
            };
        }
        self.ended(RunStatus::Completed, wrong)
    }

    /// The run has ended, with this body as its output.
    fn ended(&self, status: RunStatus, wrong: &mut Vec<(ViolationKind, String)>) -> Verdict {
        let raw = self.body.clone();
        let json: Value = crate::json::read(&raw).unwrap_or_default();
        let op = json.get("op").and_then(Value::as_str);
        let is_result = op.is_none_or(|op| op == "RunComplete");
        let Some(data) = json.get("data").filter(|data| data.is_object() && is_result) else {
            let message = format!(
                "an answer to a re-entry with status {} is neither operations nor a result: it ends the run with the body as its output, and the client gets that with 200",
                self.status.as_u16()
            );
            wrong.push((ViolationKind::PlainAnswer, message));
            return Verdict::End { status, reply: Reply::Raw(raw), response: None };
        };
        let output = ApiOutput::read(data);
        wrong.extend(
            output.wrong.iter().map(|(kind, message)| {
                (*kind, format!("{message}: the client gets the raw output with 200"))
            }),
        );
        match output.response() {
            Some(response) => {
                Verdict::End { status, reply: Reply::Api(response.clone(), raw), response: Some(response) }
            }
            None => Verdict::End { status, reply: Reply::Raw(raw), response: None },
        }
    }

    /// The first 200 characters of the body, in one line.
    fn snippet(&self) -> String {
        // No character has more than four bytes, and one more shows that there are more.
        let start = &self.body[..self.body.len().min((SNIPPET + 1) * 4)];
        cut(&String::from_utf8_lossy(start), SNIPPET)
    }

    /// The output that the server makes up when an SDK seems not to have been reached.
    fn never_reached(&self) -> Bytes {
        let message = format!("Your server returned HTTP {} before the SDK responded.", self.status.as_u16());
        let stack = "No step output was produced before the request failed — this can mean a proxy or load balancer in \
                     front of your app returned an error, or your app was unable to respond.\n";
        serde_json::json!({
            "error": message, "name": "Server returned a fatal error", "message": message, "stack": stack,
        })
        .to_string()
        .into()
    }
}

/// Characters of a body that a message shows.
const SNIPPET: usize = 200;

fn kind_of(why: &Unreadable) -> ViolationKind {
    match why {
        Unreadable::UnknownOp(_) => ViolationKind::UnknownOp,
        Unreadable::Unsupported(_) => ViolationKind::UnsupportedOp,
        Unreadable::Shape(_) => ViolationKind::PlainAnswer,
    }
}
