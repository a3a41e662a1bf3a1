//! Compares what came of a scenario with what had to come.

use axum::http::StatusCode;
use serde_json::Value;

use crate::client::Received;
use crate::scenario::{Answer, RunEnd, Said};

/// What a server shows of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `COMPLETED` or `FAILED`.
    pub(crate) status: String,
    /// The steps of the handler in their order; the SDK's own are hidden.
    pub(crate) steps: Vec<String>,
}

/// How many characters of a value are shown when it is wrong.
const SHOWN: usize = 400;

pub(crate) fn answer(expected: &Answer, received: &Received) -> Result<(), String> {
    let body = String::from_utf8_lossy(&received.body);
    let whole = format!("{} {}", received.status, short(&body));
    let status = StatusCode::from_u16(expected.status).expect("a status");
    if (expected.at_once, status) != (received.at_once, received.status) {
        let how = if expected.at_once { "at once" } else { "by a redirect" };
        return Err(format!("the client must get {status} {how}, but got {whole}"));
    }
    for (name, value) in &expected.headers {
        if received.headers.get(*name).is_none_or(|got| got != value) {
            let got = received.headers.get(*name);
            return Err(format!("the answer's `{name}` must be `{value}`, but is {got:?}"));
        }
    }
    expected.body.check(&body)
}

impl Said {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    fn check(&self, body: &str) -> Result<(), String> {
        let (same, wanted) = match self {
            Self::Text(text) => (text == body, text.clone()),
            Self::Json(json) => {
                (serde_json::from_str::<Value>(body).is_ok_and(|body| body == *json), json.to_string())
            }
        };
        let wrong = || format!("the answer must be {}, but is {}", short(&wanted), short(body));
        if same { Ok(()) } else { Err(wrong()) }
    }
}

/// Compares a run's end, its steps and its effects.
pub(crate) fn run(expected: &RunEnd, seen: &Seen, effects: &[String]) -> Result<(), String> {
    shown(expected, seen)?;
    let (did, expected) = (sorted(effects), sorted(&expected.did));
    let wrong = || format!("the run must have done {expected:?}, but did {did:?}");
    if did == expected { Ok(()) } else { Err(wrong()) }
}

/// Compares what the server shows.
pub(crate) fn shown(expected: &RunEnd, seen: &Seen) -> Result<(), String> {
    if seen.status != expected.status {
        return Err(format!("the run must be {}, but is {}", expected.status, seen.status));
    }
    let mut steps = seen.steps.as_slice();
    for group in &expected.shows {
        let group = sorted(&group.split(" | ").map(str::to_owned).collect::<Vec<_>>());
        let (head, tail) = steps.split_at(group.len().min(steps.len()));
        if sorted(head) != group {
            return Err(format!("the run must show {:?}, but shows {:?}", expected.shows, seen.steps));
        }
        steps = tail;
    }
    let wrong = || format!("beside {:?} the run shows {steps:?}", expected.shows);
    if steps.is_empty() { Ok(()) } else { Err(wrong()) }
}

fn sorted(texts: &[String]) -> Vec<String> {
    let mut sorted = texts.to_vec();
    sorted.sort();
    sorted
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}…` ({} bytes)", &text[..end], text.len()),
        None => format!("`{text}`"),
    }
}
