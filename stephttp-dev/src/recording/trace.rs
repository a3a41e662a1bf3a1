//! A run's steps, as a server's trace shows them.

use inngest::wire::StepHash;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::RecordedStep;
use crate::inspect::is_hidden;

/// A span of a trace.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Span {
    name: String,
    step_id: Option<String>,
    step_op: Option<String>,
    status: String,
    ended_at: Option<String>,
    output: Option<Box<RawValue>>,
    children: Vec<Span>,
    /// Of the root: the event.
    pub(super) input: Option<Box<RawValue>>,
}

/// A step of a trace: one that was tried again has several spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) hash: &'a str,
    pub(super) name: &'a str,
    /// The span that says most.
    span: &'a Span,
    tied: bool,
}

/// The most uses of an id that are looked for.
const USES: u32 = 1_000;

/// The steps of a trace in the order in which they ended, as far as its times tell. Those that have
/// not ended are last.
pub(super) fn in_order(root: &Span) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for span in &root.children {
        let Some(hash) = span.step_id.as_deref() else { continue };
        match steps.iter_mut().find(|step| step.hash == hash) {
            Some(step) if rank(span) > rank(step.span) => step.span = span,
            Some(_) => {}
            None => steps.push(Step { hash, name: &span.name, span, tied: false }),
        }
    }
    steps.sort_by_key(|step| (step.ended_at().is_none(), step.ended_at()));
    let handlers = |step: &Step<'_>| !is_hidden(step.name);
    let mut last = None;
    for step in steps.iter_mut().filter(|step| handlers(step)) {
        let ended = step.ended_at();
        step.tied = ended.is_some() && ended == last;
        last = ended;
    }
    steps
}

/// A span that has ended says more than one that goes on, and one that ended well says all.
fn rank(span: &Span) -> (u8, bool) {
    let status = match span.status.as_str() {
        "COMPLETED" => 2,
        "FAILED" => 1,
        _ => 0,
    };
    (status, span.step_op.is_some())
}

/// A time to the millisecond, for comparing: seconds as they are written, and milliseconds.
fn instant(text: &str) -> (String, u32) {
    let text = text.trim_end_matches('Z');
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let millis = format!("{fraction:0<3}").get(..3).and_then(|millis| millis.parse().ok());
    (seconds.to_owned(), millis.unwrap_or_default())
}

impl Step<'_> {
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.span.status.as_str(), "COMPLETED" | "FAILED" | "TIMED_OUT")
    }

    fn ended_at(&self) -> Option<(String, u32)> {
        self.span.ended_at.as_deref().filter(|_| self.has_ended()).map(instant)
    }

    fn op(&self) -> &'static str {
        match self.span.step_op.as_deref() {
            Some("SLEEP") => "Sleep",
            Some("WAIT_FOR_EVENT") => "WaitForEvent",
            Some("WAIT_FOR_SIGNAL") => "WaitForSignal",
            Some("INVOKE") => "InvokeFunction",
            Some("AI_GATEWAY") => "AIGateway",
            Some("GATEWAY") => "Gateway",
            Some("RUN") => "StepRun",
            _ => "",
        }
    }

    /// What was in the run's state.
    pub(super) fn stored(&self) -> Result<Box<RawValue>, String> {
        let output = self.span.output.as_ref().map(|output| output.get());
        let json = match (self.op(), output) {
            ("Sleep", _) | ("WaitForEvent" | "WaitForSignal", None) => "null".to_owned(),
            ("WaitForEvent", Some(event)) => event.to_owned(),
            (_, None) => return Err("the server's trace does not show its output".to_owned()),
            (_, Some(error)) if self.span.status == "FAILED" => format!("{{\"error\":{error}}}"),
            // A value that is no object is shown with what is around it in the state.
            ("StepRun" | "", Some(output)) if is_bare(output) => output.to_owned(),
            (_, Some(output)) => format!("{{\"data\":{output}}}"),
        };
        RawValue::from_string(json).map_err(|error| error.to_string())
    }

    pub(super) fn recorded(&self, value: Option<Box<RawValue>>) -> RecordedStep {
        let use_of = |index: &u32| StepHash::of_repeated(self.name, *index).to_string() == self.hash;
        let index = (0..USES).find(use_of).unwrap_or_default();
        RecordedStep {
            id: self.name.to_owned(),
            index,
            hash: self.hash.to_owned(),
            op: self.op().to_owned(),
            tied: self.tied && value.is_some(),
            value,
        }
    }
}

/// Whether some JSON is an object with `data` alone, which is no object.
fn is_bare(json: &str) -> bool {
    let value: Result<serde_json::Map<String, serde_json::Value>, _> = crate::json::read(json);
    value.is_ok_and(|members| members.len() == 1 && members.get("data").is_some_and(|data| !data.is_object()))
}
