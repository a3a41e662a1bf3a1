//! Small handlers: programs of steps, and their futures, which ask a journal as the SDK's own do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::server::RETRIES;
use crate::error::Retry;
use crate::function::{StepId, StepKind};
use crate::journal::{Begin, Ended, Failing, Journal, Place, Recorded, StepKey, Wait};
use crate::wire::{OpCode, OpError, OpOpts, StepHash, Timing};

/// What a handler does.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// A step whose code takes so many polls, and fails so many times before it ends well.
    Run(&'static str, u8, u32),
    /// The same, with fewer retries than the run's other steps: so many.
    Limited(&'static str, u8, u32, u8),
    Sleep(&'static str),
    /// Waits for the event of that name.
    Event(&'static str),
    /// A step that causes the event, when its code begins.
    Cause(&'static str, &'static str),
    /// One after another.
    Seq(Vec<Program>),
    /// `join!`.
    Join(Vec<Program>),
    /// `select!`; with a name by which requests agree on who wins.
    Race(&'static str, Vec<Program>),
    /// A step's future that is made and dropped, in re-entries alone.
    Unpolled(&'static str),
    /// The handler fails the first so many times that a re-entry comes here, and ends. Not within
    /// branches.
    Err(u32),
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, all: &[Program]| {
            let mut tuple = f.debug_tuple(name);
            for one in all {
                tuple.field(one);
            }
            tuple.finish()
        };
        match self {
            Self::Run(id, polls, failures) => write!(f, "run({id}, {polls}, {failures})"),
            Self::Limited(id, polls, failures, retries) => {
                write!(f, "limited({id}, {polls}, {failures}, {retries})")
            }
            Self::Sleep(id) => write!(f, "sleep({id})"),
            Self::Event(id) => write!(f, "event({id})"),
            Self::Cause(id, event) => write!(f, "cause({id}, {event})"),
            Self::Unpolled(id) => write!(f, "drop({id})"),
            Self::Err(times) => write!(f, "err({times})"),
            Self::Seq(all) => list(f, "seq", all),
            Self::Join(all) => list(f, "join", all),
            Self::Race(name, all) => list(f, &format!("race {name}"), all),
        }
    }
}

/// What happens outside of the run: the effects of its steps.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// How often each step's code has begun.
    pub(super) begun: BTreeMap<StepHash, u32>,
    /// Who has won each race, in requests that have told of it.
    pub(super) winners: BTreeMap<&'static str, usize>,
    pub(super) violations: Vec<String>,
    /// Lines that a request has come to; with how often they were written in all.
    pub(super) lines: BTreeMap<String, u32>,
    /// Steps that have failed, and whose retry has not come.
    pub(super) failing: BTreeSet<StepHash>,
    /// How often a handler has come to where it may fail.
    pub(super) passed: BTreeMap<String, u32>,
}

/// One request, as its steps see it.
pub(super) struct Session {
    pub(super) journal: RefCell<Journal>,
    pub(super) effects: Rc<RefCell<Effects>>,
    /// Whether a step must not begin any more, since it has been saved.
    pub(super) is_saved: Box<dyn Fn(StepHash) -> bool>,
    /// The number of the dispatch; 0 in the first request.
    pub(super) generation: u32,
    /// Whether nothing has gone wrong so far.
    pub(super) is_untroubled: Box<dyn Fn() -> bool>,
    /// How many processes have died so far, if nothing else has gone wrong.
    pub(super) deaths: Box<dyn Fn() -> Option<u32>>,
    /// Something causes an event.
    pub(super) causes: Box<dyn Fn(&'static str)>,
    /// Who has won in this request.
    pub(super) winners: RefCell<Vec<(&'static str, usize)>>,
    /// The handler has failed.
    pub(super) has_erred: Cell<bool>,
}

impl Session {
    /// The handler writes a line of its log. It is left out when it comes again.
    fn line(&self, line: String) {
        let is_again = self.journal.borrow().is_replaying();
        let effects = &mut *self.effects.borrow_mut();
        if is_again && !effects.lines.contains_key(&line) {
            effects.violations.push(format!("a line {line} is lost"));
        }
        *effects.lines.entry(line).or_default() += u32::from(!is_again);
    }
}

type Value = String;
type Handler = Pin<Box<dyn Future<Output = Value>>>;

/// A program's future.
pub(super) fn handler(program: &Program, session: &Rc<Session>) -> Handler {
    let session = session.clone();
    match program.clone() {
        Program::Run(id, polls, failures) => Box::pin(Run::new(session, id, polls, failures)),
        Program::Limited(id, polls, failures, retries) => {
            let mut run = Run::new(session, id, polls, failures);
            run.retries = retries;
            Box::pin(run)
        }
        Program::Cause(id, event) => {
            let mut run = Run::new(session, id, 1, 0);
            run.causes = Some(event);
            Box::pin(run)
        }
        Program::Sleep(id) => Box::pin(Wake::new(session, id, OpCode::Sleep)),
        Program::Event(id) => Box::pin(Wake::new(session, id, OpCode::WaitForEvent)),
        Program::Unpolled(id) => Box::pin(async move {
            if session.generation > 0 {
                drop(Run::new(session, id, 0, 0));
            }
            String::new()
        }),
        Program::Err(_) => Box::pin(std::future::ready(String::new())),
        Program::Seq(all) => Box::pin(async move {
            let mut values = Vec::new();
            for (n, one) in all.iter().enumerate() {
                session.line(format!("before {one:?}"));
                if let Program::Err(times) = one
                    && session.generation > 0
                {
                    let mut effects = session.effects.borrow_mut();
                    let passed = effects.passed.entry(format!("{n} {one:?}")).or_default();
                    *passed += 1;
                    if *passed <= *times {
                        session.has_erred.set(true);
                        break;
                    }
                }
                values.push(handler(one, &session).await);
                session.line(format!("after {one:?}"));
            }
            values.join(";")
        }),
        Program::Join(all) => {
            let mut branches: Vec<_> = all.iter().map(|one| (Some(handler(one, &session)), None)).collect();
            Box::pin(std::future::poll_fn(move |cx| {
                for (branch, value) in &mut branches {
                    if let Some(future) = branch
                        && let Poll::Ready(ready) = future.as_mut().poll(cx)
                    {
                        (*branch, *value) = (None, Some(ready));
                    }
                }
                let values = branches.iter().map(|(_, value)| value.clone()).collect::<Option<Vec<_>>>();
                values.map_or(Poll::Pending, |values| Poll::Ready(format!("[{}]", values.join(","))))
            }))
        }
        Program::Race(name, all) => {
            let branches: Vec<_> = all.iter().map(|one| handler(one, &session)).collect();
            Box::pin(async move {
                let mut branches = branches;
                let (winner, value) = std::future::poll_fn(|cx| {
                    let ready = branches.iter_mut().enumerate().find_map(|(n, branch)| {
                        if let Poll::Ready(value) = branch.as_mut().poll(cx) {
                            Some((n, value))
                        } else {
                            None
                        }
                    });
                    ready.map_or(Poll::Pending, Poll::Ready)
                })
                .await;
                drop(branches);
                session.winners.borrow_mut().push((name, winner));
                format!("{winner}:{value}")
            })
        }
    }
}

/// `Step::run`.
struct Run {
    session: Rc<Session>,
    key: StepKey,
    place: Place,
    reached: bool,
    stage: Stage,
    polls: u8,
    failures: u32,
    retries: u8,
    /// An event that it causes.
    causes: Option<&'static str>,
}

enum Stage {
    New,
    Executing(u8, u32),
    Ended(Value),
    Outstanding,
    Done,
}

impl Run {
    fn new(session: Rc<Session>, id: &'static str, polls: u8, failures: u32) -> Self {
        let key = session.journal.borrow_mut().claim(StepId::from(id), StepKind::Run);
        Self {
            session,
            key,
            place: Place::default(),
            reached: false,
            stage: Stage::New,
            polls,
            failures,
            retries: RETRIES,
            causes: None,
        }
    }

    /// The step's code begins: an effect.
    fn execute(&mut self) {
        let session = &self.session;
        let mut effects = session.effects.borrow_mut();
        if (session.is_saved)(self.key.hash) {
            effects
                .violations
                .push(format!("`{}` ({}) runs after it was saved", self.key.id, self.key.index));
        }
        let begun = effects.begun.entry(self.key.hash).or_default();
        *begun += 1;
        let (begun, is_untroubled) = (*begun, (session.is_untroubled)());
        // An attempt that died with its process is not counted.
        if (session.deaths)().is_some_and(|deaths| begun > u32::from(self.retries) + 1 + deaths) {
            effects.violations.push(format!("`{}` is tried {begun} times", self.key.id));
        }
        if effects.failing.contains(&self.key.hash) && is_untroubled {
            effects.violations.push(format!("`{}` is tried again too early", self.key.id));
        }
        if let Some(event) = self.causes {
            (session.causes)(event);
        }
        session.journal.borrow_mut().begin_executing(false);
        self.stage = Stage::Executing(self.polls, begun);
    }

    fn end(&mut self, nth: u32) -> Stage {
        let session = self.session.clone();
        let mut journal = session.journal.borrow_mut();
        journal.end_executing(false);
        let slot = self.place.slot().expect("it was polled");
        let timing = Timing { start_ns: 0, duration_ns: 0 };
        let has_failed = nth <= self.failures;
        let value =
            if has_failed { format!("{} failed", self.key.id) } else { format!("{}#{nth}", self.key.id) };
        let ended = if has_failed {
            let error = OpError::new("Error", "failed");
            session.effects.borrow_mut().failing.insert(self.key.hash);
            let failing = Failing { error, retry: Retry::Backoff, retries: self.retries };
            journal.ended_err(&self.key, slot, failing, timing)
        } else {
            let output = serde_json::value::to_raw_value(&value).expect("a text");
            journal.ended_ok(&self.key, slot, output, timing, false)
        };
        match ended {
            Ended::InTurn(_) => Stage::Ended(value),
            Ended::Outstanding => Stage::Outstanding,
        }
    }
}

impl Future for Run {
    type Output = Value;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Value> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.stage, Stage::Done) {
                Stage::New => {
                    this.reached = true;
                    let session = this.session.clone();
                    let begin = session.journal.borrow_mut().begin(&this.key, &mut this.place);
                    match begin {
                        Begin::Given(value) => {
                            let value = value.outcome::<String>().expect("what a step has stored");
                            return Poll::Ready(value.unwrap_or_else(|_| format!("{} failed", this.key.id)));
                        }
                        Begin::May(_) => {
                            this.execute();
                            continue;
                        }
                        Begin::Stored(slot) => session.journal.borrow_mut().resolve(slot),
                        Begin::Pending => {}
                        Begin::Refused(error) => panic!("{}", error.message),
                    }
                    this.stage = Stage::New;
                    return Poll::Pending;
                }
                Stage::Executing(0, nth) => this.stage = this.end(nth),
                Stage::Executing(polls, nth) => {
                    this.session.journal.borrow_mut().note_polled();
                    this.stage = Stage::Executing(polls - 1, nth);
                    return Poll::Pending;
                }
                Stage::Ended(value) => {
                    if this.session.journal.borrow_mut().is_its_turn(&mut this.place) {
                        return Poll::Ready(value);
                    }
                    this.stage = Stage::Ended(value);
                    return Poll::Pending;
                }
                Stage::Outstanding => {
                    this.stage = Stage::Outstanding;
                    return Poll::Pending;
                }
                Stage::Done => panic!("polled after its end"),
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut journal = self.session.journal.borrow_mut();
        if matches!(self.stage, Stage::Executing(..)) {
            journal.end_executing(false);
        }
        if let Some(slot) = self.place.slot() {
            journal.forget(slot, Some(|| Duration::ZERO));
        } else if !self.reached {
            journal.unclaim(&self.key);
        }
    }
}

/// `Step::sleep` and `Step::wait_for_event`.
struct Wake {
    op: OpCode,
    session: Rc<Session>,
    key: StepKey,
    place: Place,
    reached: bool,
}

impl Wake {
    fn new(session: Rc<Session>, id: &'static str, op: OpCode) -> Self {
        let key = session.journal.borrow_mut().claim(StepId::from(id), StepKind::Sleep);
        Self { op, session, key, place: Place::default(), reached: false }
    }
}

impl Future for Wake {
    type Output = Value;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Value> {
        let this = &mut *self;
        this.reached = true;
        let mut journal = this.session.journal.borrow_mut();
        let op = || Recorded::ask(this.key.clone(), this.op, OpOpts::sleep("1s"));
        match journal.wait(&this.key, &mut this.place, || None, op) {
            Wait::Given(_) => return Poll::Ready(this.key.id.to_string()),
            Wait::Stored(slot) => journal.resolve(slot),
            Wait::Ask(slot, op) => journal.ask(slot, op),
            Wait::Pending => {}
        }
        Poll::Pending
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        let mut journal = self.session.journal.borrow_mut();
        if let Some(slot) = self.place.slot() {
            journal.forget(slot, Some(|| Duration::ZERO));
        } else if !self.reached {
            journal.unclaim(&self.key);
        }
    }
}
