//! What happened in a pass, for people.

use std::fmt::Write as _;

use crate::server::DevServer;

/// How many characters of a step's value are shown.
const VALUE: usize = 80;

/// How many characters of a body are shown.
const BODY: usize = 300;

/// What happened on an engine, for whoever has to find out why: its runs with their steps, the
/// calls to it, and its re-entries.
#[must_use]
pub fn history(engine: &DevServer) -> String {
    let mut story = String::from("what happened:");
    for run in engine.runs() {
        let _ = write!(story, "\n  run {} is {:?}, {} outstanding", run.id, run.status, run.outstanding);
        for step in &run.steps {
            let value = step.value.as_ref().map(ToString::to_string).unwrap_or_default();
            let (status, id, op, attempts) = (step.status, &step.id, &step.op, step.attempts);
            let _ = write!(story, "\n    {status:?} `{id}` {op:?} ×{attempts} {}", short(&value, VALUE));
        }
    }
    for call in engine.calls() {
        let body = short(&String::from_utf8_lossy(&call.body), BODY);
        let _ = write!(story, "\n  {} {} {:?} {body}", call.method, call.path, call.status);
    }
    for dispatch in engine.dispatches() {
        let body = short(&String::from_utf8_lossy(&dispatch.response_body), BODY);
        let (step, generation) = (&dispatch.step_id, dispatch.generation);
        let (status, error) = (dispatch.status, &dispatch.error);
        let _ = write!(story, "\n  re-entry {step:?} generation {generation}: {status:?} {body} {error:?}");
    }
    story
}

fn short(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
