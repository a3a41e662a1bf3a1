//! What happened in a pass, for people.

use std::fmt::Write as _;

use crate::server::DevServer;

/// What happened on an engine, for whoever has to find out why: the [timeline](crate::Timeline) of
/// each of its runs, and its events.
#[must_use]
pub fn history(engine: &DevServer) -> String {
    let mut text = String::from("what happened:");
    for run in engine.runs() {
        if let Some(timeline) = engine.timeline(&run.id) {
            let _ = write!(text, "\n{timeline}");
        }
    }
    for event in engine.events() {
        let _ = write!(text, "\nevent {} {}, woke {}", event.name, event.data, event.woken);
    }
    text
}
