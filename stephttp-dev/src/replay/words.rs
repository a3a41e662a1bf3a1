//! What is wrong, in words.

use super::enter::Outcome;
use super::watch::{Kind, Told};
use crate::recording::RecordedStep;
use crate::text::cut;

/// `a`, `b` and `c`.
pub(super) fn list<'a>(labels: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = labels.into_iter().map(|label| format!("`{label}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// What a step is called with what it does: the sleep `pause`.
fn named(step: &RecordedStep) -> String {
    match Kind::of_op(&step.op) {
        Some(Kind::Run) | None => format!("the step `{}`", step.label()),
        Some(kind) => format!("the {} `{}`", noun(kind), step.label()),
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Run => "step",
        Kind::Sleep => "sleep",
        Kind::WaitForEvent | Kind::WaitForSignal => "wait",
        Kind::Invoke => "invocation",
        Kind::Fetch => "request",
        Kind::AiInfer => "model call",
    }
}

pub(super) fn renamed(old: &RecordedStep, new: &Told) -> String {
    let remedy = match new.kind {
        // The use of an id is counted for both.
        Kind::Run => format!(
            "Write `step.run(\"{}\", ..).renamed_from(\"{}\")`",
            new.label.rsplit_once(':').map_or(new.label.as_str(), |(id, n)| if n.parse::<u32>().is_ok() {
                id
            } else {
                &new.label
            }),
            old.id
        ),
        _ => format!("Give it the id `{}` again: what waits for Inngest cannot be renamed", old.id),
    };
    format!(
        "stranded: {} is not found, since no step of the handler has this id any more. It seems to be `{}` now, which \
         comes next where `{}` stood: a run that has done it does it again. {remedy}",
        named(old),
        new.label,
        old.label()
    )
}

pub(super) fn renamed_or_new(old: &RecordedStep, new: &Told) -> String {
    let (old_label, new_label) = (old.label(), &new.label);
    let in_front = format!(
        "If `{new_label}` is new and stands in front of `{old_label}`, a run in flight comes to it first, also if it has done what \
         comes after it"
    );
    if Kind::of_op(&old.op) != Some(Kind::Run) || new.kind != Kind::Run {
        return format!(
            "stranded: {} is not found, and the {} `{new_label}` comes next where it stood. If it stands in its place, what is \
             stored of `{old_label}` is not used any more. {in_front}",
            named(old),
            noun(new.kind)
        );
    }
    format!(
        "stranded: {} is not found, and `{new_label}` comes next where it stood. If that is the same step under another id, \
         write `step.run(\"{new_label}\", ..).renamed_from(\"{}\")`. {in_front}",
        named(old),
        old.id
    )
}

pub(super) fn new_in_front(new: &Told, next: &RecordedStep) -> String {
    format!(
        "the new {} `{}` stands in front of {}: a run in flight comes to it first, also if it has done what comes after it. \
         Make sure that it may run that late",
        noun(new.kind),
        new.label,
        named(next)
    )
}

pub(super) fn new_branch(new: &Told, beside: &[String], before: &str) -> String {
    format!(
        "the new {} `{}` runs beside {}, as another branch, and the run waits for it before {before}: a run in flight runs it \
         late, when the others have ended. Make sure that it may",
        noun(new.kind),
        new.label,
        list(beside.iter().map(String::as_str))
    )
}

pub(super) fn moved(step: &RecordedStep, behind: &str) -> String {
    format!(
        "{} has moved: the recording has it before `{behind}`, and the handler comes to `{behind}` first. A run in flight that \
         has passed the one passes the other with what is stored, or runs it late",
        named(step)
    )
}

pub(super) fn removed(step: &RecordedStep, next: Option<&str>) -> String {
    let next = next.map_or_else(|| "the handler ends".to_owned(), |next| format!("`{next}` comes next"));
    format!(
        "stranded: {} has been removed: no step of the handler has this id any more, and {next} where it stood. What is stored \
         of it is not used any more: make sure that nothing is left undone",
        named(step)
    )
}

pub(super) fn other_kind(step: &RecordedStep, told: &Told) -> String {
    let was = Kind::of_op(&step.op).map_or("another kind of step", Kind::method);
    format!(
        "stranded: the step `{}` was a `{was}` and is a `{}` now, which finds a result of another kind: give it a new id",
        told.label,
        told.kind.method()
    )
}

pub(super) fn unreadable(label: &str, wanted: &str, why: &str) -> String {
    // Nobody sees the text that this is a place of.
    let why = why.rsplit_once(" at line ").map_or(why, |(why, _)| why);
    format!(
        "stranded: what is stored of the step `{label}` cannot be read as `{wanted}`: {why}. {}",
        remedy(why)
    )
}

/// What to write when serde says this.
fn remedy(why: &str) -> String {
    let field = |rest: &str| rest.split('`').nth(1).unwrap_or_default().to_owned();
    if why.starts_with("missing field") {
        let field = field(why);
        return format!(
            "Write `#[serde(default)]` at the field `{field}`, or have it be an `Option`; a field that is another's new name \
             has `#[serde(alias = \"..\")]`"
        );
    }
    if why.starts_with("unknown variant") {
        return format!(
            "Keep the variant `{}`, or write `#[serde(alias = \"..\")]` at the one that it became",
            field(why)
        );
    }
    if why.starts_with("unknown field") {
        return format!("Keep the field `{}`, or take `#[serde(deny_unknown_fields)]` away", field(why));
    }
    "Have the type read the former form, too (`#[serde(untagged)]` with both, or `#[serde(deserialize_with = \"..\")]`), or \
     give the step a new id: then it runs again"
        .to_owned()
}

/// What a handler has come to instead of a step.
pub(super) fn instead(outcome: &Outcome, next: &str, limit: std::time::Duration) -> String {
    match outcome {
        Outcome::Ended(result) => format!(
            "the handler ends with the status {} and `{}`, where the recording goes on with {next}",
            result.status,
            snippet(&result.body)
        ),
        Outcome::Failed(why) => {
            format!("the handler fails, where the recording goes on with {next}: {}", snippet(why))
        }
        Outcome::Busy => format!(
            "the handler does not come to {next}, with which the recording goes on: for {limit:?} it did something that is no \
             step (`Replay::limit` gives it more time)"
        ),
        Outcome::Waits => format!("the handler does not come to {next}, with which the recording goes on"),
        Outcome::Elsewhere(_) | Outcome::Rejected(_) => unreachable!("looked at before"),
    }
}

pub(super) fn not_entered(outcome: &Outcome, request: &str) -> Option<String> {
    match outcome {
        Outcome::Elsewhere(status) => Some(format!(
            "stranded: `{request}` is answered with {status} by something that is not the SDK's layer. Runs in flight are \
             called back there: keep the route, and put the layer (`inngest.layer()`) around it"
        )),
        Outcome::Rejected(status) if matches!(status.as_str(), "404" | "405") => Some(format!(
            "stranded: no route of the app takes `{request}` (it answers {status}). Runs in flight are called back there: keep the \
             former route until they have ended"
        )),
        Outcome::Rejected(status) => Some(format!(
            "stranded: a layer or an extractor answers `{request}` with {status} in the handler's place. A call back carries the \
             method, path, query, content type and body of the recorded request, and no other header: the code still has to accept \
             that (`Remember` keeps what an extractor reads of other headers)"
        )),
        _ => None,
    }
}

/// So much of a text as a line can have.
pub(super) fn snippet(text: &str) -> String {
    cut(text, 200)
}
