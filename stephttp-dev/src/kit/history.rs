//! What happened in a run, as a text for people whose assertion has failed. The only place that
//! writes it.

use super::shared::Shared;
use super::step::TestStep;
use crate::inspect::{RunStatus, RunView, is_hidden};
use crate::text::cut;

/// The characters of a value that are shown.
const MOST: usize = 160;

/// The lines of the timeline that are told.
const LINES: usize = 40;

/// The visible steps of a run, in the order in which they were first reported.
pub(super) fn steps(shared: &Shared, run: &RunView) -> Vec<TestStep> {
    let seen = shared.record.lock();
    let visible = run.steps.iter().filter(|step| !is_hidden(&step.id));
    let step = |view: &crate::inspect::StepView| {
        let kind =
            seen.attempts(&run.id).find(|attempt| attempt.hash == view.hash).map(|attempt| attempt.kind);
        let output = seen.output(&run.id, &view.hash).cloned();
        TestStep::new(view.clone(), kind, output, seen.executions_of(&run.id, &view.hash))
    };
    visible.map(step).collect()
}

/// What happened in a run so far: its status, its steps with each of their attempts and what they
/// gave before middlewares changed it, its response, and then what happened when.
pub(super) fn history(shared: &Shared, run_id: &str) -> String {
    let Some(run) = shared.engine.run(run_id) else {
        let mut lines = vec![format!("Run {run_id}: Inngest does not know it yet.")];
        lines.extend(unreported(shared, run_id, &[]));
        return lines.join("\n");
    };
    let dispatches = shared.engine.dispatches();
    let reentries = dispatches.iter().filter(|dispatch| dispatch.run_id == run.id).count();
    let reentries = match reentries {
        1 => "1 re-entry".to_owned(),
        n => format!("{n} re-entries"),
    };
    let mut lines = vec![format!(
        "Run {} of `{}`: {}, after the first request and {reentries}.",
        run.id,
        run.function,
        run.status.as_str()
    )];
    let steps = steps(shared, &run);
    if steps.is_empty() {
        lines.push("  no steps".to_owned());
    }
    for step in &steps {
        lines.push(format!("  `{}` ({}): {:?}{}", step.id(), step.kind(), step.status(), what(step)));
        lines.extend(attempts(shared, &run.id, step));
    }
    lines.extend(unreported(shared, run_id, &steps));
    lines.push(match (&run.response, run.status) {
        (Some(response), _) => format!("  response: {} {}", response.status, cut(&response.body, MOST)),
        (None, RunStatus::Running) => "  no response yet".to_owned(),
        (None, _) if run.output.is_empty() => "  no response".to_owned(),
        (None, _) => format!("  no response; Inngest has {}", cut(&run.output, MOST)),
    });
    if let Some(timeline) = shared.engine.timeline(run_id) {
        lines.push("When:".to_owned());
        lines.extend(timeline.written(LINES));
    }
    lines.join("\n")
}

/// What a step came to.
fn what(step: &TestStep) -> String {
    match (step.error(), step.value()) {
        (Some(error), _) => format!(": {}", cut(error, MOST)),
        (None, Some(value)) => format!(": {}", cut(&value.to_string(), MOST)),
        (None, None) => String::new(),
    }
}

/// A step's attempts, if there is more to say than what it came to.
fn attempts(shared: &Shared, run_id: &str, step: &TestStep) -> Vec<String> {
    let seen = shared.record.lock();
    let of_step: Vec<_> = seen.attempts(run_id).filter(|attempt| attempt.hash == step.view().hash).collect();
    if of_step.len() < 2 && of_step.iter().all(|attempt| !attempt.mocked) {
        return Vec::new();
    }
    let line = |(nth, attempt): (usize, &&super::record::Attempt)| {
        let by = if attempt.mocked { ", by its mock" } else { "" };
        let how = match &attempt.outcome {
            Some(Ok(())) => "ended well".to_owned(),
            Some(Err(error)) => format!("failed: {}", cut(error, MOST)),
            None => "did not end".to_owned(),
        };
        format!("    attempt {}{by}: {how}", nth + 1)
    };
    of_step.iter().enumerate().map(line).collect()
}

/// Steps that have run and that Inngest was not told of.
fn unreported(shared: &Shared, run_id: &str, steps: &[TestStep]) -> Vec<String> {
    let seen = shared.record.lock();
    let is_known = |hash: &str| steps.iter().any(|step| step.view().hash == hash);
    let unknown = seen.attempts(run_id).filter(|attempt| !is_known(&attempt.hash));
    unknown
        .map(|attempt| format!("  `{}` has run, and Inngest was not told of it", attempt.label()))
        .collect()
}
