//! One request, from its state to its answer: what `layer` and `run` do, without HTTP.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::driving::Driven;
use super::play::{Point, World};
use super::program::{Program, Session, handler};
use super::server::{Job, RETRIES};
use crate::journal::{
    self, Done, Ending, Erring, Facts, HandoverFacts, Journal, Memo, Mode, Outcome, Outstanding, Recorded,
    Saved, Stale, Standing, Stop, end_of, handed_over_at, is_repeatable, start, takes_operations,
};
use crate::wire::{ApiResult, OpCode};

/// One request's share of a run.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) world: Rc<World>,
    pub(super) session: Rc<Session>,
    pub(super) job: Option<Job>,
    /// Steps that were known to be stored last.
    known: Rc<Cell<usize>>,
}

impl Request {
    fn new(world: &Rc<World>, job: Option<Job>, journal: Journal, known: usize) -> Self {
        let (stored, untroubled, caused) = (world.clone(), world.clone(), world.clone());
        let died = world.clone();
        let known = Rc::new(Cell::new(known));
        let seen = known.clone();
        let session = Rc::new(Session {
            journal: RefCell::new(journal),
            effects: world.effects.clone(),
            // Of two dispatches of a job in two processes, one does not know what the other one
            // has saved since it looked.
            is_saved: Box::new(move |step| {
                let server = stored.server.borrow();
                if stored.is_elsewhere() {
                    server.had_stored(step, seen.get())
                } else {
                    server.has_stored(step)
                }
            }),
            generation: job.map_or(0, |job| job.generation),
            is_untroubled: Box::new(move || untroubled.is_untroubled()),
            deaths: Box::new(move || died.deaths()),
            causes: Box::new(move |event| {
                caused.note(|| format!("{job:?} causes {event}"));
                caused.server.borrow_mut().comes(event);
            }),
            winners: RefCell::default(),
            has_erred: Cell::new(false),
        });
        Self { world: world.clone(), session, job, known }
    }
}

/// A client's request.
pub(super) async fn first(world: Rc<World>, program: Rc<Program>) {
    let journal = Journal::new(Mode::First, journal::Job::default());
    let request = Request::new(&world, None, journal, 0);
    let mut handler = handler(&program, &request.session);
    let driven = request.drive(handler.as_mut()).await.expect("a first request is alone");
    drop(handler);
    let mut ops = match driven {
        Driven::Answered(value) => {
            request.session.journal.borrow_mut().close();
            let mut ops = request.session.journal.borrow_mut().take_unsent();
            ops.push(Recorded::complete(&ApiResult::new(200).body(value)).expect("JSON"));
            ops
        }
        Driven::Done(Done::Suspended(outstanding)) => {
            let journal = &mut *request.session.journal.borrow_mut();
            let handover = journal.hand_over(outstanding, HandoverFacts::default());
            journal.put_back(handover.context);
            let mut ops = journal.take_unsent();
            ops.extend(handover.ops);
            ops
        }
        Driven::Done(done) => panic!("a first request ends so: {done:?}"),
    };
    ops.sort_by_key(|op| op.op() != OpCode::StepRun);
    world.note(|| format!("the first request tells {}", shown(&ops)));
    world.tells(&request.session);
    deliver(&world, ops).await;
}

/// Creates the run, also when the answer to that does not come.
async fn deliver(world: &World, ops: Vec<Recorded>) {
    let mut may_exist = false;
    let mut handed_over_at = None;
    for _ in 0..4 {
        world.point(Point::Call).await;
        let takes_operations = takes_operations(may_exist);
        if takes_operations {
            world.server.borrow_mut().create(&ops);
        } else {
            world.server.borrow_mut().create(&[start(handed_over_at)]);
        }
        if world.loses_answer() {
            if takes_operations && is_repeatable(&ops) {
                continue;
            }
            may_exist = true;
            handed_over_at = Some(1);
            continue;
        }
        if !takes_operations {
            world.point(Point::Call).await;
            world.server.borrow_mut().add(&ops);
        }
        return;
    }
}

/// Inngest's call back.
pub(super) async fn reentry(world: Rc<World>, program: Rc<Program>, job: Job) {
    let (mut has_erred, mut is_alone) = (false, false);
    let ending = match state(&world, job).await {
        Ok(memo) => {
            let own = journal::Job { id: job.id.to_string(), generation: job.generation };
            let mut journal = Journal::new(Mode::of(&memo), own);
            let known = memo.len();
            journal.watch_replay();
            journal.learn(memo);
            let request = Request::new(&world, Some(job), journal, known);
            let ending = request.attempt(&program).await;
            has_erred = request.session.has_erred.get();
            is_alone = request.session.journal.borrow().decides();
            ending
        }
        Err(ending) => ending,
    };
    world.point(Point::Answer).await;
    let waiting = world.answered(job, asks_for_retry(&ending));
    world.promises(job, &ending, has_erred && asks_for_retry(&ending));
    answer(&world, job, &ending, is_alone);
    // Who has waited for it answers the same.
    for later in waiting {
        world.point(Point::Answer).await;
        answer(&world, later, &ending, is_alone);
    }
}

fn asks_for_retry(ending: &Ending) -> bool {
    match ending {
        Ending::Operations(ops, _) => ops.iter().any(|op| op.op() == OpCode::StepError),
        ending => matches!(ending, Ending::TryAgain(..)),
    }
}

fn answer(world: &World, job: Job, ending: &Ending, is_alone: bool) {
    world.note(|| match ending {
        Ending::Operations(ops, _) => format!("{job:?} ends: {}", shown(ops)),
        other => format!("{job:?} ends: {other:?}"),
    });
    let mut server = world.server.borrow_mut();
    match ending {
        Ending::Operations(ops, _) => server.answer(job, ops),
        Ending::Finished(result) => server.finish(result, is_alone),
        Ending::TryAgain(..) => server.retry(job),
        Ending::Over | Ending::Superseded => {}
    }
}

fn shown(ops: &[Recorded]) -> String {
    ops.iter().map(|op| format!("{:?} {} ", op.op(), op.key().id)).collect()
}

fn may_retry(world: &World, job: Job) -> bool {
    world.lease(job).generation < u32::from(RETRIES)
}

async fn obtain(world: &World, job: Job, known: usize) -> Result<Memo, Standing> {
    let mut standing = Standing::Gone;
    for chance in 0..4 {
        world.point(if chance == 0 { Point::Call } else { Point::Rest }).await;
        let state = world.state(chance > 0);
        if world.reads_late() {
            world.point(Point::Read).await;
        }
        match state {
            Ok(memo) if memo.is_whole(known) => return Ok(memo),
            Ok(_) => {}
            Err(other) => standing = other,
        }
        if chance > 1 && (may_retry(world, job) || world.server.borrow().has_ended()) {
            break;
        }
    }
    let is_shown_as_over = !may_retry(world, job) && world.server.borrow().has_ended();
    Err(if is_shown_as_over { Standing::Over } else { standing })
}

async fn state(world: &World, job: Job) -> Result<Memo, Ending> {
    let memo = obtain(world, job, 0).await;
    let memo = memo.map_err(|standing| Ending::without_state(&standing, may_retry(world, job)))?;
    if let Some(end) = end_of(&memo) {
        return Err(Ending::Finished(end));
    }
    if handed_over_at(&memo).is_some() && world.server.borrow().has_ended() {
        return Err(Ending::Over);
    }
    Ok(memo)
}

impl Request {
    async fn attempt(&self, program: &Program) -> Ending {
        let mut handler = handler(program, &self.session);
        let driven = match self.drive(handler.as_mut()).await {
            Ok(driven) => driven,
            Err(ending) => return ending,
        };
        drop(handler);
        match driven {
            Driven::Answered(value) => {
                self.session.journal.borrow_mut().close();
                if self.session.has_erred.get() {
                    return self.fail(Outcome::Errs(ApiResult::new(500).body("err"), None)).await;
                }
                let ending = self.conclude(Outcome::Ends(ApiResult::new(200).body(value))).await;
                // Otherwise nobody knows of the choices that no step has depended on: they may be
                // made anew.
                if matches!(ending, Ending::Finished(_)) {
                    self.world.tells(&self.session);
                }
                ending
            }
            Driven::Done(Done::Suspended(outstanding)) => {
                let ending = self.suspend(outstanding).await;
                self.world.tells(&self.session);
                ending
            }
            Driven::Done(Done::Stale(stale, outstanding)) => {
                let outcome = Outcome::Waits(Outstanding::answers(outstanding), None);
                self.end(outcome, Saved::Refused(stale)).await
            }
            Driven::Done(done) => panic!("a re-entry ends so: {done:?}"),
        }
    }

    /// How often the job is dispatched once more, at most, as far as is known here.
    pub(super) fn attempts_left(&self) -> u32 {
        let dispatches = self.job.map(|job| self.world.lease(job).generation);
        dispatches.map_or(0, |dispatches| (u32::from(RETRIES) + 1).saturating_sub(dispatches))
    }

    async fn suspend(&self, outstanding: Vec<Outstanding>) -> Ending {
        let facts = HandoverFacts { attempts_left: self.attempts_left(), ..HandoverFacts::default() };
        let handover = self.session.journal.borrow_mut().hand_over(outstanding, facts);
        self.session.journal.borrow_mut().put_back(handover.context);
        self.conclude(Outcome::Waits(handover.ops, None)).await
    }

    pub(super) async fn agree(&self, proposal: Option<Recorded>) -> Result<(), Ending> {
        let own = self.session.journal.borrow().own_steps();
        let steps = self.known.get() + own + usize::from(proposal.is_some());
        self.session.journal.borrow_mut().put_back(proposal.into_iter().collect());
        let saved = self.save().await;
        if saved != Saved::All {
            return Err(self.end(Outcome::Waits(Vec::new(), None), saved).await);
        }
        let job = self.job.expect("a first request decides alone");
        let memo = obtain(&self.world, job, steps).await;
        let memo = memo.map_err(|standing| Ending::without_state(&standing, may_retry(&self.world, job)))?;
        if let Some(end) = end_of(&memo) {
            return Err(Ending::Finished(end));
        }
        self.known.set(memo.len());
        let mut journal = self.session.journal.borrow_mut();
        for (slot, _) in journal.learn(memo) {
            journal.resolve(slot);
        }
        Ok(())
    }

    async fn fail(&self, outcome: Outcome) -> Ending {
        let job = self.job.expect("a first request has no ending");
        loop {
            let erring = self.session.journal.borrow().erring(may_retry(&self.world, job));
            match erring {
                Erring::Here => return self.conclude(outcome).await,
                Erring::Elsewhere => return self.conclude(Outcome::Waits(Vec::new(), None)).await,
                Erring::Agree(proposal) => {
                    if let Err(ending) = self.agree(Some(proposal)).await {
                        return ending;
                    }
                }
            }
        }
    }

    async fn conclude(&self, outcome: Outcome) -> Ending {
        let saved = self.save().await;
        self.end(outcome, saved).await
    }

    async fn end(&self, mut outcome: Outcome, mut saved: Saved) -> Ending {
        let job = self.job.expect("a first request has no ending");
        let may_retry = || may_retry(&self.world, job);
        let mut standing = Standing::GoesOn;
        if saved == Saved::All && outcome.ends(may_retry()) {
            (saved, standing) = self.agree_on_end(job, &outcome).await;
        }
        let is_stranded = || self.session.journal.borrow().is_stranded(outcome.operations());
        if saved == Saved::Not && !may_retry() && is_stranded() {
            outcome = outcome.given_up();
            (saved, standing) = self.agree_on_end(job, &outcome).await;
        }
        if saved == Saved::Refused(Stale::Over) {
            standing = self.standing(job, self.known.get()).await;
            // The state may be there still.
            let is_last = matches!(standing, Standing::GoesOn) && !may_retry();
            if is_last && self.world.server.borrow().has_ended() {
                standing = Standing::Over;
            }
        }
        let facts = Facts { saved, standing, may_retry: may_retry() };
        Ending::of(outcome, facts, |ops, may_retry| {
            self.session.journal.borrow_mut().unsaved_with(ops, may_retry)
        })
    }

    async fn agree_on_end(&self, job: Job, outcome: &Outcome) -> (Saved, Standing) {
        let proposal = match outcome {
            Outcome::Ends(result) | Outcome::Errs(result, _) => {
                self.session.journal.borrow_mut().propose_end(result)
            }
            Outcome::Fails(_) | Outcome::Waits(..) => None,
        };
        let known = self.known.get() + usize::from(proposal.is_some());
        self.session.journal.borrow_mut().put_back(proposal.into_iter().collect());
        let has_unsent = self.session.journal.borrow().has_unsent();
        let saved = if has_unsent { self.save().await } else { Saved::All };
        if saved != Saved::All {
            return (saved, Standing::GoesOn);
        }
        (saved, self.standing(job, known).await)
    }

    async fn standing(&self, job: Job, known: usize) -> Standing {
        match obtain(&self.world, job, known).await {
            Ok(memo) => end_of(&memo).map_or(Standing::GoesOn, Standing::Agreed),
            Err(standing) => standing,
        }
    }

    /// Saves what has not been saved.
    pub(super) async fn save(&self) -> Saved {
        let (journal, world) = (&self.session.journal, &self.world);
        let ops = journal.borrow_mut().take_unsent();
        if ops.is_empty() {
            return journal.borrow().stale().map_or(Saved::All, Saved::Refused);
        }
        world.point(Point::Call).await;
        let job = world.lease(self.job.expect("a first request saves nothing"));
        let taken = world.server.borrow_mut().save(job, &ops);
        world.note(|| {
            let data =
                |op: &Recorded| op.to_wire().data.map(|data| data.get().to_owned()).unwrap_or_default();
            let saved: Vec<_> = ops.iter().map(|op| format!("{}: {}", op.key().id, data(op))).collect();
            format!("{job:?} saves {saved:?}: {taken:?}")
        });
        if let Err(stale) = taken {
            journal.borrow_mut().put_back(ops);
            journal.borrow_mut().stop(Stop::Stale(stale));
            return Saved::Refused(stale);
        }
        if world.loses_answer() {
            journal.borrow_mut().put_back(ops);
            journal.borrow_mut().saved(true);
            return Saved::Not;
        }
        journal.borrow_mut().saved(false);
        Saved::All
    }
}
