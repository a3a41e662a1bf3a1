//! A run, played: requests come and go in any order, one point after another.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::program::{Effects, Program, Session};
use super::request::{first, reentry};
use super::server::{Event, Job, Server, State};
use crate::journal::{Ending, Memo, Standing};

/// Where a request gives way to others, or dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// Before a call to Inngest.
    Call,
    /// Before its answer.
    Answer,
    /// While its steps run.
    Rest,
    /// Between a state and who asked for it.
    Read,
}

/// What may go wrong in a play, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Troubles {
    /// A state that is shown empty, or gone.
    pub(super) states: u8,
    /// A call that is carried out, and whose answer does not come.
    pub(super) answers: u8,
    /// A process that dies.
    pub(super) deaths: u8,
    /// A job that is dispatched once more while it is under way.
    pub(super) doubles: u8,
    /// A state that comes late: others have saved more meanwhile. It is no trouble, but a network.
    pub(super) reads: u8,
}

/// What is left out of all possibilities that are gone through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// How often in a play others may come first while a request could go on.
    pub(super) switches: u8,
    /// How many requests may be under way at once.
    pub(super) together: usize,
}

/// Others come first.
pub(super) async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut gave_way, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Who decides what happens next.
pub(super) trait Choices {
    /// One of so many possibilities, of which the first is the plainest.
    fn choose(&mut self, among: usize) -> usize;

    /// If all possibilities are gone through: how many. Then what brings nothing new is left out:
    /// one request comes after the run's end.
    fn bound(&self) -> Option<Bound> {
        None
    }
}

/// What all requests of the run share.
pub(super) struct World {
    pub(super) server: RefCell<Server>,
    pub(super) effects: Rc<RefCell<Effects>>,
    choices: RefCell<Box<dyn Choices>>,
    bound: Option<Bound>,
    /// How often others may still come first while a request could go on.
    switches: Cell<u8>,
    /// One more request may come after the run's end.
    late: Cell<bool>,
    troubles: Cell<Troubles>,
    /// What may go wrong in all.
    all: Troubles,
    /// What has happened, if somebody wants to read it.
    trace: Option<RefCell<Vec<String>>>,
    /// Dispatches that wait for what another one of their job comes to.
    waiting: RefCell<Vec<Job>>,
    /// Jobs that a process works on.
    open: RefCell<BTreeSet<u32>>,
    /// Jobs that were answered, and whether the answer asked for the job's retry.
    answered: RefCell<Vec<(Job, bool)>>,
    /// How jobs are dispatched beside themselves: 0 to one process, 1 to several, which do not know
    /// of each other, 2 the same, where the server refuses what the earlier ones save.
    doubled: Cell<usize>,
    /// Whether a request has died: what it had decided may not be known to others.
    has_died: Cell<bool>,
    /// Jobs whose handler has failed, and that are to try it again.
    promised: RefCell<BTreeSet<u32>>,
}

impl World {
    /// Notes what happens.
    pub(super) fn note(&self, what: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.borrow_mut().push(what());
        }
    }

    fn choose(&self, among: usize) -> usize {
        if among <= 1 { 0 } else { self.choices.borrow_mut().choose(among) }
    }

    /// Whether something happens that happens once in so many times.
    fn happens(&self, once_in: usize) -> bool {
        self.choose(if self.bound.is_some() { 2 } else { once_in }) == 1
    }

    /// Others may come first.
    pub(super) async fn point(&self, point: Point) {
        if point == Point::Rest && self.bound.is_some() {
            return;
        }
        give_way().await;
    }

    /// What the server can do next, as indices of its queue, when so many requests are under way.
    fn events(&self, under_way: usize) -> Vec<usize> {
        let server = &mut *self.server.borrow_mut();
        let Some(bound) = self.bound else { return (0..server.queue.len()).collect() };
        if server.has_ended() {
            server.queue.truncate(usize::from(self.late.get()));
        }
        let queue = &server.queue;
        let is_new = |n: &usize| !queue[..*n].iter().any(|other| other.is_like(&queue[*n]));
        let is_possible = |n: &usize| under_way < bound.together || matches!(queue[*n], Event::Fires(_));
        (0..queue.len()).filter(is_new).filter(is_possible).collect()
    }

    /// Whether nothing has gone wrong so far.
    pub(super) fn is_untroubled(&self) -> bool {
        self.deaths() == Some(0)
    }

    /// How many requests have died so far, if nothing else has gone wrong.
    pub(super) fn deaths(&self) -> Option<u32> {
        let left = self.troubles.get();
        let is_whole = left.answers == self.all.answers && left.states == self.all.states;
        (is_whole && !self.is_elsewhere()).then(|| u32::from(self.all.deaths - left.deaths))
    }

    /// Whether a state comes late.
    pub(super) fn reads_late(&self) -> bool {
        let mut troubles = self.troubles.get();
        if troubles.reads == 0 || !self.happens(3) {
            return false;
        }
        troubles.reads -= 1;
        self.troubles.set(troubles);
        true
    }

    /// The latest dispatch of a job that waits for this one's answer, in the same process.
    pub(super) fn lease(&self, job: Job) -> Job {
        let waiting = self.waiting.borrow();
        let later = waiting.iter().filter(|later| later.id == job.id).max_by_key(|later| later.generation);
        later.copied().filter(|later| later.generation > job.generation).unwrap_or(job)
    }

    /// Whether dispatches of one job have come to several processes.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.doubled.get() > 0
    }

    /// What a process makes of a dispatch, as `exchange::Jobs` does.
    fn takes(&self, job: Job) -> bool {
        if self.is_elsewhere() {
            return true;
        }
        if self.open.borrow().contains(&job.id) {
            self.note(|| format!("{job:?} waits"));
            self.waiting.borrow_mut().push(job);
            return false;
        }
        let answered = self.answered.borrow();
        let answer = answered.iter().rev().find(|(other, _)| other.id == job.id);
        if answer.is_none_or(|(other, asks_for_retry)| *asks_for_retry && job.generation > other.generation) {
            self.open.borrow_mut().insert(job.id);
            return true;
        }
        false
    }

    /// Whether a dispatch, or a later one of its job, was answered.
    fn has_answered(&self, job: Job) -> bool {
        self.answered
            .borrow()
            .iter()
            .any(|(other, _)| other.id == job.id && other.generation >= job.generation)
    }

    /// A job was answered, and asks to be dispatched again or does not. Returns the dispatches that
    /// have waited for it.
    pub(super) fn answered(&self, job: Job, asks_for_retry: bool) -> Vec<Job> {
        self.answered.borrow_mut().push((self.lease(job), asks_for_retry));
        self.open.borrow_mut().remove(&job.id);
        self.waiting.borrow_mut().extract_if(.., |later| later.id == job.id).collect()
    }

    /// A job that is under way may be dispatched once more, in the same process, where the later
    /// dispatch waits for the first one's answer, or in others from then on.
    fn double(&self, job: Job) {
        let mut troubles = self.troubles.get();
        if troubles.doubles == 0 || !self.happens(12) {
            return;
        }
        troubles.doubles -= 1;
        self.troubles.set(troubles);
        let server = &mut *self.server.borrow_mut();
        let is_first = troubles.doubles + 1 == self.all.doubles;
        match if is_first { self.choose(3) } else { self.doubled.get() } {
            0 => self.note(|| format!("{job:?} is dispatched once more")),
            looks => {
                self.doubled.set(looks);
                self.note(|| format!("{job:?} is dispatched once more, to another process ({looks})"));
                server.looks_for_stale = looks == 2;
                server.has_several_processes = true;
            }
        }
        server.double(job);
    }

    /// Whether a call's answer does not come.
    pub(super) fn loses_answer(&self) -> bool {
        let mut troubles = self.troubles.get();
        if troubles.answers == 0 || !self.happens(3) {
            return false;
        }
        troubles.answers -= 1;
        self.note(|| "its answer does not come".to_owned());
        self.troubles.set(troubles);
        true
    }

    /// The run's state, as it is shown now; `is_again`: to who has just looked.
    pub(super) fn state(&self, is_again: bool) -> Result<Memo, Standing> {
        let server = self.server.borrow();
        let mut troubles = self.troubles.get();
        let shown = if is_again && self.bound.is_some() {
            if server.has_ended() { State::Gone } else { State::Whole }
        } else if server.has_ended() {
            // Its parts are deleted one after another.
            [State::Gone, State::Empty, State::Whole][self.choose(3)]
        } else if troubles.states > 0 {
            [State::Whole, State::Empty, State::Gone][self.choose(3)]
        } else {
            State::Whole
        };
        if !server.has_ended() && shown != State::Whole {
            troubles.states -= 1;
            self.troubles.set(troubles);
        }
        self.note(|| format!("  a state is {shown:?}"));
        server.state(shown)
    }

    /// A job answers. `tries_again`: its handler has failed, and it asks for another attempt. The
    /// run must not fail then by a job that has none.
    pub(super) fn promises(&self, job: Job, ending: &Ending, tries_again: bool) {
        let mut promised = self.promised.borrow_mut();
        promised.remove(&job.id);
        let server = self.server.borrow();
        if let Ending::Finished(result) = ending
            && result.status >= 500
            && !server.has_ended()
            && promised.iter().any(|job| Some(*job) != server.ended_in() && !server.has_left(*job))
            && self.is_untroubled()
        {
            let message = format!("{job:?} fails the run, which {promised:?} are to try again");
            self.effects.borrow_mut().violations.push(message);
        }
        // Who comes after another has begun to end it is promised nothing.
        if tries_again && server.ended_in().is_none() {
            promised.insert(job.id);
        }
    }

    /// A handler does not come to where it came in an earlier request. It would be waited for.
    pub(super) fn finds_no_way(&self) {
        self.note(|| "a handler does not come to where it came before".to_owned());
        if !self.is_elsewhere() {
            self.effects.borrow_mut().violations.push("a handler goes another way than before".to_owned());
        }
    }

    /// A request has told of what it has come to: from now on others must come to the same.
    pub(super) fn tells(&self, session: &Session) {
        // What one has decided by itself may not be known to others.
        if self.has_died.get() || self.is_elsewhere() {
            return;
        }
        let effects = &mut *self.effects.borrow_mut();
        for (race, winner) in session.winners.borrow().iter() {
            let known = effects.winners.entry(race).or_insert(*winner);
            if known != winner {
                effects.violations.push(format!("the race {race} is won by {known} and by {winner}"));
            }
        }
    }
}

struct Task {
    job: Option<Job>,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

/// How a play has ended.
pub(super) struct Played {
    pub(super) violations: Vec<String>,
    /// What has happened, if that was asked for.
    pub(super) trace: Vec<String>,
    /// How often each line was written that a request has come to.
    pub(super) lines: BTreeMap<String, u32>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("server", &self.server).finish_non_exhaustive()
    }
}

/// More turns than any play of these programs takes.
const MOST_TURNS: usize = 20_000;

/// Plays a program to the end of its run.
pub(super) fn play(
    program: &Rc<Program>,
    troubles: Troubles,
    choices: Box<dyn Choices>,
    traced: bool,
) -> Played {
    let world = Rc::new(World {
        server: RefCell::default(),
        bound: choices.bound(),
        switches: Cell::new(choices.bound().map_or(u8::MAX, |bound| bound.switches)),
        late: Cell::new(true),
        effects: Rc::default(),
        choices: RefCell::new(choices),
        troubles: Cell::new(troubles),
        all: troubles,
        trace: traced.then(RefCell::default),
        waiting: RefCell::default(),
        open: RefCell::default(),
        answered: RefCell::default(),
        doubled: Cell::new(0),
        has_died: Cell::new(false),
        promised: RefCell::default(),
    });
    let mut tasks = vec![Task { job: None, future: Box::pin(first(world.clone(), program.clone())) }];
    // Whether the first of the tasks is the one that was polled last.
    let mut goes_on = false;
    for turn in 0.. {
        let events = world.events(tasks.len());
        let possible = tasks.len() + events.len();
        if possible == 0 {
            break;
        }
        if turn > MOST_TURNS {
            world.effects.borrow_mut().violations.push("it does not end".to_owned());
            break;
        }
        let chosen = if goes_on && world.switches.get() == 0 { 0 } else { world.choose(possible) };
        if goes_on && chosen != 0 && world.bound.is_some() {
            world.switches.set(world.switches.get() - 1);
        }
        goes_on = false;
        if chosen < tasks.len() {
            tasks.swap(0, chosen);
            // One that dies on its job's last attempt ends its run, whatever the journal says.
            let has_attempt = tasks[0].job.is_none_or(Job::has_attempt);
            if let Some(job) = tasks[0].job {
                world.double(job);
            }
            if has_attempt && dies(&world) {
                let task = tasks.swap_remove(0);
                world.note(|| format!("{:?} dies", task.job));
                drop(task.future);
                if let Some(job) = task.job {
                    world.open.borrow_mut().remove(&job.id);
                    world.waiting.borrow_mut().retain(|later| later.id != job.id);
                    // One whose answer Inngest has is not tried again.
                    if world.is_elsewhere() || !world.has_answered(job) {
                        world.server.borrow_mut().retry(job);
                    }
                }
            } else if tasks[0].future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                drop(tasks.swap_remove(0));
            } else {
                goes_on = true;
            }
            continue;
        }
        let event = world.server.borrow_mut().queue.remove(events[chosen - tasks.len()]);
        match event {
            Event::Fires(wait) => {
                world.note(|| format!("{wait} is over"));
                world.server.borrow_mut().fire(wait);
            }
            Event::Dispatch(job) => {
                for step in world.server.borrow_mut().retries(job) {
                    world.effects.borrow_mut().failing.remove(&step);
                }
                let job = world.server.borrow_mut().dispatch(job);
                world.late.set(!world.server.borrow().has_ended());
                if world.takes(job) {
                    let future = Box::pin(reentry(world.clone(), program.clone(), job));
                    tasks.push(Task { job: Some(job), future });
                }
            }
        }
    }
    drop(tasks);
    let server = world.server.borrow();
    let mut violations = server.violations.clone();
    violations.extend(world.effects.borrow().violations.iter().cloned());
    if server.exists() && !server.has_ended() && violations.is_empty() {
        violations.push("the run hangs".to_owned());
    }
    let trace = world.trace.as_ref().map(|trace| trace.borrow().clone()).unwrap_or_default();
    let lines = world.effects.borrow().lines.clone();
    Played { violations, trace, lines }
}

fn dies(world: &World) -> bool {
    let mut troubles = world.troubles.get();
    if troubles.deaths == 0 || !world.happens(12) {
        return false;
    }
    troubles.deaths -= 1;
    world.troubles.set(troubles);
    world.has_died.set(true);
    true
}
