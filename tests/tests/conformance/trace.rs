//! Reads a run's trace, as `/api/v2/runs/{id}/trace` gives it.

use serde_json::Value;

/// Whether a step is the SDK's own.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with("stephttp:")
}

/// A step of a run, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// When it began, as text that can be compared. A real server shows milliseconds.
    pub(crate) began: String,
}

/// A run's steps, in the order in which they began.
///
/// A step can have several spans, such as one for its planning and one for each attempt; it counts
/// once.
pub(crate) fn steps(trace: &Value) -> Vec<Step> {
    let mut spans = spans(trace);
    // A whole second has no fraction: without the `Z` it comes before its milliseconds.
    let begin =
        |span: &Value| ["startedAt", "queuedAt"].map(|key| text(span, key).trim_end_matches('Z').to_owned());
    spans.sort_by_key(|span| begin(span));
    let mut known = Vec::new();
    let mut steps = Vec::new();
    for span in spans {
        let (id, name) = (text(span, "stepId"), text(span, "name"));
        if !id.is_empty() && !known.contains(&id) && !is_hidden(name) {
            known.push(id);
            let [began, _] = begin(span);
            steps.push(Step { name: name.to_owned(), began });
        }
    }
    steps
}

/// Whether a step has begun and not ended.
pub(crate) fn is_open(trace: &Value, step: &str) -> bool {
    let ended = ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"];
    spans(trace).iter().any(|span| text(span, "name") == step && !ended.contains(&text(span, "status")))
}

fn spans(trace: &Value) -> Vec<&Value> {
    trace["data"]["rootSpan"]["children"].as_array().map(|spans| spans.iter().collect()).unwrap_or_default()
}

fn text<'a>(span: &'a Value, key: &str) -> &'a str {
    span[key].as_str().unwrap_or_default()
}
