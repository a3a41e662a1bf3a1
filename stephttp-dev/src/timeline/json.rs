//! A timeline for the page.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::axis::Axis;
use super::svg::{bar_words, request_title};
use super::{Bar, BarOutcome, NoteKind, Timeline};
use crate::clock::Moment;

/// How many steps the page is given.
const STEPS: usize = 1_000;

impl Timeline {
    /// What the page draws: places between 0 and 1 on the compressed axis, and milliseconds since
    /// the run's beginning.
    pub(crate) fn page_json(&self) -> Value {
        let axis = Axis::of(self);
        let millis = |at: SystemTime| self.since(at).as_secs_f64() * 1000.0;
        let span = |from: Moment, until: Option<Moment>| {
            let end = until.unwrap_or(self.last());
            json!({"x": [axis.x(from), axis.x(end)], "t": [millis(from.at), millis(end.at)], "open": until.is_none()})
        };
        let requests = self.requests.iter().enumerate().map(|(n, request)| {
            let mut one = span(request.from, request.until);
            one["n"] = n.into();
            one["name"] = request.name.as_str().into();
            one["failed"] = request.failed.into();
            one["answer"] = request.answer.as_str().into();
            one["body"] = request.body.as_str().into();
            one["title"] = request_title(n, request).into();
            one["special"] = request.reentry.as_deref().unwrap_or_default().into();
            one["memoized"] = request.memoized.as_slice().into();
            one["ran"] = request.ran.as_slice().into();
            one
        });
        let bar = |bar: &Bar| {
            let mut one = span(bar.from, bar.until);
            one["kind"] = bar.kind.as_str().into();
            one["outcome"] = outcome(bar.outcome).into();
            one["words"] = bar_words(bar).into();
            one["due"] = bar.due.map(millis).into();
            one
        };
        let steps = self.steps.iter().take(STEPS).map(|step| {
            json!({
                "label": step.label,
                "hash": step.hash,
                "op": step.op,
                "status": format!("{:?}", step.status),
                "hidden": step.is_hidden(),
                "value": step.value,
                "bars": step.bars.iter().map(bar).collect::<Vec<_>>(),
            })
        });
        let calls = self.calls.iter().filter(|call| call.saves).map(|call| {
            let at = call.at;
            json!({"x": axis.x(at), "t": millis(at.at), "request": call.request, "status": call.status})
        });
        let notes = self.notes.iter().map(|note| {
            let violation = note.kind == NoteKind::Violation;
            json!({
                "x": axis.x(note.at), "t": millis(note.at.at), "violation": violation, "words": note.words,
            })
        });
        let marks = axis.marks(self.began);
        let marks = marks.iter().map(|mark| json!({"x": mark.x, "end": mark.end, "text": mark.text}));
        json!({
            "run": self.run_id,
            "function": self.function,
            "status": self.status.as_str(),
            "began": self.began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64,
            "took": millis(self.last().at),
            "requests": requests.collect::<Vec<_>>(),
            "steps": steps.collect::<Vec<_>>(),
            "stepsInAll": self.steps.len(),
            "calls": calls.collect::<Vec<_>>(),
            "notes": notes.collect::<Vec<_>>(),
            "marks": marks.collect::<Vec<_>>(),
            "response": self.response.as_ref().map(|response| {
                json!({"status": response.status, "body": response.body})
            }),
        })
    }
}

/// A class of the page's.
fn outcome(outcome: BarOutcome) -> &'static str {
    match outcome {
        BarOutcome::Open => "open",
        BarOutcome::Done => "done",
        BarOutcome::Retried => "retried",
        BarOutcome::Failed => "failed",
        BarOutcome::TimedOut => "timedout",
    }
}
