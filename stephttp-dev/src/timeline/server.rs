//! A timeline of a real server's trace.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::words::{shown, shown_body};
use super::{Bar, BarKind, BarOutcome, Note, NoteKind, Request, Response, Step, Timeline};
use crate::clock::Moment;
use crate::inspect::{RunStatus, StepStatus};

/// Why a server's answer is no run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRun(String);

impl fmt::Display for UnreadableRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server's answer is not the trace of a run: {}", self.0)
    }
}

impl std::error::Error for UnreadableRun {}

impl Timeline {
    /// The timeline of a run on a real server: `run` is what `GET
    /// /api/v2/runs/{id}?includeOutput=true` answers, and `trace` is `GET
    /// /api/v2/runs/{id}/trace?includeOutput=true`.
    ///
    /// It has what the server shows: steps with their times, and the run's result. The server
    /// shows neither re-entries nor calls, and its view can lag behind or lack steps.
    ///
    /// # Errors
    /// When they are not of that shape.
    pub fn from_server(run: &Value, trace: &Value) -> Result<Self, UnreadableRun> {
        let missing = |what: &str| UnreadableRun(format!("there is no `{what}`"));
        let data = &run["data"];
        let run_id = data["id"].as_str().ok_or_else(|| missing("data.id"))?;
        let root = trace["data"].get("rootSpan").ok_or_else(|| missing("data.rootSpan"))?;
        let spans = root["children"].as_array().map(Vec::as_slice).unwrap_or_default();
        let began = time(data, "startedAt").or(time(data, "queuedAt"));
        let began = began.or(began_by_id(run_id)).ok_or_else(|| missing("data.startedAt"))?;
        let began = spans.iter().filter_map(begin).fold(began, SystemTime::min);
        let ended = time(data, "endedAt").map(|at| Moment { at, order: u64::MAX });
        let status = status(text(data, "status"));
        let fetched = time(&run["metadata"], "fetchedAt").unwrap_or(began);
        let mut steps: Vec<Step> = Vec::new();
        let mut notes = Vec::new();
        let mut sorted: Vec<&Value> = spans.iter().collect();
        sorted.sort_by_key(|span| begin(span));
        for (order, span) in (1_u64..).zip(sorted) {
            let hash = text(span, "stepId");
            if hash.is_empty() {
                continue;
            }
            let new = step(span, order);
            match steps.iter_mut().find(|step| step.hash == hash) {
                // One for its planning and one for each attempt: the last says how it ended.
                Some(known) => {
                    known.bars.extend(new.bars);
                    known.status = new.status;
                    known.value = new.value.or(known.value.take());
                }
                None => steps.push(new),
            }
        }
        if ended.is_none() && status != RunStatus::Running {
            let words = format!("the server says {} without saying when", text(data, "status"));
            let at = Moment { at: fetched, order: u64::MAX };
            notes.push(Note { at, kind: NoteKind::Retry, words });
        }
        let client = Request {
            name: format!("client's request, app {}", text(&data["app"], "id")),
            reentry: None,
            from: Moment { at: began, order: 0 },
            until: Some(Moment { at: time(data, "startedAt").unwrap_or(began).max(began), order: 0 }),
            failed: false,
            answer: String::new(),
            body: String::new(),
            memoized: Vec::new(),
            ran: Vec::new(),
        };
        let function = match text(&data["function"], "name") {
            "" => text(&data["function"], "id"),
            name => name,
        };
        Ok(Self {
            run_id: run_id.to_owned(),
            function: function.to_owned(),
            status,
            began,
            ended,
            seen: fetched.max(began),
            requests: vec![client],
            steps,
            calls: Vec::new(),
            notes,
            response: data.get("output").filter(|output| !output.is_null()).map(response),
        })
    }
}

fn step(span: &Value, order: u64) -> Step {
    let (op, said) = (text(span, "stepOp"), text(span, "status"));
    let kind = match op {
        "SLEEP" => BarKind::Sleep,
        "WAIT_FOR_EVENT" => BarKind::Event,
        "WAIT_FOR_SIGNAL" => BarKind::Signal,
        "INVOKE" => BarKind::Invoke,
        "AI_GATEWAY" | "GATEWAY" | "FETCH" => BarKind::Call,
        _ => BarKind::Attempt,
    };
    let (status, outcome) = match said {
        "COMPLETED" => (StepStatus::Completed, BarOutcome::Done),
        "FAILED" | "CANCELLED" => (StepStatus::Failed, BarOutcome::Failed),
        "TIMED_OUT" => (StepStatus::TimedOut, BarOutcome::TimedOut),
        _ => (
            if kind == BarKind::Attempt { StepStatus::Planned } else { StepStatus::Waiting },
            BarOutcome::Open,
        ),
    };
    let output = &span["output"];
    let error = output.get("error").filter(|error| !error.is_null());
    let value = error.or(output.get("data")).filter(|value| !value.is_null());
    let message = error.and_then(|error| error["message"].as_str()).unwrap_or_default();
    let (from, until) = (begin(span), time(span, "endedAt"));
    let moment = |at| Moment { at, order };
    let took = from.zip(until).and_then(|(from, until)| until.duration_since(from).ok());
    let bars = from.map(|from| Bar {
        kind,
        from: moment(from),
        until: until.map(|at| moment(at.max(from))),
        outcome,
        words: message.to_owned(),
        due: None,
        by: None,
        took,
    });
    Step {
        label: text(span, "name").to_owned(),
        hash: text(span, "stepId").to_owned(),
        op: op.to_owned(),
        status,
        value: value.map(shown),
        bars: bars.into_iter().collect(),
    }
}

/// An output, which is an endpoint's response in most cases.
fn response(output: &Value) -> Response {
    let api = output.get("data").filter(|data| data["status"].is_u64()).unwrap_or(output);
    match (api["status"].as_u64(), api["body"].as_str()) {
        (Some(status), Some(body)) => {
            Response { status: u16::try_from(status).ok(), body: shown_body(body.as_bytes()) }
        }
        _ => Response {
            status: None,
            body: output.as_str().map_or_else(|| shown(output), |text| shown_body(text.as_bytes())),
        },
    }
}

fn status(word: &str) -> RunStatus {
    match word.to_uppercase().as_str() {
        "COMPLETED" => RunStatus::Completed,
        "FAILED" | "OVERFLOWED" => RunStatus::Failed,
        "CANCELLED" => RunStatus::Cancelled,
        _ => RunStatus::Running,
    }
}

fn begin(span: &Value) -> Option<SystemTime> {
    time(span, "startedAt").or(time(span, "queuedAt"))
}

fn time(value: &Value, key: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339_weak(value[key].as_str()?).ok()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A run's id says when it was made.
fn began_by_id(run_id: &str) -> Option<SystemTime> {
    let id = ulid::Ulid::from_string(run_id).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(id.timestamp_ms()))
}
