//! A timeline of a real server's trace.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::Value;

use super::words::{shown, shown_body};
use super::{Bar, BarKind, BarOutcome, Note, NoteKind, Request, Response, Step, Timeline};
use crate::clock::Moment;
use crate::inspect::{RunStatus, StepStatus};
use crate::remote::{Remote, check_run_id};

/// How far a step may have begun before its run, by the clocks of two machines.
const SLACK: Duration = Duration::from_secs(3_600);

/// How far apart two spans of one request begin.
const SAME: Duration = Duration::from_millis(2);

/// Why there is no timeline of a run on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRun(String);

impl fmt::Display for UnreadableRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnreadableRun {}

impl Timeline {
    /// Reads a run of an Inngest server, and tells it as [`from_server`](Self::from_server) does.
    /// `signing_key` is the server's; a dev server has none.
    ///
    /// # Errors
    /// When the server does not answer, refuses the key, or does not know the run, and when its
    /// answers are of another shape.
    pub async fn of_server(
        url: &str,
        signing_key: Option<&str>,
        run_id: &str,
    ) -> Result<Self, UnreadableRun> {
        check_run_id(run_id).map_err(UnreadableRun)?;
        let server = Remote::new(url, signing_key).map_err(UnreadableRun)?;
        let run = server.run(run_id).await.map_err(UnreadableRun)?;
        let trace = server.trace(run_id).await.map_err(UnreadableRun)?;
        let (Some(run), Some(trace)) = (run, trace) else {
            return Err(UnreadableRun(format!("{} knows no run {run_id}", server.url)));
        };
        let read = |json: Bytes| {
            crate::json::read::<Value>(&json).map_err(|error| {
                UnreadableRun(format!("{} answers no JSON ({error}): is that an Inngest server?", server.url))
            })
        };
        Self::from_server(&read(run)?, &read(trace)?)
    }

    /// The timeline of a run on a real server: `run` is what `GET
    /// /api/v2/runs/{id}?includeOutput=true` answers, and `trace` is `GET
    /// /api/v2/runs/{id}/trace?includeOutput=true`.
    ///
    /// It has what the server shows: steps with their times, some of the re-entries, and the run's
    /// result. The server shows no checkpoints, and its view can lag behind or lack steps.
    ///
    /// # Errors
    /// When they are not of that shape.
    pub fn from_server(run: &Value, trace: &Value) -> Result<Self, UnreadableRun> {
        let missing = |what: &str| {
            UnreadableRun(format!("the server's answer is not the trace of a run: there is no `{what}`"))
        };
        let data = &run["data"];
        let run_id = data["id"].as_str().ok_or_else(|| missing("data.id"))?;
        let root = trace["data"].get("rootSpan").ok_or_else(|| missing("data.rootSpan"))?;
        let spans = root["children"].as_array().map(Vec::as_slice).unwrap_or_default();
        let began = time(data, "startedAt").or(time(data, "queuedAt")).or(began_by_id(run_id));
        let began = began.ok_or_else(|| missing("data.startedAt"))?;
        // The server shows a step that did not say when it ran as of 1970.
        let earliest = began.checked_sub(SLACK).unwrap_or(began);
        let status = status(text(data, "status"));
        let over = status != RunStatus::Running;
        let ended = time(data, "endedAt").or(time(root, "endedAt").filter(|_| over));
        let fetched = time(&run["metadata"], "fetchedAt").unwrap_or(began);
        let mut sorted: Vec<&Value> = spans.iter().collect();
        sorted.sort_by_key(|span| begin(span, earliest));
        let mut steps: Vec<Step> = Vec::new();
        let mut requests = Vec::new();
        for (order, span) in (1_u64..).zip(sorted) {
            let hash = text(span, "stepId");
            if hash.is_empty() {
                requests.extend(attempts(span).filter_map(|attempt| reentry(attempt, earliest, order)));
                continue;
            }
            let new = step(span, earliest, order);
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
        requests.sort_by_key(|request| request.from);
        // What ends a run is shown twice.
        requests.dedup_by(|next, known| {
            next.from.at.duration_since(known.from.at).is_ok_and(|apart| apart <= SAME)
        });
        let began = bars_of(&steps).map(|bar| bar.from.at).fold(began, SystemTime::min);
        let first = bars_of(&steps).filter(|bar| bar.kind != BarKind::Attempt).map(|bar| bar.from.at).min();
        requests.insert(0, client(root, data, began, first.or(ended).unwrap_or(began)));
        let mut notes = Vec::new();
        if ended.is_none() && over {
            let words = format!("the server says {} and not since when", text(data, "status"));
            notes.push(Note { at: Moment { at: fetched, order: u64::MAX }, kind: NoteKind::Remark, words });
        }
        let output =
            [data.get("output"), root.get("output")].into_iter().flatten().find(|output| !output.is_null());
        let function = match text(&data["function"], "name") {
            "" => text(&data["function"], "id"),
            name => name,
        };
        Ok(Self {
            run_id: run_id.to_owned(),
            function: function.to_owned(),
            status,
            began,
            ended: ended.map(|at| Moment { at: at.max(began), order: u64::MAX }),
            seen: fetched.max(began),
            requests,
            steps,
            calls: Vec::new(),
            notes,
            response: output.filter(|_| over).map(response),
        })
    }
}

fn bars_of(steps: &[Step]) -> impl Iterator<Item = &Bar> {
    steps.iter().flat_map(|step| &step.bars)
}

/// The client's request, which goes on until the run waits for the first time.
fn client(root: &Value, data: &Value, began: SystemTime, until: SystemTime) -> Request {
    let request = &root["input"]["data"][0]["data"];
    let [method, domain, path] = ["method", "domain", "path"].map(|key| text(request, key));
    let name = match method {
        "" => format!("app {}", text(&data["app"], "id")),
        method => format!("{method} {domain}{path}"),
    };
    let moment = |at| Moment { at, order: 0 };
    Request {
        name,
        reentry: None,
        from: moment(began),
        until: Some(moment(until.max(began))),
        failed: false,
        answer: "the server does not show its answer".to_owned(),
        body: String::new(),
        memoized: Vec::new(),
        ran: Vec::new(),
    }
}

/// The attempts of a span, or the span itself.
fn attempts(span: &Value) -> impl Iterator<Item = &Value> {
    let children = span["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    let attempts = || children.iter().filter(|child| text(child, "name").starts_with("Attempt"));
    let itself = attempts().next().is_none().then_some(span);
    attempts().chain(itself)
}

fn reentry(span: &Value, earliest: SystemTime, order: u64) -> Option<Request> {
    let from = Moment { at: begin(span, earliest)?, order };
    let said = text(span, "status");
    let failed = said == "FAILED";
    let message = error_of(&span["output"]).filter(|_| failed).and_then(|error| error["message"].as_str());
    Some(Request {
        name: "the server calls the app".to_owned(),
        reentry: Some(String::new()),
        from,
        until: time(span, "endedAt").map(|at| Moment { at: at.max(from.at), order }),
        failed,
        answer: said.to_lowercase(),
        body: message.map(|message| shown_body(message.as_bytes())).unwrap_or_default(),
        memoized: Vec::new(),
        ran: Vec::new(),
    })
}

/// The error in an output, which a failed step and a failed attempt show without a word around it.
fn error_of(output: &Value) -> Option<&Value> {
    let error = output.get("error").filter(|error| error.is_object());
    error.or_else(|| Some(output).filter(|output| output["message"].is_string()))
}

fn step(span: &Value, earliest: SystemTime, order: u64) -> Step {
    let op = text(span, "stepOp");
    let kind = match op {
        "SLEEP" => BarKind::Sleep,
        "WAIT_FOR_EVENT" => BarKind::Event,
        "WAIT_FOR_SIGNAL" => BarKind::Signal,
        "INVOKE" => BarKind::Invoke,
        "AI_GATEWAY" | "GATEWAY" | "FETCH" => BarKind::Call,
        _ => BarKind::Attempt,
    };
    let failed = text(span, "status") == "FAILED";
    let error = error_of(&span["output"]).filter(|_| failed);
    let value = error.or(span["output"].get("data")).filter(|value| !value.is_null());
    let bars = attempts(span).filter_map(|attempt| {
        let from = begin(attempt, earliest)?;
        let until = time(attempt, "endedAt");
        let message = error_of(&attempt["output"]).and_then(|error| error["message"].as_str());
        Some(Bar {
            kind,
            from: Moment { at: from, order },
            until: until.map(|at| Moment { at: at.max(from), order }),
            outcome: standing(kind, text(attempt, "status")).1,
            words: message.filter(|_| text(attempt, "status") == "FAILED").unwrap_or_default().to_owned(),
            due: None,
            by: None,
            took: until.and_then(|until| until.duration_since(from).ok()),
        })
    });
    Step {
        label: text(span, "name").to_owned(),
        hash: text(span, "stepId").to_owned(),
        op: op.to_owned(),
        status: standing(kind, text(span, "status")).0,
        value: value.map(shown),
        bars: bars.collect(),
    }
}

/// What a span's status says.
fn standing(kind: BarKind, status: &str) -> (StepStatus, BarOutcome) {
    match status {
        "COMPLETED" => (StepStatus::Completed, BarOutcome::Done),
        "FAILED" | "CANCELLED" => (StepStatus::Failed, BarOutcome::Failed),
        "TIMED_OUT" => (StepStatus::TimedOut, BarOutcome::TimedOut),
        _ if kind == BarKind::Attempt => (StepStatus::Planned, BarOutcome::Open),
        _ => (StepStatus::Waiting, BarOutcome::Open),
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

fn begin(span: &Value, earliest: SystemTime) -> Option<SystemTime> {
    time(span, "startedAt").or(time(span, "queuedAt")).filter(|at| *at >= earliest)
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
