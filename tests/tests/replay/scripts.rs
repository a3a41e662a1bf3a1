//! Which runs are recorded, and how far they get.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use stephttp_dev::Recording;

/// A run that is recorded.
pub(crate) struct Script {
    /// The recording's file, without its ending.
    pub(crate) name: &'static str,
    /// Its path, with the query.
    pub(crate) path: &'static str,
    pub(crate) until: Until,
    request: fn(RequestBuilder) -> RequestBuilder,
    pub(crate) is_get: bool,
    /// Its values are sealed.
    pub(crate) is_sealed: bool,
    /// The run is sent this event when it waits for it: the step, and the event.
    pub(crate) event: Option<(&'static str, &'static str)>,
}

/// When a run is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Ended,
    /// So many of its handler's steps are stored, and it waits at these.
    Waits(usize, &'static [&'static str]),
}

impl Until {
    /// Whether a recorded run has come so far.
    pub(crate) fn holds(self, recording: &Recording) -> bool {
        let Self::Waits(stored, steps) = self else { return recording.end.is_some() };
        let own = recording.steps.iter().filter(|step| !step.id.starts_with("stephttp:")).count();
        let waits = |id: &&str| recording.waiting.iter().any(|step| step.id == *id);
        own == stored && steps.iter().all(waits)
    }
}

impl Script {
    fn new(name: &'static str, path: &'static str, until: Until) -> Self {
        let request = |request| request;
        Self { name, path, until, request, is_get: false, is_sealed: false, event: None }
    }

    pub(crate) fn request(&self, client: &Client, origin: &str) -> RequestBuilder {
        let url = format!("{origin}{}", self.path);
        (self.request)(if self.is_get { client.get(url) } else { client.post(url) })
    }
}

fn order(request: RequestBuilder) -> RequestBuilder {
    request.json(&json!({ "cents": 990, "card": "4242" }))
}

/// The data of the events that runs wait for.
pub(crate) fn event_data() -> Value {
    json!({ "by": "Ada" })
}

pub(crate) fn all() -> Vec<Script> {
    use Until::{Ended, Waits};
    let new = Script::new;
    vec![
        Script { request: order, ..new("sequence", "/sequence?secs=1", Ended) },
        Script {
            request: order,
            ..new("sequence-in-flight", "/sequence?secs=7200", Waits(1, &["cool-off"]))
        },
        Script {
            event: Some(("approval", "replay/approved-found")),
            ..new("approval-found", "/approval?secs=7200&of=found", Ended)
        },
        new("approval-timed-out", "/approval?secs=1&of=nobody", Ended),
        new("approval-in-flight", "/approval?secs=7200&of=nobody", Waits(1, &["approval"])),
        new("fan-out", "/fan-out?secs=1", Ended),
        new("fan-out-in-flight", "/fan-out?secs=7200", Waits(3, &["settle"])),
        new("branches", "/branches?secs=1", Ended),
        new("branches-in-flight", "/branches?secs=7200", Waits(2, &["right waits"])),
        new("race", "/race?secs=1&of=nobody", Ended),
        Script {
            event: Some(("answer", "replay/answered-in-flight")),
            ..new("race-in-flight", "/race?secs=7200&of=in-flight", Waits(2, &["rest"]))
        },
        new("race-of-runs", "/race-of-runs?secs=1", Ended),
        new("retried", "/retried", Ended),
        new("failed", "/failed?secs=1", Ended),
        new("caught", "/caught?secs=1", Ended),
        new("large", "/large?secs=1", Ended),
        new("repeated-in-flight", "/repeated?secs=7200", Waits(1, &["pause"])),
        new("repeated", "/repeated?secs=1", Ended),
        Script {
            is_get: true,
            request: |request| request.header("x-tenant", "Ada"),
            ..new("remembers", "/remembers?secs=7200", Waits(1, &["pause"]))
        },
        new("invokes", "/invokes", Ended),
        new("signal-in-flight", "/signal?secs=7200", Waits(0, &["go"])),
        new("dropped", "/dropped?secs=1", Ended),
        new("sends", "/sends?secs=1", Ended),
        Script {
            request: |request| request.header("accept", "text/event-stream"),
            ..new("streamed", "/streamed?secs=1", Ended)
        },
        new("at-once", "/at-once", Ended),
        Script { is_sealed: true, request: order, ..new("sealed", "/sequence?secs=1", Ended) },
        Script {
            is_sealed: true,
            request: order,
            ..new("sealed-in-flight", "/sequence?secs=7200", Waits(1, &["cool-off"]))
        },
    ]
}
