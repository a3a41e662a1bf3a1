//! The mishaps of one pass, and what is seen of them.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use http::Method;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::machine::Machine;
use super::place::{Mishap, Place};
use super::wire::{Fate, Fates};
use crate::fault::{Call, InjectedFault};
use crate::inspect::{RunView, StepStatus, StepView};
use crate::server::DevServer;
use crate::sync::lock;

/// How long a step waits before it runs, so that what was saved before it is under way.
const PACE: Duration = Duration::from_millis(5);

/// The mishaps of one pass, and what has been seen of them.
pub(super) struct Mishaps {
    places: Vec<Place>,
    engine: Arc<DevServer>,
    runtime: Handle,
    machine: OnceLock<Weak<Machine>>,
    effects: AtomicUsize,
    counted: AtomicUsize,
    /// Calls that are under way.
    calls: watch::Sender<usize>,
    /// Where a mishap of the app's or of the wire's struck, and what was there.
    struck: Mutex<BTreeMap<Place, String>>,
    /// A mishap struck a call about a stream.
    struck_stream: AtomicBool,
    /// The process is dying, and nothing of what it does counts any more.
    dying: watch::Sender<bool>,
    /// Steps that ran although their result had been saved.
    again: Mutex<Vec<String>>,
    /// Why the next process did not start.
    stillborn: Mutex<Option<String>>,
}

impl Mishaps {
    pub(super) fn new(places: &[Place], engine: Arc<DevServer>) -> Self {
        Self {
            places: places.to_vec(),
            engine,
            runtime: Handle::current(),
            machine: OnceLock::new(),
            effects: AtomicUsize::new(0),
            counted: AtomicUsize::new(0),
            calls: watch::Sender::new(0),
            struck: Mutex::default(),
            struck_stream: AtomicBool::new(false),
            dying: watch::Sender::new(false),
            again: Mutex::default(),
            stillborn: Mutex::default(),
        }
    }

    pub(super) fn meet(&self, machine: &Arc<Machine>) {
        let _ = self.machine.set(Arc::downgrade(machine));
    }

    /// Lets the engine do what is its part.
    pub(super) fn prepare(&self) {
        let engine = &self.engine;
        for place in &self.places {
            let nth = place.nth();
            match place.mishap() {
                Mishap::StateEmpty => engine.inject(InjectedFault::on(Call::Actions).nth(nth).body("{}")),
                Mishap::StateGone => engine.inject(InjectedFault::on(Call::Actions).nth(nth).respond(410)),
                Mishap::DispatchRepeated => engine.duplicate_dispatch(nth),
                Mishap::ReentryAfterEnd => engine.reenter_after_end(1),
                _ => {}
            }
        }
    }

    /// How many places a mishap has had so far.
    pub(super) fn places_of(&self, mishap: Mishap) -> usize {
        match mishap {
            Mishap::DeathAfterEffect => self.effects.load(Ordering::SeqCst),
            Mishap::StateEmpty | Mishap::StateGone => self.engine.calls_of(Call::Actions).len(),
            Mishap::DispatchRepeated => self.engine.dispatches().len(),
            Mishap::ReentryAfterEnd => 1,
            _ => self.counted.load(Ordering::SeqCst),
        }
    }

    /// The mishaps that have struck, and what each has struck.
    pub(super) fn struck(&self) -> BTreeMap<Place, String> {
        let mut struck = lock(&self.struck).clone();
        for place in &self.places {
            if let Some(what) = self.engine_struck(*place) {
                struck.insert(*place, what);
            }
        }
        struck
    }

    /// What the engine's part of a mishap has struck.
    fn engine_struck(&self, place: Place) -> Option<String> {
        let nth = place.nth().saturating_sub(1);
        match place.mishap() {
            Mishap::StateEmpty | Mishap::StateGone => {
                let call = self.engine.calls_of(Call::Actions).into_iter().nth(nth)?;
                Some(format!("`{} {}`", call.method, call.path))
            }
            Mishap::DispatchRepeated => {
                let dispatches = self.engine.dispatches();
                // What is repeated is not repeated again.
                let dispatch = dispatches.get(nth).filter(|_| dispatches.len() > nth + 1)?;
                Some(format!("`{}` (run {})", dispatch.uri, dispatch.run_id))
            }
            Mishap::ReentryAfterEnd if !self.engine.dispatches().is_empty() => Some("each run".to_owned()),
            _ => None,
        }
    }

    /// How many deaths there have been.
    pub(super) fn deaths(&self) -> usize {
        lock(&self.struck).keys().filter(|place| place.mishap().is_death()).count()
    }

    pub(super) fn struck_stream(&self) -> bool {
        self.struck_stream.load(Ordering::SeqCst)
    }

    /// Waits until nobody is dying.
    pub(super) async fn settled(&self) {
        // The sender is ours, so the channel cannot close.
        let _ = self.dying.subscribe().wait_for(|dying| !dying).await;
    }

    pub(super) fn is_dying(&self) -> bool {
        *self.dying.borrow()
    }

    /// The steps that ran although their result had been saved.
    pub(super) fn ran_again(&self) -> Vec<String> {
        lock(&self.again).clone()
    }

    /// Why the next process did not start.
    pub(super) fn stillborn(&self) -> Option<String> {
        lock(&self.stillborn).clone()
    }

    /// A step runs: whether its result has been saved is noted. `step` finds it.
    pub(super) fn runs(&self, run: &str, label: &str, step: impl Fn(&RunView) -> Option<&StepView>) {
        let saved = self.engine.run(run).is_some_and(|run| {
            step(&run).is_some_and(|step| matches!(step.status, StepStatus::Completed | StepStatus::Failed))
        });
        if saved {
            lock(&self.again).push(format!("`{label}` of run {run}"));
        }
    }

    /// An effect has happened, and is not saved; answers whether the process lives on.
    pub(super) fn survives(self: &Arc<Self>, run: &str, label: &str) -> bool {
        if self.is_dying() {
            return false;
        }
        let nth = self.effects.fetch_add(1, Ordering::SeqCst) + 1;
        let place = Place::new(Mishap::DeathAfterEffect, nth);
        if !self.places.contains(&place) {
            return true;
        }
        self.strike(place, format!("the step `{label}` of run {run}"));
        let mishaps = Arc::clone(self);
        self.runtime.spawn_blocking(move || mishaps.crash());
        false
    }

    /// What was saved before is under way when the next effect comes, and then it has arrived: each
    /// is a call of its own, as in a slow handler. Should it be sent later than that, then the pass
    /// only sees fewer calls.
    pub(super) async fn pace(&self) {
        let mut calls = self.calls.subscribe();
        tokio::time::sleep(PACE).await;
        // A pass that is over needs no pace.
        let _ = calls.wait_for(|calls| *calls == 0).await;
    }

    fn strike(&self, place: Place, what: String) {
        lock(&self.struck).insert(place, what);
        if place.mishap().is_death() {
            self.dying.send_replace(true);
        }
    }

    /// Ends the process, and starts the next.
    fn crash(&self) {
        if let Some(machine) = self.machine.get().and_then(Weak::upgrade) {
            let reborn = machine.crash(|| {
                self.dying.send_replace(false);
            });
            if let Err(why) = reborn {
                lock(&self.stillborn).get_or_insert(why.to_string());
            }
        }
        self.engine.release_dispatches();
    }
}

impl fmt::Debug for Mishaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mishaps").field("places", &self.places).finish_non_exhaustive()
    }
}

/// What a mishap makes of a call.
fn fate_by(mishap: Mishap) -> Fate {
    match mishap {
        Mishap::DeathBeforeCall => Fate::DeathBefore,
        Mishap::DeathAfterCall => Fate::DeathAfter,
        Mishap::CallFails => Fate::Fails,
        Mishap::CallCutBefore => Fate::CutBefore,
        Mishap::CallCutAfter => Fate::CutAfter,
        Mishap::DeathAfterEffect
        | Mishap::StateEmpty
        | Mishap::StateGone
        | Mishap::DispatchRepeated
        | Mishap::ReentryAfterEnd => Fate::Passes,
    }
}

impl Fates for Mishaps {
    fn of_call(&self, nth: usize, method: &Method, path: &str) -> Fate {
        self.calls.send_modify(|calls| *calls += 1);
        self.counted.fetch_max(nth, Ordering::SeqCst);
        if self.is_dying() {
            return Fate::CutBefore;
        }
        let struck = self.places.iter().filter(|place| place.nth() == nth);
        let mut struck = struck.map(|place| (*place, fate_by(place.mishap())));
        let Some((place, fate)) = struck.find(|(_, fate)| *fate != Fate::Passes) else { return Fate::Passes };
        // What is lost of a stream is not told again.
        if path.contains("/realtime/") {
            self.struck_stream.store(true, Ordering::SeqCst);
        }
        self.strike(place, format!("`{method} {path}`"));
        fate
    }

    fn ended(&self) {
        self.calls.send_modify(|calls| *calls -= 1);
    }

    fn prepare_death(&self) {
        self.engine.hold_dispatches();
    }

    fn death(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let _ = tokio::task::spawn_blocking(move || self.crash()).await;
        })
    }
}
