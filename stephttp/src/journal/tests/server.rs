//! The Inngest server, as far as replay depends on it. Each rule is one of `docs/protocol.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::journal::{Memo, Recorded, Stale, Standing};
use crate::wire::{ApiResult, OpCode, StepHash};

/// A call back that the server makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) id: u32,
    /// The number of the dispatch, from 1; 0 in the queue, if it is not the job's first.
    pub(super) generation: u32,
    /// Counts its attempts, from 1: a dispatch that comes beside another one is the same attempt.
    pub(super) attempt: u32,
    /// It races with others: a failure for good is followed by a call back whatever else is open.
    races: bool,
}

impl Job {
    /// Whether the server dispatches it once more if it is asked to.
    pub(super) fn has_attempt(self) -> bool {
        self.attempt <= u32::from(RETRIES)
    }
}

/// What the server does next, in whichever order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Dispatch(Job),
    /// A wait is over.
    Fires(StepHash),
}

impl Event {
    /// Whether another one would bring the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dispatch(Job { generation: 1, .. }), Self::Dispatch(Job { generation: 1, .. })) => true,
            _ => self == other,
        }
    }
}

/// What the server gives of a run's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Whole,
    /// `200 {}`.
    Empty,
    /// 410.
    Gone,
}

/// One run.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// How often the run was created.
    creations: u32,
    end: Option<String>,
    /// It has ended in a process that was not alone, and did not know.
    has_own_end: bool,
    /// The steps of which something is stored, in the order in which it came.
    stored: Vec<StepHash>,
    /// Their values, as the members of a JSON object: the first value of a step stays.
    members: String,
    /// What it has been told of that calls back: a job has a name, which is used once.
    told: Vec<(u32, OpCode, StepHash)>,
    /// Waits for events, by their ids.
    waits: BTreeMap<String, StepHash>,
    /// Of the operations that have come together in an answer: what is not done yet.
    open: BTreeSet<StepHash>,
    /// Sleeps whose ends race with others.
    racing: BTreeSet<StepHash>,
    /// The latest dispatch of each job that has reached the app.
    dispatched: BTreeMap<u32, u32>,
    /// How many jobs there are.
    jobs: u32,
    /// It refuses what a dispatch saves that another one has replaced.
    pub(super) looks_for_stale: bool,
    /// Dispatches of one job come to several processes.
    pub(super) has_several_processes: bool,
    /// Steps whose failure a job was told of last: its next dispatch is their retry.
    retries: BTreeMap<u32, Vec<StepHash>>,
    pub(super) queue: Vec<Event>,
    pub(super) violations: Vec<String>,
}

/// Attempts of a job.
pub(super) const RETRIES: u8 = 4;

impl Server {
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The job that has said that it fails the run.
    pub(super) fn ended_in(&self) -> Option<u32> {
        let (_, after) = self.members.split_once(r#""ended_in":""#)?;
        after.split_once('"')?.0.parse().ok()
    }

    /// Whether a job has said that it leaves it to others to try the handler again.
    pub(super) fn has_left(&self, job: u32) -> bool {
        let last = |what: &str| self.members.rfind(&format!(r#""{what}":"{job}""#));
        last("recovered_in") > last("erred_in")
    }

    pub(super) fn exists(&self) -> bool {
        self.creations > 0
    }

    pub(super) fn has_stored(&self, step: StepHash) -> bool {
        self.stored.contains(&step)
    }

    /// Whether a step was among the first so many that were stored.
    pub(super) fn had_stored(&self, step: StepHash, so_many: usize) -> bool {
        self.stored.iter().take(so_many).any(|stored| *stored == step)
    }

    /// The run's state, as a request sees it.
    pub(super) fn state(&self, as_shown: State) -> Result<Memo, Standing> {
        let json = match as_shown {
            State::Gone => return Err(Standing::Gone),
            State::Empty => "{}".to_owned(),
            State::Whole => ["{", &self.members, "}"].concat(),
        };
        Ok(Memo::parse(json.into()).expect("the model's state is JSON"))
    }

    /// `POST /v1/checkpoint`. A call that is made again is carried out again: it makes names of its
    /// own for its jobs.
    pub(super) fn create(&mut self, ops: &[Recorded]) {
        let creation = self.creations;
        self.creations += 1;
        self.checkpoint(ops, creation);
    }

    /// `POST /v1/checkpoint/{run}/steps`: what it has been told before changes nothing.
    pub(super) fn add(&mut self, ops: &[Recorded]) {
        self.checkpoint(ops, 0);
    }

    /// A call of the first request's. Nothing is called back for a failure in one that ends the run
    /// (docs/protocol.md 5.2).
    fn checkpoint(&mut self, ops: &[Recorded], creation: u32) {
        let ends_run = ops.iter().any(|op| op.op() == OpCode::RunComplete);
        for op in ops {
            if ends_run && op.op() == OpCode::StepFailed {
                self.store(op);
            } else {
                self.take(op, None, creation);
            }
        }
    }

    /// `POST /v1/checkpoint/{run}/async`. Whether the run takes it.
    pub(super) fn save(&mut self, job: Job, ops: &[Recorded]) -> Result<(), Stale> {
        if self.has_ended() {
            return Err(Stale::Over);
        }
        if self.looks_for_stale && job.generation < self.dispatched.get(&job.id).copied().unwrap_or_default()
        {
            return Err(Stale::Superseded);
        }
        for op in ops {
            assert_eq!(op.op(), OpCode::StepRun, "a re-entry saves what has ended, and nothing else");
            self.store(op);
        }
        Ok(())
    }

    /// A re-entry's answer.
    pub(super) fn answer(&mut self, job: Job, ops: &[Recorded]) {
        if !self.has_ended() {
            let plans = |op: &Recorded| matches!(op.op(), OpCode::Sleep | OpCode::WaitForEvent);
            if ops.len() > 1 && ops.iter().any(plans) {
                self.open = ops.iter().map(Recorded::hash).collect();
            }
            ops.iter().for_each(|op| self.take(op, Some(job), 0));
        }
    }

    /// The run ends: also if it has ended before, which nobody notices if it ends as it did.
    /// `is_own`: who ends it decides alone, and has asked nobody.
    pub(super) fn finish(&mut self, result: &ApiResult<'_>, is_own: bool) {
        let result = serde_json::to_string(result).expect("a result is JSON");
        // Of a job that two processes work on, and that is alone, each comes to its own end: what
        // it ran is its own, whoever has saved first. The other may have handed the run over
        // meanwhile, and those who follow agree on another end.
        let agreed = format!(r#""{}":{{"data":{result}}}"#, StepHash::of("stephttp:end"));
        self.has_own_end |= is_own && self.has_several_processes && !self.members.contains(&agreed);
        let is_agreed = !self.has_own_end;
        if let Some(end) = self.end.as_ref().filter(|end| is_agreed && **end != result) {
            self.violations.push(format!("the run has ended with {end}, and ends again with {result}"));
        }
        self.end = Some(result);
    }

    /// An attempt has failed: the connection broke off, or another one was asked for.
    pub(super) fn retry(&mut self, job: Job) {
        if self.has_ended() {
            return;
        }
        if !job.has_attempt() {
            self.violations.push("the attempts of a job are used up: the run hangs".to_owned());
            return;
        }
        let attempt = job.attempt + 1;
        let is_it = |event: &Event| matches!(event, Event::Dispatch(other) if (other.id, other.attempt) == (job.id, attempt));
        if !self.queue.iter().any(is_it) {
            self.queue.push(Event::Dispatch(Job { generation: 0, attempt, ..job }));
        }
    }

    /// A job is dispatched once more while it is under way.
    pub(super) fn double(&mut self, job: Job) {
        self.queue.push(Event::Dispatch(Job { generation: 0, ..job }));
    }

    /// A dispatch reaches the app. Its number counts those before it, and so one that comes later
    /// is never taken for one that another has replaced, whichever was asked for first.
    pub(super) fn dispatch(&mut self, job: Job) -> Job {
        let latest = self.dispatched.entry(job.id).or_default();
        *latest += 1;
        Job { generation: *latest, ..job }
    }

    pub(super) fn fire(&mut self, wait: StepHash) {
        if !self.has_ended() {
            self.keep(wait, "null");
            self.call_back(self.racing.contains(&wait));
        }
    }

    /// A job of its own finds out what comes next.
    fn call_back(&mut self, races: bool) {
        self.jobs += 1;
        self.queue.push(Event::Dispatch(Job { id: self.jobs, generation: 1, attempt: 1, races }));
    }

    /// An event comes: only who waits for it by now gets it.
    pub(super) fn comes(&mut self, event: &str) {
        if let Some(wait) = self.waits.remove(event) {
            self.fire(wait);
        }
    }

    /// Does what an operation asks for. `job`: that of the re-entry that answers with it.
    fn take(&mut self, op: &Recorded, job: Option<Job>, creation: u32) {
        match (op.op(), job) {
            (OpCode::RunComplete, _) => {
                let result = serde_json::from_str(op.to_wire().data.expect("a result").get());
                return self.finish(&result.expect("an ApiResult"), false);
            }
            (OpCode::StepError, Some(job)) if job.has_attempt() => {
                self.retries.entry(job.id).or_default().push(op.hash());
                return self.retry(job);
            }
            (OpCode::StepRun, None) => return self.store(op),
            (OpCode::StepRun | OpCode::StepFailed, _) | (OpCode::StepError, Some(_)) => self.store(op),
            _ => {}
        }
        // The job says whether there is a call back, and not the operation.
        let has_failed = matches!(op.op(), OpCode::StepFailed | OpCode::StepError);
        if has_failed && job.is_some_and(|job| !job.races) && !self.open.is_empty() {
            return;
        }
        let name = (creation, op.op(), op.hash());
        if self.told.contains(&name) {
            return;
        }
        self.told.push(name);
        match op.op() {
            OpCode::Sleep => {
                if op.races() {
                    self.racing.insert(op.hash());
                }
                self.queue.push(Event::Fires(op.hash()));
            }
            OpCode::WaitForEvent => drop(self.waits.insert(op.key().id.to_string(), op.hash())),
            op_code => {
                self.call_back(op.races());
                if op_code == OpCode::StepError {
                    self.retries.entry(self.jobs).or_default().push(op.hash());
                }
            }
        }
    }

    /// The steps whose retry a dispatch is.
    pub(super) fn retries(&mut self, job: Job) -> Vec<StepHash> {
        self.retries.remove(&job.id).unwrap_or_default()
    }

    fn store(&mut self, op: &Recorded) {
        let wire = op.to_wire();
        let value = match (&wire.data, &wire.error) {
            (Some(data), _) => format!("{{\"data\":{}}}", data.get()),
            (None, error) => format!("{{\"error\":{}}}", serde_json::to_string(error).expect("JSON")),
        };
        self.keep(op.hash(), &value);
    }

    fn keep(&mut self, step: StepHash, value: &str) {
        self.open.remove(&step);
        if !self.has_stored(step) {
            let comma = if self.stored.is_empty() { "" } else { "," };
            let _ = write!(self.members, "{comma}\"{step}\":{value}");
            self.stored.push(step);
        }
    }
}
