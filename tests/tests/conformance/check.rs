//! Compares what came of a scenario with what had to come.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::client::Received;
use crate::reader::Shown;
use crate::scenario::{Answer, Lenient, RunEnd, Said, Streamed};
use crate::trace::Step;

/// What a server shows of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `COMPLETED`, `FAILED` or `CANCELLED`.
    pub(crate) status: String,
    /// It is shown when the run ended. Without that a status is what is left of lost spans.
    pub(crate) has_end: bool,
    /// The steps of the handler in their order; the SDK's own are hidden.
    pub(crate) steps: Vec<Step>,
    /// Steps that began at the same time are in their order, too: the dev engine's are.
    pub(crate) in_order: bool,
}

/// What a real server itself knows of a run that has ended, beside what it shows of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// `/v1/runs/{id}` has it, which does not come from the trace.
    pub(crate) status: String,
    /// There is no state of the run any more, so that it has ended.
    pub(crate) is_over: bool,
}

impl Known {
    /// Whether a status is not the run's, but what is left of a trace whose spans were lost
    /// (docs/protocol.md 9.5).
    pub(crate) fn excuses(&self, expected: Option<&str>, seen: &Seen) -> bool {
        let ended = ENDED.contains(&seen.status.as_str());
        let same = expected.is_none_or(|expected| expected == self.status);
        // Also one that is not shown at all: that the server was told of it is checked by itself.
        (self.is_over && !ended) || (same && ENDED.contains(&&*self.status) && !seen.has_end)
    }
}

const ENDED: [&str; 3] = ["COMPLETED", "FAILED", "CANCELLED"];

/// In what a real server's view differs from the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) what: String,
    /// The scenario says that this may be, so that waiting for another view is in vain.
    pub(crate) declared: bool,
}

/// Bytes of a text that takes long to be streamed.
const LONG: usize = 64 * 1024;

/// How many characters of a value are shown when it is wrong.
const SHOWN: usize = 400;

/// What has gone wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    None,
    /// One thing. `loses_text`: a client's stream may lack what was under way.
    Some {
        loses_text: bool,
    },
}

pub(crate) fn answer(expected: &Answer, received: &Received, faults: Faults) -> Result<(), String> {
    let body = String::from_utf8_lossy(&received.body);
    let whole = format!("{} {}", received.status, short(&body));
    let right = expected.allows(received.status.as_u16())
        && expected.at_once.is_none_or(|at_once| at_once == received.at_once);
    if !right {
        let how = match expected.at_once {
            Some(true) => " at once",
            Some(false) => " by a redirect",
            None => "",
        };
        return Err(format!("the client must get {}{how}, but got {whole}", text_of(&expected.statuses)));
    }
    for (name, value) in &expected.headers {
        if received.headers.get(*name).is_none_or(|got| got != value) {
            let got = received.headers.get(*name);
            return Err(format!("the answer's `{name}` must be `{value}`, but is {got:?}"));
        }
    }
    if let Some(name) = expected.without_headers.iter().find(|name| received.headers.contains_key(**name)) {
        return Err(format!("the answer must have no `{name}`, but has {:?}", received.headers[*name]));
    }
    expected.body.check(&body)?;
    let Some(streamed) = &expected.streams else { return Ok(()) };
    let shown = received.shown.as_ref().ok_or("the client must read a stream, but got a response")?;
    match faults {
        Faults::None => strictly(streamed, shown),
        Faults::Some { loses_text } => loosely(streamed, shown, loses_text),
    }
}

/// Nothing has gone wrong: all of it is shown, in its order.
fn strictly(streamed: &Streamed, shown: &[Shown]) -> Result<(), String> {
    let (mut shown, mut wanted) = (texts(shown), streamed.shown.clone());
    if streamed.in_any_order {
        shown.sort();
        wanted.sort();
    }
    let wrong = || format!("the stream must show {}, but shows {}", listed(&wanted), listed(&shown));
    if shown == wanted { Ok(()) } else { Err(wrong()) }
}

/// What holds whatever goes wrong: each step's text is shown once at most, and whole. A push
/// outside of steps may come again with its request. Nothing is missing unless a part of the stream
/// was lost, or the process that passed it on.
fn loosely(streamed: &Streamed, shown: &[Shown], loses_text: bool) -> Result<(), String> {
    let wrong = |what: &str| {
        let (wanted, shown) = (listed(&streamed.shown), listed(&texts(shown)));
        Err(format!("{what}: the stream must show {wanted}, but shows {shown}"))
    };
    let mut missing = streamed.shown.clone();
    for one in shown {
        match missing.iter().position(|text| *text == one.text) {
            Some(place) => drop(missing.swap_remove(place)),
            None if !one.of_step && streamed.shown.contains(&one.text) => {}
            None => return wrong("a text is shown twice, or none that a step ended with"),
        }
    }
    // What Inngest takes too slowly is broken off, and so slow is a machine that sweeps.
    missing.retain(|text| text.len() < LONG);
    if missing.is_empty() || loses_text { Ok(()) } else { wrong("something is missing") }
}

fn texts(shown: &[Shown]) -> Vec<String> {
    shown.iter().map(|one| one.text.clone()).collect()
}

fn listed(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| format!("{:?} ({} bytes)", short(text), text.len()))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Answer {
    /// Whether it may have this status.
    pub(crate) fn allows(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }
}

fn text_of(statuses: &[RangeInclusive<u16>]) -> String {
    let text = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
        (low, high) if low == high => low.to_string(),
        (low, high) => format!("{low} to {high}"),
    };
    statuses.iter().map(text).collect::<Vec<_>>().join(" or ")
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
            Self::Containing(parts) => {
                (parts.iter().all(|part| body.contains(part)), format!("something with {parts:?}"))
            }
            Self::Anything => return Ok(()),
        };
        let wrong = || format!("the answer must be {}, but is {}", short(&wanted), short(body));
        if same { Ok(()) } else { Err(wrong()) }
    }
}

/// Compares a run's end, its steps and its effects. Nothing is lenient.
pub(crate) fn run(expected: &RunEnd, seen: &Seen, did: &[String]) -> Result<(), String> {
    shown(expected, seen)?;
    effects(expected, did)
}

/// Compares a run's effects.
pub(crate) fn effects(expected: &RunEnd, did: &[String]) -> Result<(), String> {
    let (did, wanted) = (sorted(did), sorted(&expected.did));
    if expected.at_most {
        let mut left = wanted.clone();
        let too_many = did.iter().any(|effect| match left.iter().position(|known| known == effect) {
            Some(place) => {
                left.swap_remove(place);
                false
            }
            None => true,
        });
        let wrong = || format!("the run must have done {wanted:?} at most, but did {did:?}");
        return if too_many { Err(wrong()) } else { Ok(()) };
    }
    let wrong = || format!("the run must have done {wanted:?}, but did {did:?}");
    if did == wanted { Ok(()) } else { Err(wrong()) }
}

/// Compares what the server shows. Nothing is lenient.
pub(crate) fn shown(expected: &RunEnd, seen: &Seen) -> Result<(), String> {
    match view(expected, seen, &Known::default())?.into_iter().next() {
        None => Ok(()),
        Some(lag) => Err(format!("the run's view {}", lag.what)),
    }
}

/// Compares what a real server shows, where its view may lag behind the run; answers in what it
/// does.
pub(crate) fn view(expected: &RunEnd, seen: &Seen, known: &Known) -> Result<Vec<Lag>, String> {
    let mut lags = Vec::new();
    let ended = ENDED.contains(&seen.status.as_str());
    let wrong = || format!("the run must be {}, but is {}", expected.status.unwrap_or("over"), seen.status);
    match expected.status {
        None if ended => {}
        Some(status) if seen.status == status => {}
        status if known.excuses(status, seen) => {
            let what = format!(
                "shows `{}` of a run that the server knows to have ended as it must (docs/protocol.md 9.5)",
                seen.status
            );
            lags.push(Lag { what, declared: false });
        }
        _ => match expected.lenient.iter().find_map(Lenient::of_status).filter(|_| ended) {
            Some(reason) => {
                lags.push(Lag { what: format!("shows {}: {reason}", seen.status), declared: true });
            }
            None => return Err(wrong()),
        },
    }
    if expected.any_steps {
        return Ok(lags);
    }
    let (missing, in_order) = missing(&expected.shows, seen)?;
    match expected.lenient.iter().find_map(Lenient::of_order) {
        _ if in_order => {}
        Some(reason) => lags.push(Lag { what: format!("shows another order: {reason}"), declared: true }),
        None => return Err(format!("the run must show {:?}, but shows {:?}", expected.shows, names(seen))),
    }
    let undeclared: Vec<&String> = missing
        .iter()
        .filter(|name| match expected.lenient.iter().find_map(|lenient| lenient.of_step(name)) {
            Some(reason) => {
                lags.push(Lag { what: format!("does not show `{name}`: {reason}"), declared: true });
                false
            }
            None => true,
        })
        .collect();
    if !undeclared.is_empty() {
        lags.push(Lag {
            what: format!("does not show {undeclared:?} (docs/protocol.md 9.5)"),
            declared: false,
        });
    }
    Ok(lags)
}

fn names(seen: &Seen) -> Vec<&str> {
    seen.steps.iter().map(|step| step.name.as_str()).collect()
}

/// The steps that are not shown, and whether those that are shown are in their order. There must be
/// no others.
fn missing(expected: &[String], seen: &Seen) -> Result<(Vec<String>, bool), String> {
    let mut in_order = true;
    let mut rest: Vec<(usize, &Step)> = seen.steps.iter().enumerate().collect();
    let mut missing = Vec::new();
    let before = |(place, step): &(usize, &Step), (other_place, other): &(usize, &Step)| {
        // When a span was lost, nobody knows when its step began.
        let known = !step.began.is_empty() && !other.began.is_empty();
        (known && step.began < other.began) || (seen.in_order && place < other_place)
    };
    for group in expected {
        let mut last: Option<(usize, &Step)> = None;
        for name in group.split(" | ") {
            match rest.iter().position(|(_, step)| step.name == name) {
                Some(place) => {
                    let step = rest.remove(place);
                    last = Some(last.filter(|last| before(&step, last)).unwrap_or(step));
                }
                None => missing.push(name.to_owned()),
            }
        }
        // Whatever is left comes later.
        in_order &= !last.is_some_and(|last| rest.iter().any(|step| before(step, &last)));
    }
    let wrong = || format!("the run must show {expected:?}, but shows {:?}", names(seen));
    if rest.is_empty() { Ok((missing, in_order)) } else { Err(wrong()) }
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
