//! One pass of a sweep: the scenario, with one mishap.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use inngest::SetupOpts;
use stephttp_dev::{Call, DevServer, InjectedFault, RunStatus, RunView, StepStatus};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::machine::Machine;
use super::wire::{Fate, Fates, Wire};
use super::{Mishap, Plan};
use crate::check::{self, Faults};
use crate::client;
use crate::inngest::Inngest;
use crate::play::{app_of, stage_of, story_of};
use crate::scenario::{RunEnd, Scenario};
use crate::script::Actor;
use crate::stage::{Stage, Witness};

/// How long a pass may take. What hangs, hangs for ever.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a client repeats its request when the connection breaks.
const REPEATS: usize = 3;

/// Plays a scenario with one mishap; answers whether it struck.
pub(super) async fn play(scenario: &Scenario, plan: Plan) -> Result<bool, String> {
    let inngest = Inngest::dev(scenario).await;
    let Inngest::Dev(engine) = &inngest else { unreachable!("a sweep needs the dev engine") };
    let stage = stage_of(scenario).await;
    stage.set_inngest(inngest.clone());
    let trouble = Arc::new(Trouble::new(plan, engine.clone()));
    let wire = Wire::to(engine.url(), trouble.clone()).await;
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    stage.set_witness(Arc::new(Ear(trouble.clone())));
    // Nothing gathers: each operation of a first request is sent by itself, as in a slow one.
    let opts = SetupOpts::new(&origin).dev_server(&wire.url).linger(Duration::ZERO);
    let program = {
        let (scenario, stage) = (scenario.clone(), stage.clone());
        Box::new(move || app_of(&scenario, &stage, opts.clone()))
    };
    let machine = Arc::new(Machine::start(listener, program));
    trouble.meet(&machine);
    trouble.prepare();

    let story = story(scenario, plan, &inngest, engine, &stage, &trouble, &machine, &origin);
    let outcome =
        tokio::time::timeout(LIMIT, story).await.unwrap_or_else(|_| Err("it does not end".to_owned()));
    outcome.map_err(|error| format!("{error}\n{}", story_of(engine)))?;
    Ok(trouble.has_struck() || trouble.engine_struck())
}

#[allow(clippy::too_many_arguments, reason = "all that a pass is made of")]
async fn story(
    scenario: &Scenario,
    plan: Plan,
    inngest: &Inngest,
    engine: &DevServer,
    stage: &Stage,
    trouble: &Trouble,
    machine: &Machine,
    origin: &str,
) -> Result<(), String> {
    let visit = &scenario.visit;
    let (handed_over, run) = watch::channel(None);
    // Of a single call that fails a client must notice nothing.
    let repeats = if plan.mishap.is_death() { REPEATS } else { 0 };
    let actor = Actor { stage, origin, inngest, repeats: Some(repeats) };
    let (received, ()) = tokio::try_join!(
        client::make(visit, origin, &handed_over, repeats),
        actor.follow(&scenario.deeds, run)
    )?;
    check::answer(&visit.answer, &received, Faults::Some { loses_text: trouble.may_lose_text() })?;
    delivered(trouble, machine).await?;
    answered(engine).await;
    let run = stage.run_of(&received.visit);
    if let (Some(expected), Some(run)) = (&visit.run, &run) {
        let died = plan.mishap.is_death() && trouble.has_struck();
        // A client that has its answer does not wait for the checkpoint, which dies with the
        // process.
        let lost =
            died && received.at_once && engine.run(run).is_none_or(|run| run.status == RunStatus::Running);
        if !lost {
            let seen = inngest.ended(run).await?;
            check::shown(expected, &seen)?;
            effects(expected, &stage.effects_of(run), died)?;
        }
    }
    nothing_hangs(engine, plan)?;
    trouble.ran_again()?;
    let violations: Vec<String> = engine.violations().iter().map(ToString::to_string).collect();
    if violations.is_empty() { Ok(()) } else { Err(violations.join("\n")) }
}

/// Waits until the app has nothing left to say, and no crash is under way.
async fn delivered(trouble: &Trouble, machine: &Machine) -> Result<(), String> {
    loop {
        trouble.settled().await;
        let (provider, number) = machine.provider();
        let outcome = provider.wait(LIMIT).await;
        trouble.settled().await;
        // What a dead process had to say is lost; it is the next one that counts.
        if machine.provider().1 == number {
            return outcome.map_err(|error| format!("not delivered: {error}"));
        }
    }
}

/// Waits until the app has answered every re-entry, also those that come when the run is over.
async fn answered(engine: &DevServer) {
    let mut known = 0;
    while known < engine.dispatches().len() {
        known += 1;
        engine.wait_for_answer(known).await;
    }
}

/// A process that dies takes with it what it was doing: that is done once more, and nothing else
/// is.
fn effects(expected: &RunEnd, did: &[String], died: bool) -> Result<(), String> {
    let times = |effects: &[String], effect: &String| effects.iter().filter(|known| *known == effect).count();
    for effect in did.iter().chain(&expected.did) {
        let (wanted, happened) = (times(&expected.did, effect), times(did, effect));
        let once_more = usize::from(died);
        if happened < wanted || happened > wanted + once_more {
            return Err(format!("`{effect}` must happen {wanted} times, but did {happened} times: {did:?}"));
        }
    }
    Ok(())
}

/// A run that was called back, has not ended and waits for nothing will never end. Unless the
/// process died in a first request, no run at all may be left.
fn nothing_hangs(engine: &DevServer, plan: Plan) -> Result<(), String> {
    let dispatches = engine.dispatches();
    let called_back = |run: &RunView| dispatches.iter().any(|dispatch| dispatch.run_id == run.id);
    let lost = |run: &RunView| plan.mishap.is_death() && (run.outstanding > 0 || !called_back(run));
    match engine.runs().iter().find(|run| run.status == RunStatus::Running && !lost(run)) {
        None => Ok(()),
        Some(run) => Err(format!("run {} has not ended", run.id)),
    }
}

// ===== Trouble =====

/// The one thing that goes wrong, and what has been seen of it.
struct Trouble {
    plan: Plan,
    engine: Arc<DevServer>,
    runtime: Handle,
    machine: OnceLock<Weak<Machine>>,
    effects: AtomicUsize,
    /// Calls that are under way.
    calls: watch::Sender<usize>,
    struck: AtomicBool,
    /// What went wrong did so with the run's stream.
    struck_stream: AtomicBool,
    /// The process is dying, and nothing of what it does counts any more.
    dying: watch::Sender<bool>,
    /// Steps that ran although their result had been saved.
    again: Mutex<Vec<String>>,
}

impl Trouble {
    fn new(plan: Plan, engine: Arc<DevServer>) -> Self {
        Self {
            plan,
            engine,
            runtime: Handle::current(),
            machine: OnceLock::new(),
            effects: AtomicUsize::new(0),
            calls: watch::Sender::new(0),
            struck: AtomicBool::new(false),
            struck_stream: AtomicBool::new(false),
            dying: watch::Sender::new(false),
            again: Mutex::default(),
        }
    }

    fn meet(&self, machine: &Arc<Machine>) {
        let _ = self.machine.set(Arc::downgrade(machine));
    }

    /// Lets the engine do what is its part.
    fn prepare(&self) {
        let (engine, nth) = (&self.engine, self.plan.nth);
        match self.plan.mishap {
            Mishap::StateEmpty => engine.inject(InjectedFault::on(Call::Actions).nth(nth).body("{}")),
            Mishap::StateGone => engine.inject(InjectedFault::on(Call::Actions).nth(nth).respond(410)),
            Mishap::DispatchRepeated => engine.duplicate_dispatch(nth),
            Mishap::ReentryAfterEnd => engine.reenter_after_end(1),
            _ => {}
        }
    }

    /// Whether the engine came to the place of its mishap.
    fn engine_struck(&self) -> bool {
        let nth = self.plan.nth;
        match self.plan.mishap {
            Mishap::StateEmpty | Mishap::StateGone => self.engine.calls_of(Call::Actions).len() >= nth,
            // What is repeated is not repeated again.
            Mishap::DispatchRepeated => self.engine.dispatches().len() > nth,
            _ => false,
        }
    }

    /// Whether a client's stream may lack something.
    fn may_lose_text(&self) -> bool {
        self.has_struck() && (self.plan.mishap.is_death() || self.struck_stream.load(Ordering::SeqCst))
    }

    fn has_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// Waits until nobody is dying.
    async fn settled(&self) {
        // The sender is ours, so the channel cannot close.
        let _ = self.dying.subscribe().wait_for(|dying| !dying).await;
    }

    fn ran_again(&self) -> Result<(), String> {
        let again = self.again.lock().unwrap();
        if again.is_empty() { Ok(()) } else { Err(format!("saved, and yet run again: {again:?}")) }
    }

    fn strike(&self) {
        self.struck.store(true, Ordering::SeqCst);
        if self.plan.mishap.is_death() {
            self.dying.send_replace(true);
        }
    }

    /// Ends the process, and starts the next.
    fn crash(&self) {
        if let Some(machine) = self.machine.get().and_then(Weak::upgrade) {
            machine.crash(|| {
                self.dying.send_replace(false);
            });
        }
        self.engine.release_dispatches();
    }
}

impl std::fmt::Debug for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trouble").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// Hears of effects, in the app's thread.
#[derive(Debug)]
struct Ear(Arc<Trouble>);

impl Witness for Ear {
    fn survives(&self, run: &str, effect: &str) -> bool {
        let trouble = &self.0;
        if *trouble.dying.borrow() {
            return false;
        }
        let saved = trouble.engine.run(run).is_some_and(|run| {
            run.step(effect)
                .is_some_and(|step| matches!(step.status, StepStatus::Completed | StepStatus::Failed))
        });
        if saved {
            trouble.again.lock().unwrap().push(effect.to_owned());
        }
        let nth = trouble.effects.fetch_add(1, Ordering::SeqCst) + 1;
        if trouble.plan.mishap != Mishap::DeathAfterEffect || nth != trouble.plan.nth {
            return true;
        }
        trouble.strike();
        let trouble = trouble.clone();
        trouble.runtime.clone().spawn_blocking(move || trouble.crash());
        false
    }

    /// What was saved before is under way when the next effect comes, and then it has arrived: each
    /// is a call of its own, as in a slow handler. Should it be sent later than that, then the pass
    /// only sees fewer calls.
    fn pace(&self) -> BoxFuture<'static, ()> {
        let mut calls = self.0.calls.subscribe();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            // A pass that is over needs no pace.
            let _ = calls.wait_for(|calls| *calls == 0).await;
        })
    }
}

impl Fates for Trouble {
    fn of_call(&self, nth: usize, path: &str) -> Fate {
        self.calls.send_modify(|calls| *calls += 1);
        if *self.dying.borrow() {
            return Fate::CutBefore;
        }
        if nth != self.plan.nth {
            return Fate::Passes;
        }
        let fate = match self.plan.mishap {
            Mishap::DeathAfterEffect
            | Mishap::StateEmpty
            | Mishap::StateGone
            | Mishap::DispatchRepeated
            | Mishap::ReentryAfterEnd => return Fate::Passes,
            Mishap::DeathBeforeCall => Fate::DeathBefore,
            Mishap::DeathAfterCall => Fate::DeathAfter,
            Mishap::CallFails => Fate::Fails,
            Mishap::CallCutBefore => Fate::CutBefore,
            Mishap::CallCutAfter => Fate::CutAfter,
        };
        // What is lost of a stream is not told again.
        if path.contains("/realtime/") {
            self.struck_stream.store(true, Ordering::SeqCst);
        }
        self.strike();
        fate
    }

    fn ended(&self) {
        self.calls.send_modify(|calls| *calls -= 1);
    }

    fn prepare_death(&self) {
        self.engine.hold_dispatches();
    }

    fn death(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _ = tokio::task::spawn_blocking(move || self.crash()).await;
        })
    }
}
