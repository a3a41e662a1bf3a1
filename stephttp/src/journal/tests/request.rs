//! One request, from its state to its answer: what `layer` and `run` do, without HTTP.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::play::{Point, World};
use super::program::{Program, Session, handler};
use super::server::{Job, RETRIES};
use crate::journal::{
    self, Awaited, Done, Ending, Facts, HandoverFacts, Journal, Memo, Mode, Next, Outcome, Outstanding,
    Polled, Recorded, Saved, Stale, Standing, Stop, end_of, handed_over_at, is_repeatable, start,
    takes_operations,
};
use crate::wire::{ApiResult, OpCode};

/// How a handler's time has ended.
enum Driven {
    Answered(String),
    Done(Done),
}

/// One request's share of a run.
struct Request<'a> {
    world: &'a Rc<World>,
    session: Rc<Session>,
    job: Option<Job>,
    /// Steps that were known to be stored last.
    known: usize,
}

fn session(world: &Rc<World>, job: Option<Job>, journal: Journal) -> Rc<Session> {
    let (known, untroubled, caused) = (world.clone(), world.clone(), world.clone());
    Rc::new(Session {
        journal: RefCell::new(journal),
        effects: world.effects.clone(),
        is_saved: Box::new(move |step| known.server.borrow().has_stored(step)),
        generation: job.map_or(0, |job| job.generation),
        is_untroubled: Box::new(move || untroubled.is_untroubled()),
        causes: Box::new(move |event| {
            caused.note(|| format!("{job:?} causes {event}"));
            caused.server.borrow_mut().comes(event);
        }),
        winners: RefCell::default(),
    })
}

/// A client's request.
pub(super) async fn first(world: Rc<World>, program: Rc<Program>) {
    let session = session(&world, None, Journal::new(Mode::First, journal::Job::default()));
    let mut request = Request { world: &world, session, job: None, known: 0 };
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
    let ending = match state(&world, job).await {
        Ok(memo) => {
            let own = journal::Job { id: job.id.to_string(), generation: job.generation };
            let mut journal = Journal::new(Mode::of(&memo), own);
            let known = memo.len();
            journal.learn(memo);
            let session = session(&world, Some(job), journal);
            let mut request = Request { world: &world, session, job: Some(job), known };
            request.attempt(&program).await
        }
        Err(ending) => ending,
    };
    world.point(Point::Answer).await;
    world.note(|| format!("{job:?} ends: {}", shown(&ending)));
    let mut server = world.server.borrow_mut();
    match ending {
        Ending::Operations(ops, _) => server.answer(job, &ops),
        Ending::Finished(result) => server.finish(&result),
        Ending::TryAgain(..) => server.retry(job),
        Ending::Over | Ending::Superseded => {}
    }
}

fn shown(ending: &Ending) -> String {
    match ending {
        Ending::Operations(ops, _) => {
            ops.iter().map(|op| format!("{:?} {} ", op.op(), op.key().id)).collect()
        }
        other => format!("{other:?}"),
    }
}

fn may_retry(job: Job) -> bool {
    job.generation < u32::from(RETRIES)
}

async fn obtain(world: &World, job: Job, known: usize) -> Result<Memo, Standing> {
    let mut standing = Standing::Gone;
    for chance in 0..4 {
        world.point(if chance == 0 { Point::Call } else { Point::Rest }).await;
        match world.state(chance > 0) {
            Ok(memo) if memo.is_whole(known) => return Ok(memo),
            Ok(_) => {}
            Err(other) => standing = other,
        }
        if chance > 1 && (may_retry(job) || world.server.borrow().has_ended()) {
            break;
        }
    }
    let is_shown_as_over = !may_retry(job) && world.server.borrow().has_ended();
    Err(if is_shown_as_over { Standing::Over } else { standing })
}

async fn state(world: &World, job: Job) -> Result<Memo, Ending> {
    let memo = obtain(world, job, 0).await;
    let memo = memo.map_err(|standing| Ending::without_state(&standing, may_retry(job)))?;
    if let Some(end) = end_of(&memo) {
        return Err(Ending::Finished(end));
    }
    if handed_over_at(&memo).is_some() && world.server.borrow().has_ended() {
        return Err(Ending::Over);
    }
    Ok(memo)
}

impl Request<'_> {
    async fn attempt(&mut self, program: &Program) -> Ending {
        let mut handler = handler(program, &self.session);
        let driven = match self.drive(handler.as_mut()).await {
            Ok(driven) => driven,
            Err(ending) => return ending,
        };
        drop(handler);
        match driven {
            Driven::Answered(value) => {
                self.session.journal.borrow_mut().close();
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

    async fn drive(
        &mut self,
        mut handler: Pin<&mut (dyn Future<Output = String> + 'static)>,
    ) -> Result<Driven, Ending> {
        loop {
            if let Poll::Ready(value) = handler.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Ok(Driven::Answered(value));
            }
            let polled = Polled { attempts_left: self.attempts_left(), ..Polled::default() };
            let next = self.session.journal.borrow_mut().after_poll(polled, |_| false);
            match next {
                // Whoever drives this polls all steps each time.
                Next::Give(_) | Next::Wake(_) | Next::WakeOne(_) => {}
                Next::Done(done, _) => return Ok(Driven::Done(done)),
                Next::Agree(proposal) => self.agree(proposal).await?,
                Next::Rest | Next::GiveWay => {
                    if self.job.is_some() && self.session.journal.borrow().has_unsent() {
                        self.save().await;
                    }
                    self.world.point(Point::Rest).await;
                    let awaited = self.session.journal.borrow().awaited();
                    match awaited {
                        Some(Awaited::UntilReached(_)) => self.session.journal.borrow_mut().pass_over(),
                        Some(Awaited::UntilDropped(_)) => {
                            return Ok(Driven::Done(Done::Misused("it holds a step".to_owned())));
                        }
                        None => {}
                    }
                }
            }
        }
    }

    fn attempts_left(&self) -> u32 {
        self.job.map_or(0, |job| (u32::from(RETRIES) + 1).saturating_sub(job.generation))
    }

    async fn suspend(&mut self, outstanding: Vec<Outstanding>) -> Ending {
        let facts = HandoverFacts { attempts_left: self.attempts_left(), ..HandoverFacts::default() };
        let handover = self.session.journal.borrow_mut().hand_over(outstanding, facts);
        self.session.journal.borrow_mut().put_back(handover.context);
        self.conclude(Outcome::Waits(handover.ops, None)).await
    }

    async fn agree(&mut self, proposal: Option<Recorded>) -> Result<(), Ending> {
        let own = self.session.journal.borrow().own_steps();
        let steps = self.known + own + usize::from(proposal.is_some());
        self.session.journal.borrow_mut().put_back(proposal.into_iter().collect());
        let saved = self.save().await;
        if saved != Saved::All {
            return Err(self.end(Outcome::Waits(Vec::new(), None), saved).await);
        }
        let job = self.job.expect("a first request decides alone");
        let memo = obtain(self.world, job, steps).await;
        let memo = memo.map_err(|standing| Ending::without_state(&standing, may_retry(job)))?;
        if let Some(end) = end_of(&memo) {
            return Err(Ending::Finished(end));
        }
        self.known = memo.len();
        let mut journal = self.session.journal.borrow_mut();
        for (slot, _) in journal.learn(memo) {
            journal.resolve(slot);
        }
        Ok(())
    }

    async fn conclude(&mut self, outcome: Outcome) -> Ending {
        let saved = self.save().await;
        self.end(outcome, saved).await
    }

    async fn end(&mut self, outcome: Outcome, mut saved: Saved) -> Ending {
        let job = self.job.expect("a first request has no ending");
        let mut standing = Standing::GoesOn;
        if saved == Saved::All && outcome.ends(may_retry(job)) {
            let proposal = match &outcome {
                Outcome::Ends(result) => self.session.journal.borrow().propose_end(result),
                Outcome::Fails(_) | Outcome::Waits(..) => None,
            };
            let known = self.known + usize::from(proposal.is_some());
            if let Some(proposal) = proposal {
                self.session.journal.borrow_mut().put_back(vec![proposal]);
                saved = self.save().await;
            }
            if saved == Saved::All {
                standing = match obtain(self.world, job, known).await {
                    Ok(memo) => end_of(&memo).map_or(Standing::GoesOn, Standing::Agreed),
                    Err(standing) => standing,
                };
            }
        }
        if saved == Saved::Refused(Stale::Over) {
            standing = match obtain(self.world, job, self.known).await {
                Ok(memo) => end_of(&memo).map_or(Standing::GoesOn, Standing::Agreed),
                Err(standing) => standing,
            };
        }
        let facts = Facts { saved, standing, may_retry: may_retry(job) };
        Ending::of(outcome, facts, |ops, may_retry| {
            self.session.journal.borrow_mut().unsaved_with(ops, may_retry)
        })
    }

    /// Saves what has not been saved.
    async fn save(&mut self) -> Saved {
        let ops = self.session.journal.borrow_mut().take_unsent();
        if ops.is_empty() {
            return self.session.journal.borrow().stale().map_or(Saved::All, Saved::Refused);
        }
        self.world.point(Point::Call).await;
        let taken = self.world.server.borrow_mut().save(&ops);
        self.world.note(|| {
            let saved: Vec<_> = ops
                .iter()
                .map(|op| {
                    format!(
                        "{}: {}",
                        op.key().id,
                        op.to_wire().data.map(|data| data.get().to_owned()).unwrap_or_default()
                    )
                })
                .collect();
            format!("{:?} saves {saved:?}: {taken}", self.job)
        });
        if !taken {
            self.session.journal.borrow_mut().put_back(ops);
            self.session.journal.borrow_mut().stop(Stop::Stale(Stale::Over));
            return Saved::Refused(Stale::Over);
        }
        if self.world.loses_answer() {
            self.session.journal.borrow_mut().put_back(ops);
            self.session.journal.borrow_mut().saved(true);
            return Saved::Not;
        }
        self.session.journal.borrow_mut().saved(false);
        Saved::All
    }
}
