//! One request of a run, polled by hand: for tables of what the journal says of it.

use std::time::Duration;

use crate::error::Retry;
use crate::function::{StepId, StepKind};
use crate::journal::{
    Begin, Failing, Job, Journal, Memo, Mode, Next, Place, Polled, Recorded, StepKey, Wait,
};
use crate::wire::{OpCode, OpError, OpOpts, StepHash, Timing};

/// A state: what is stored under which ids.
pub(super) fn memo(steps: &[(&str, &str)]) -> Memo {
    let steps = steps.iter().map(|(id, value)| (StepHash::of(id), (*value).to_owned()));
    memo_of(&steps.collect::<Vec<_>>())
}

/// The same, under their hashes.
pub(super) fn memo_of(steps: &[(StepHash, String)]) -> Memo {
    let steps = steps.iter().map(|(hash, value)| format!("\"{hash}\":{value}"));
    Memo::parse(format!("{{{}}}", steps.collect::<Vec<_>>().join(",")).into()).unwrap()
}

/// A step, and what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Its code begins, and goes on.
    Runs(&'static str),
    /// Its code ends well.
    Ends(&'static str),
    /// It fails, and may ask for a delay.
    Fails(&'static str, Option<Duration>),
    FailsForGood(&'static str),
    /// Inngest does this.
    Asks(&'static str, OpCode),
}

impl Step {
    fn id(self) -> &'static str {
        match self {
            Self::Runs(id)
            | Self::Ends(id)
            | Self::Fails(id, _)
            | Self::FailsForGood(id)
            | Self::Asks(id, _) => id,
        }
    }

    fn kind(self) -> StepKind {
        match self {
            Self::Asks(_, OpCode::Gateway) => StepKind::Fetch,
            Self::Asks(_, OpCode::WaitForEvent) => StepKind::WaitForEvent,
            Self::Asks(..) => StepKind::Sleep,
            _ => StepKind::Run,
        }
    }
}

/// What is done with the handler, once it has been let alone for a while.
pub(super) fn next(journal: &mut Journal, attempts_left: u32) -> Next {
    loop {
        let polled = Polled { attempts_left, ..Polled::default() };
        match journal.after_poll(polled, |_| false) {
            Next::GiveWay => {}
            next => return next,
        }
    }
}

/// A request whose handler has come to some steps at once.
pub(super) struct OneRequest {
    pub(super) journal: Journal,
    /// How often its job is dispatched once more.
    pub(super) attempts_left: u32,
    steps: Vec<(Step, StepKey, Place, bool)>,
}

impl OneRequest {
    /// The first dispatch of the job `job`.
    pub(super) fn new(mode: Mode, stored: &[(&str, &str)], steps: Vec<Step>) -> Self {
        let mut journal = Journal::new(mode, Job { id: "job".to_owned(), generation: 1 });
        if mode != Mode::First {
            journal.learn(memo(stored));
        }
        Self::of(journal, steps)
    }

    /// The same, of a journal.
    pub(super) fn of(mut journal: Journal, steps: Vec<Step>) -> Self {
        let claim = |step: Step| {
            let key = journal.claim(StepId::from(step.id()), step.kind());
            (step, key, Place::default(), false)
        };
        let steps = steps.into_iter().map(claim).collect();
        Self { journal, attempts_left: 4, steps }
    }

    /// What is done with it.
    pub(super) fn next(&mut self) -> Next {
        next(&mut self.journal, self.attempts_left)
    }

    /// Polls all steps. What each of them does.
    pub(super) fn poll(&mut self) -> Vec<&'static str> {
        let journal = &mut self.journal;
        let poll = |(step, key, place, has_ended): &mut (Step, StepKey, Place, bool)| {
            if *has_ended { "ended" } else { poll(journal, *step, key, place, has_ended) }
        };
        self.steps.iter_mut().map(poll).collect()
    }
}

fn poll(
    journal: &mut Journal,
    step: Step,
    key: &StepKey,
    place: &mut Place,
    has_ended: &mut bool,
) -> &'static str {
    if let Step::Asks(_, op) = step {
        let ask = || Recorded::ask(key.clone(), op, OpOpts::sleep("1s"));
        return match journal.wait(key, place, || None, ask) {
            Wait::Given(_) => {
                *has_ended = true;
                "given"
            }
            Wait::Stored(slot) => {
                journal.resolve(slot);
                "stored"
            }
            Wait::Ask(slot, op) => {
                journal.ask(slot, op);
                "asked"
            }
            Wait::Pending => "pending",
        };
    }
    let slot = match journal.begin(key, place) {
        Begin::Given(_) => {
            *has_ended = true;
            return "given";
        }
        Begin::Stored(slot) => {
            journal.resolve(slot);
            return "stored";
        }
        Begin::May(slot) => slot,
        Begin::Pending => return "pending",
        Begin::Refused(_) => return "refused",
    };
    journal.begin_executing(false);
    if matches!(step, Step::Runs(_)) {
        journal.note_polled();
        *has_ended = true;
        return "may";
    }
    *has_ended = true;
    journal.end_executing(false);
    let timing = Timing { start_ns: 0, duration_ns: 0 };
    let failing = |retry| Failing { error: OpError::new("Error", "no"), retry, retries: 4 };
    match step {
        Step::Fails(_, delay) => {
            let retry = delay.map_or(Retry::Backoff, Retry::After);
            journal.ended_err(key, slot, failing(retry), timing);
        }
        Step::FailsForGood(_) => {
            journal.ended_err(key, slot, failing(Retry::Never), timing);
        }
        _ => {
            let output = serde_json::value::to_raw_value(&1).unwrap();
            journal.ended_ok(key, slot, output, timing, false);
        }
    }
    "may"
}
