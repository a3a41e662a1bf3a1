//! Which steps' outputs are what their client was streamed, so that a client that comes later may
//! have them too.
//!
//! A step that has piped a text, and has nothing else as its output, leaves a hidden step beside
//! its own: `stephttp:piped:<hash>`, with the text's SHA-1. Its output is told by that, and by
//! nothing else: another process may have saved another output for the same step, which may be
//! anything, a secret too.

use super::Journal;
use super::hidden::{hidden, piped_step};
use super::memo::Memo;
use super::record::{Recorded, StepKey};
use crate::wire::StepHash;
use crate::wire::limits::RUN_STEPS;

/// Of a run with more steps than this no more are noted: each note counts as a step, and a run has
/// 999.
const MOST_STEPS: usize = RUN_STEPS / 4;

/// A step's text, as its client was streamed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PipedText {
    pub(crate) step: StepHash,
    pub(crate) text: String,
}

/// What is noted of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piped {
    step: StepHash,
    /// Tells which of several ended first.
    order: usize,
    text: StepHash,
}

impl Piped {
    /// The hidden step that says it.
    pub(crate) fn note(self) -> Recorded {
        hidden(piped_step(self.step), &(self.order, self.text))
    }
}

impl Journal {
    /// What there is to note of a step that has just ended, whose output is the text of one pipe.
    /// `text` is its hash.
    pub(crate) fn piped(&self, step: StepHash, text: StepHash) -> Option<Piped> {
        let order = self.steps();
        (order < MOST_STEPS).then_some(Piped { step, order, text })
    }
}

/// The texts that a run's steps have piped, in the order in which those ended.
pub(crate) fn piped_texts(memo: &Memo) -> Vec<PipedText> {
    let mut texts: Vec<_> = memo.hashes().filter_map(|step| ordered(memo, step)).collect();
    texts.sort_by_key(|(order, piped)| (*order, piped.step));
    texts.into_iter().map(|(_, piped)| piped).collect()
}

/// The text that a step has piped, if that is its output.
pub(crate) fn piped_text(memo: &Memo, step: StepHash) -> Option<PipedText> {
    ordered(memo, step).map(|(_, piped)| piped)
}

fn ordered(memo: &Memo, step: StepHash) -> Option<(usize, PipedText)> {
    let stored = memo.get(piped_step(step).hash)?;
    let (order, hash) = stored.outcome::<(usize, StepHash)>().ok()?.ok()?;
    let text = memo.get(step)?.outcome::<String>().ok()?.ok()?;
    (StepHash::of(&text) == hash).then_some((order, PipedText { step, text }))
}

/// The hidden steps that note it of a run's steps.
pub(super) fn notes(memo: &Memo) -> impl Iterator<Item = StepHash> {
    let is_noted = memo.contains(StepKey::hidden(super::hidden::STREAMED).hash);
    memo.hashes().filter(move |_| is_noted).map(|step| piped_step(step).hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(steps: &[(&str, &str)], notes: &[(&str, usize, &str)]) -> Memo {
        let steps = steps.iter().map(|(id, output)| (StepHash::of(id), (*output).to_owned()));
        let notes = notes.iter().map(|(id, order, text)| {
            (piped_step(StepHash::of(id)).hash, format!("[{order},\"{}\"]", StepHash::of(text)))
        });
        let members: Vec<_> =
            steps.chain(notes).map(|(hash, data)| format!("\"{hash}\":{{\"data\":{data}}}")).collect();
        format!("{{{}}}", members.join(",")).parse().unwrap()
    }

    #[test]
    fn texts_come_in_the_order_of_their_ends() {
        let memo = state(&[("a", "\"one\""), ("b", "\"two\"")], &[("a", 7, "one"), ("b", 3, "two")]);
        let texts: Vec<_> = piped_texts(&memo).into_iter().map(|piped| piped.text).collect();
        assert_eq!(texts, ["two", "one"]);
        assert_eq!(piped_text(&memo, StepHash::of("a")).unwrap().text, "one");
    }

    #[test]
    fn no_output_is_told_that_is_not_what_was_piped() {
        let memo = state(
            &[("secret", "\"hunter2\""), ("another", "\"hunter2\""), ("number", "7")],
            &[("another", 1, "public!"), ("number", 2, "7"), ("unknown", 3, "")],
        );
        assert_eq!(piped_texts(&memo), []);
        assert_eq!(piped_text(&memo, StepHash::of("secret")), None);
    }

    #[test]
    fn a_run_of_many_steps_keeps_room_for_them() {
        let mut journal = Journal::default();
        for step in 0..RUN_STEPS {
            if let Some(piped) = journal.piped(StepHash::of(&step.to_string()), StepHash::of("text")) {
                journal.record(piped.note());
            }
        }
        assert_eq!(journal.steps(), MOST_STEPS);
    }
}
