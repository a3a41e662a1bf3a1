//! What the handlers of a scenario share: the record of what they have done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use futures_util::future::BoxFuture;
use inngest::extract::Replayable;
use inngest::step::StepRejection;
use inngest::{Failure, Step};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::inngest::Inngest;

/// The header by which a visit is known in the app.
pub(crate) const VISIT: &str = "x-visit";

/// The state of a scenario's app. It outlives the app, as the world outlives a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stage(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    happened: Mutex<Vec<Happened>>,
    /// Where handlers came by, outside of their steps.
    passed: Mutex<Vec<Happened>>,
    /// Runs by the visit that began them.
    runs: Mutex<HashMap<String, String>>,
    /// What was published and heard, by its run.
    heard: watch::Sender<Vec<(String, Value)>>,
    third_party: OnceLock<String>,
    witness: OnceLock<Arc<dyn Witness>>,
    inngest: OnceLock<Inngest>,
}

/// A side effect of a run.
#[derive(Debug, Clone)]
struct Happened {
    run: String,
    effect: String,
    at: Instant,
}

/// Somebody who is told of each side effect as it happens.
pub(crate) trait Witness: std::fmt::Debug + Send + Sync {
    /// An effect has happened, and the step that had it has not ended. Answers whether the process
    /// lives on.
    fn survives(&self, run: &str, effect: &str) -> bool;

    /// What an effect waits for before it happens.
    fn pace(&self) -> BoxFuture<'static, ()>;
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Every effect of a run, in its order.
    pub(crate) fn effects_of(&self, run: &str) -> Vec<String> {
        lock(&self.0.happened)
            .iter()
            .filter(|happened| happened.run == run)
            .map(|happened| happened.effect.clone())
            .collect()
    }

    /// Something has happened for a run, outside of its handler.
    pub(crate) fn note(&self, run: String, effect: String) {
        lock(&self.0.happened).push(Happened { run, effect, at: Instant::now() });
    }

    /// The run that a visit began.
    pub(crate) fn run_of(&self, visit: &str) -> Option<String> {
        lock(&self.0.runs).get(visit).cloned()
    }

    pub(crate) fn set_third_party(&self, origin: String) {
        self.0.third_party.set(origin).expect("one third party");
    }

    /// What the handlers' runs are run by, for those that do something with it behind the SDK's
    /// back.
    pub(crate) fn set_inngest(&self, inngest: Inngest) {
        self.0.inngest.set(inngest).expect("one Inngest");
    }

    pub(crate) fn set_witness(&self, witness: Arc<dyn Witness>) {
        self.0.witness.set(witness).expect("one witness");
    }
}

/// A handler's way to have side effects: an extractor. By it the handler's runs are known, too, so
/// that every handler takes one.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    stage: Stage,
    run: String,
}

impl Effects {
    /// A side effect.
    pub(crate) async fn does(&self, effect: impl Into<String>) -> Result<(), Failure> {
        self.happen(effect.into()).await;
        Ok(())
    }

    /// A side effect with a value.
    pub(crate) async fn gives<T>(&self, effect: impl Into<String>, value: T) -> Result<T, Failure> {
        self.happen(effect.into()).await;
        Ok(value)
    }

    /// A side effect that fails the first `times` that it happens in this run.
    pub(crate) async fn fails(&self, times: usize, effect: impl Into<String>) -> Result<(), Failure> {
        let effect = effect.into();
        match self.happen(effect.clone()).await {
            n if n <= times => Err(Failure::new(format!("{effect} failed"))),
            _ => Ok(()),
        }
    }

    /// A side effect that always fails, and that trying again cannot mend.
    pub(crate) async fn breaks(&self, effect: impl Into<String>) -> Result<(), Failure> {
        let effect = effect.into();
        self.happen(effect.clone()).await;
        Err(Failure::non_retriable(format!("{effect} is broken")))
    }

    /// It happens once more; answers how often it has in this run. Never comes back when the
    /// process dies here.
    pub(crate) async fn happen(&self, effect: String) -> usize {
        if let Some(witness) = self.stage.0.witness.get() {
            witness.pace().await;
        }
        let happened = Happened { run: self.run.clone(), effect: effect.clone(), at: Instant::now() };
        lock(&self.stage.0.happened).push(happened);
        if let Some(witness) = self.stage.0.witness.get()
            && !witness.survives(&self.run, &effect)
        {
            std::future::pending::<()>().await;
        }
        self.stage.effects_of(&self.run).iter().filter(|known| **known == effect).count()
    }

    /// The handler comes by here, outside of any step; answers how often it has in this run. This
    /// is no effect: how often a handler begins anew is nobody's business.
    pub(crate) fn passes(&self, place: &str) -> usize {
        let mut passed = lock(&self.stage.0.passed);
        passed.push(Happened { run: self.run.clone(), effect: place.to_owned(), at: Instant::now() });
        passed.iter().filter(|known| known.run == self.run && known.effect == place).count()
    }

    /// The shortest time between two times that the effect has happened in this run.
    pub(crate) fn least_pause(&self, effect: &str) -> Duration {
        let happened = lock(&self.stage.0.happened);
        let times: Vec<Instant> = happened
            .iter()
            .filter(|known| known.run == self.run && known.effect == effect)
            .map(|known| known.at)
            .collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or_default()
    }

    /// Somebody cancels this run.
    pub(crate) async fn cancels(&self) -> Result<(), Failure> {
        let inngest = self.stage.0.inngest.get().expect("an Inngest");
        inngest.cancel(&self.run).await.map_err(Failure::new)
    }

    /// Somebody sends an event.
    pub(crate) async fn sends_event(&self, name: &str, data: Value) -> Result<(), Failure> {
        let inngest = self.stage.0.inngest.get().expect("an Inngest");
        inngest.send_event(name, &data).await.map_err(Failure::new)
    }

    /// Somebody sends a signal. That nobody waits for it is an error on a real server; it shows by
    /// what the waiting run does.
    pub(crate) async fn sends_signal(&self, name: &str, data: Value) -> Result<(), Failure> {
        let inngest = self.stage.0.inngest.get().expect("an Inngest");
        let _ = inngest.send_signal(name, &data).await;
        Ok(())
    }

    /// Somebody hears something of this run.
    pub(crate) fn hear(&self, data: Value) {
        self.stage.0.heard.send_modify(|heard| heard.push((self.run.clone(), data)));
    }

    /// Waits until something is heard of this run; answers what was heard before it.
    pub(crate) async fn hears(&self, end: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut heard = self.stage.0.heard.subscribe();
        let mine = |all: &[(String, Value)]| -> Vec<Value> {
            let mine = all.iter().filter(|(run, _)| *run == self.run);
            mine.map(|(_, data)| data.clone()).collect()
        };
        let heard = heard.wait_for(|all| mine(all).iter().any(&end)).await;
        let heard = mine(&heard.expect("the stage lives as long as its effects"));
        heard.into_iter().take_while(|data| !end(data)).collect()
    }

    /// Where the third party listens.
    pub(crate) fn third_party(&self) -> &str {
        self.stage.0.third_party.get().expect("the scenario has a third party")
    }
}

/// It reads a query.
impl Replayable for Effects {}

impl FromRequestParts<Stage> for Effects {
    type Rejection = StepRejection;

    async fn from_request_parts(parts: &mut Parts, stage: &Stage) -> Result<Self, StepRejection> {
        let run = Step::from_request_parts(parts, stage).await?.run_id().to_string();
        // Only a first request has the header.
        if let Some(visit) = parts.headers.get(VISIT).and_then(|visit| visit.to_str().ok()) {
            lock(&stage.0.runs).insert(visit.to_owned(), run.clone());
        }
        Ok(Self { stage: stage.clone(), run })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
