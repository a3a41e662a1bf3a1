//! A run without what differs from one test run to the next.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::run::TestRun;
use super::shared::Shared;
use super::step::TestStep;
use crate::inspect::RunView;

/// A run in a form that is the same each time the test runs: for `insta::assert_snapshot!`, which
/// takes its `Display`, or `insta::assert_json_snapshot!`, which takes its `Serialize`.
///
/// It has the visible steps with their kinds, statuses, attempts and results, and the response's
/// status and body. In place of what changes there is `[run]` (the run's id, in idempotency keys
/// too), `[app]` and `[inngest]` (the origins) and `[event]` (the ids of events that steps sent).
/// Of an event that a step has waited for there are the name and the data. What the app's own code
/// makes up, such as random ids and times, is not replaced: [mock](super::TestApp::mock) the step
/// that does. Steps that run beside each other are in the order in which they were reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunSnapshot {
    /// The function's id.
    pub function: String,
    /// The run's status, such as `Completed`.
    pub status: &'static str,
    /// The visible steps.
    pub steps: Vec<StepSnapshot>,
    /// The response, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseSnapshot>,
}

/// A step in a [`RunSnapshot`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepSnapshot {
    /// The step's id.
    pub step: String,
    /// The method of `Step` that makes it, such as `run`.
    pub kind: &'static str,
    /// Its status, such as `Completed`.
    pub status: String,
    /// How often its code was executed; 0 for what Inngest does.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// What it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What it failed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A response in a [`RunSnapshot`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ResponseSnapshot {
    /// The status.
    pub status: u16,
    /// The body: as JSON if it is that, else as a text.
    pub body: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl TestRun {
    /// The run as it stands, without what differs from one test run to the next. Await its
    /// [`response`](Self::response) or [`ended`](Self::ended) first.
    ///
    /// # Panics
    /// When the engine does not know the run yet.
    #[must_use]
    #[track_caller]
    pub fn snapshot(&self) -> RunSnapshot {
        let Some(run) = self.view() else {
            panic!(
                "the run is not reported yet: await `run.ended()` or `run.response()` first.\n{}",
                self.history()
            )
        };
        let unstable = Unstable::of(self.shared(), &run);
        let steps = self.steps().iter().map(|step| unstable.step(step)).collect();
        let own = self.shared().record.lock().body(&run.id).map(str::to_owned);
        let response = run.response.map(|response| {
            let body = own.unwrap_or(response.body);
            let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
            ResponseSnapshot { status: response.status, body: unstable.value(body) }
        });
        RunSnapshot { function: run.function, status: run.status.as_str(), steps, response }
    }
}

/// Texts that differ from one test run to the next, and what stands in their place.
struct Unstable(Vec<(String, &'static str)>);

impl Unstable {
    fn of(shared: &Shared, run: &RunView) -> Self {
        let mut texts = vec![
            (run.id.clone(), "[run]"),
            (shared.origin.clone(), "[app]"),
            (shared.engine.url().to_owned(), "[inngest]"),
        ];
        // A short one is its sender's, and may be part of other texts.
        let events = shared.engine.events().into_iter().filter(|event| event.id.len() >= 20);
        texts.extend(events.map(|event| (event.id, "[event]")));
        Self(texts)
    }

    fn step(&self, step: &TestStep) -> StepSnapshot {
        let mut output = step.value().cloned();
        if step.kind() == "wait_for_event"
            && let Some(Value::Object(event)) = &mut output
        {
            event.retain(|name, _| name == "name" || name == "data");
        }
        StepSnapshot {
            step: step.id(),
            kind: step.kind(),
            status: format!("{:?}", step.status()),
            attempts: step.attempts(),
            output: output.map(|output| self.value(output)),
            error: step.error().map(|error| self.text(error.to_owned())),
        }
    }

    fn text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, (unstable, stable)| text.replace(unstable, stable))
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, field)| (self.text(name), self.value(field))).collect()
            }
            other => other,
        }
    }
}

/// One line for the run, one for each step, and one for the response.
impl fmt::Display for RunSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.function, self.status)?;
        for step in &self.steps {
            write!(f, "\n- {} ({}): {}", step.step, step.kind, step.status)?;
            if step.attempts > 1 {
                write!(f, " after {} attempts", step.attempts)?;
            }
            match (&step.error, &step.output) {
                (Some(error), _) => write!(f, ": {error}")?,
                (None, Some(output)) if !output.is_null() => write!(f, ": {output}")?,
                (None, _) => {}
            }
        }
        match &self.response {
            Some(response) => write!(f, "\nresponse: {} {}", response.status, response.body),
            None => write!(f, "\nno response"),
        }
    }
}
