//! What a client has been shown of each step, so that none is shown twice, or by half.

use crate::journal::{Memo, PipedText};
use crate::wire::realtime::Event;
use crate::wire::{StepHash, StepMap};

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Passes,
    Dropped,
    /// A step has ended whose beginning was missed: the run's state may have its text.
    Missed(StepHash),
    /// Nothing follows.
    Ends,
}

/// Which steps the client has been shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    steps: StepMap<Progress>,
    /// Whose events come: the name of a re-entry.
    writer: String,
    comes_late: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// All of it so far, as this re-entry streams it.
    Whole { by: String, has_something: bool },
    /// It is over: what comes of it still is of a request whose outcome does not count, or comes
    /// once more.
    Over,
}

impl Progress {
    fn has_something(&self) -> bool {
        matches!(self, Self::Whole { has_something: true, .. })
    }
}

impl Shown {
    /// To a client that reads from the run's beginning on. These are over.
    pub(super) fn from_the_beginning(over: Vec<StepHash>) -> Self {
        let steps = over.into_iter().map(|step| (step, Progress::Over)).collect();
        Self { steps, ..Self::default() }
    }

    /// To a client that comes later.
    pub(super) fn later() -> Self {
        Self { comes_late: true, ..Self::default() }
    }

    /// Whether the client may not have had all of the run.
    pub(super) fn comes_late(&self) -> bool {
        self.comes_late
    }

    /// Whose events come from here on.
    pub(super) fn set_writer(&mut self, name: String) {
        self.writer = name;
    }

    fn is_over(&self, step: StepHash) -> bool {
        self.steps.get(&step) == Some(&Progress::Over)
    }

    /// A step is over for the client. Whether it has something of it that is void.
    pub(super) fn note_over(&mut self, step: StepHash) -> bool {
        self.steps.insert(step, Progress::Over).is_some_and(|before| before.has_something())
    }

    /// Of what the state holds: the texts that are news. All of its steps are over.
    pub(super) fn learn(&mut self, memo: &Memo, texts: Vec<PipedText>) -> Vec<PipedText> {
        let news = texts.into_iter().filter(|piped| !self.is_over(piped.step)).collect();
        for step in memo.hashes() {
            self.note_over(step);
        }
        news
    }

    /// A step says that it begins. Whether the client has something of it that is void.
    pub(super) fn begin(&mut self, step: StepHash) -> bool {
        if self.is_over(step) {
            return false;
        }
        let whole = Progress::Whole { by: self.writer.clone(), has_something: false };
        self.steps.insert(step, whole).is_some_and(|before| before.has_something())
    }

    /// Something was missed. Answers with the steps of which the client has a part, which is void.
    pub(super) fn miss(&mut self) -> Vec<StepHash> {
        let open = self.steps.extract_if(|_, progress| *progress != Progress::Over);
        let mut parts: Vec<_> =
            open.filter(|(_, progress)| progress.has_something()).map(|(step, _)| step).collect();
        parts.sort_unstable();
        parts
    }

    pub(super) fn see(&mut self, event: &Event) -> Verdict {
        match event {
            // Each part has its own, and the client has had the run's.
            Event::Metadata(_) | Event::RedirectInfo(_) | Event::Resume(_) => return Verdict::Dropped,
            Event::Response(_) => return Verdict::Ends,
            _ => {}
        }
        let Some(step) = event.step() else { return Verdict::Passes };
        match (event, self.steps.get_mut(&step)) {
            (_, Some(Progress::Over)) => Verdict::Dropped,
            (Event::Stream(_), Some(Progress::Whole { by, has_something })) if *by == self.writer => {
                *has_something = true;
                Verdict::Passes
            }
            (Event::Rollback(_), Some(Progress::Whole { by, has_something })) if *by == self.writer => {
                // What comes now is from its beginning.
                *has_something = false;
                Verdict::Passes
            }
            // Of nothing: it does no harm.
            (Event::Rollback(_), Some(Progress::Whole { has_something: false, .. })) => Verdict::Passes,
            (Event::Rollback(_), None) => {
                self.begin(step);
                Verdict::Passes
            }
            (Event::Commit(_), Some(Progress::Whole { by, .. })) if *by == self.writer => {
                self.note_over(step);
                Verdict::Passes
            }
            (Event::Commit(_), _) => Verdict::Missed(step),
            // A rest, or another request's.
            _ => Verdict::Dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::realtime::SseEvent;

    fn a() -> StepHash {
        StepHash::of("a")
    }

    fn of(event: &impl SseEvent) -> Event {
        let mut bytes = Vec::new();
        event.write(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (name, data) = text.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        Event::read(name, data.trim_end()).unwrap()
    }

    fn stream() -> Event {
        of(&crate::wire::realtime::Stream::new("text").of_step(a()))
    }

    fn commit() -> Event {
        of(&crate::wire::realtime::Commit::new(a()))
    }

    fn rollback() -> Event {
        of(&crate::wire::realtime::Rollback::new(a()))
    }

    #[test]
    fn a_step_is_told_of_once() {
        let mut shown = Shown::from_the_beginning(vec![StepHash::of("b")]);
        assert!(!shown.begin(a()));
        let passes = [stream(), rollback(), stream(), commit()];
        assert!(passes.iter().all(|event| shown.see(event) == Verdict::Passes));
        assert!(passes.iter().all(|event| shown.see(event) == Verdict::Dropped));
        assert!(shown.is_over(StepHash::of("b")));
        assert!(shown.miss().is_empty());
    }

    #[test]
    fn no_rest_of_a_text_is_shown() {
        let mut late = Shown::later();
        assert_eq!(late.see(&stream()), Verdict::Dropped);
        assert_eq!(late.see(&commit()), Verdict::Missed(a()));
        // It begins anew, or says that it begins.
        assert_eq!(late.see(&rollback()), Verdict::Passes);
        assert_eq!(late.see(&stream()), Verdict::Passes);
        assert_eq!(late.miss(), [a()]);
        assert_eq!(late.see(&stream()), Verdict::Dropped);
        assert!(!late.begin(a()));
        assert_eq!(late.see(&stream()), Verdict::Passes);
        assert!(late.begin(a()), "what it has is void");
        assert_eq!(late.see(&commit()), Verdict::Passes);
    }

    #[test]
    fn two_requests_that_run_a_step_at_once_are_kept_apart() {
        let mut shown = Shown::from_the_beginning(Vec::new());
        let by = |shown: &mut Shown, name: &str| shown.set_writer(name.to_owned());
        by(&mut shown, "dead");
        shown.begin(a());
        assert_eq!(shown.see(&stream()), Verdict::Passes);
        by(&mut shown, "next");
        assert_eq!(shown.see(&rollback()), Verdict::Dropped, "its beginning says so by itself");
        assert!(shown.begin(a()));
        assert_eq!(shown.see(&stream()), Verdict::Passes);
        by(&mut shown, "dead");
        assert_eq!(shown.see(&stream()), Verdict::Dropped);
        assert_eq!(shown.see(&commit()), Verdict::Missed(a()), "the state says whose counts");
        by(&mut shown, "next");
        assert_eq!(shown.see(&commit()), Verdict::Passes);
    }

    #[test]
    fn what_the_state_has_is_over() {
        let memo: Memo = format!("{{\"{}\":{{\"data\":\"text\"}}}}", a()).parse().unwrap();
        let piped = PipedText { step: a(), text: "text".to_owned() };
        let mut late = Shown::later();
        assert_eq!(late.learn(&memo, vec![piped.clone()]), std::slice::from_ref(&piped));
        assert_eq!(late.learn(&memo, vec![piped]), []);
        assert_eq!((late.see(&stream()), late.see(&commit())), (Verdict::Dropped, Verdict::Dropped));
    }
}
