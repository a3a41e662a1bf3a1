//! One pass: an app's process between its clients and an engine, in which things go wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use inngest::{Provider, SetupOpts};

use super::ledger::Ledger;
use super::machine::{Machine, Program};
use super::mishaps::Mishaps;
use super::place::{Mishap, Place};
use super::watcher::Watcher;
use super::wire::Wire;
use crate::inspect::{RunStatus, RunView};
use crate::process::Port;
use crate::server::DevServer;

/// An app's process between its clients and an engine, in which things go wrong. [`Sweep`] plays
/// with it; it is public for test kits with rules of their own.
///
/// The process has a runtime and a thread of its own. Its death drops all of its tasks and
/// connections, and then a new process starts on the same port.
///
/// [`Sweep`]: super::Sweep
#[must_use = "the app's process ends when it is dropped"]
pub struct Pass {
    engine: Arc<DevServer>,
    mishaps: Arc<Mishaps>,
    machine: Arc<Machine>,
    origin: String,
    _wire: Wire,
}

impl Pass {
    /// Starts an app whose Inngest is `engine`. `app` makes it anew for each process and in its
    /// runtime, with options that know where the app and its Inngest are, and for a witness that
    /// hears of its effects.
    ///
    /// # Errors
    /// When a port cannot be listened on, or no thread can be started; when `app` panics.
    pub async fn start<F>(
        engine: Arc<DevServer>,
        places: &[Place],
        app: impl Fn(SetupOpts, Witness) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = (Router, Provider)> + 'static,
    {
        let mishaps = Arc::new(Mishaps::new(places, Arc::clone(&engine)));
        let wire = Wire::to(engine.url(), Arc::clone(&mishaps)).await?;
        let port = Port::free()?;
        let origin = port.origin().to_owned();
        // Nothing gathers: each operation of a first request is sent by itself, as in a slow one.
        let opts = SetupOpts::new(&origin).dev_server(&wire.url).linger(Duration::ZERO);
        let witness = Witness { mishaps: Arc::clone(&mishaps) };
        let program: Program = Arc::new(move || Box::pin(app(opts.clone(), witness.clone())));
        let machine = tokio::task::spawn_blocking(move || Machine::start(port, program));
        let machine = Arc::new(machine.await.map_err(io::Error::other)??);
        mishaps.meet(&machine);
        mishaps.prepare();
        Ok(Self { engine, mishaps, machine, origin, _wire: wire })
    }

    /// Where the app listens, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<DevServer> {
        &self.engine
    }

    /// What hears of the app's effects in the app's process.
    #[must_use]
    pub fn witness(&self) -> Witness {
        Witness { mishaps: Arc::clone(&self.mishaps) }
    }

    /// The mishaps that have struck so far, and what each has struck.
    #[must_use]
    pub fn struck(&self) -> BTreeMap<Place, String> {
        self.mishaps.struck()
    }

    /// How often the process has died.
    #[must_use]
    pub fn deaths(&self) -> usize {
        self.mishaps.deaths()
    }

    /// How many places a mishap has had so far.
    #[must_use]
    pub fn places_of(&self, mishap: Mishap) -> usize {
        self.mishaps.places_of(mishap)
    }

    /// Whether a mishap has struck a call by which a run tells its client something before its
    /// response: what is lost of that is not told again.
    #[must_use]
    pub fn struck_stream(&self) -> bool {
        self.mishaps.struck_stream()
    }

    /// The steps that ran although their results had been saved, as a [`Witness`] has seen them.
    #[must_use]
    pub fn ran_again(&self) -> Vec<String> {
        self.mishaps.ran_again()
    }

    /// Waits until the app has delivered what it has to say, no death is under way, and each
    /// re-entry has been answered: also those that come when the run is over.
    ///
    /// # Errors
    /// When the app could not deliver something within `limit`, or lost it; when a process did not
    /// start.
    pub async fn settle(&self, limit: Duration) -> Result<(), String> {
        self.delivered(limit).await?;
        let mut known = 0;
        while known < self.engine.dispatches().len() {
            known += 1;
            self.engine.wait_for_answer(known).await;
        }
        match self.mishaps.stillborn() {
            Some(why) => Err(format!("the process did not start again: {why}")),
            None => Ok(()),
        }
    }

    async fn delivered(&self, limit: Duration) -> Result<(), String> {
        loop {
            self.mishaps.settled().await;
            let (provider, number) = self.machine.provider();
            let outcome = provider.wait(limit).await;
            self.mishaps.settled().await;
            // What a dead process had to say is lost; it is the next one that counts.
            if self.machine.provider().1 == number {
                return outcome.map_err(|error| format!("not delivered: {error}"));
            }
        }
    }

    /// The runs that will never end: they have not, and unless a process has died, which may have
    /// been in a first request, no run at all may be left. Where one has died, those may be left
    /// that were never called back, and those that wait for something.
    #[must_use]
    pub fn hanging(&self) -> Vec<RunView> {
        let (dispatches, died) = (self.engine.dispatches(), self.deaths() > 0);
        let called_back = |run: &RunView| dispatches.iter().any(|dispatch| dispatch.run_id == run.id);
        let lost = |run: &RunView| died && (run.outstanding > 0 || !called_back(run));
        let runs = self.engine.runs().into_iter();
        runs.filter(|run| run.status == RunStatus::Running && !lost(run)).collect()
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass")
            .field("origin", &self.origin)
            .field("mishaps", &self.mishaps)
            .finish_non_exhaustive()
    }
}

/// What hears of an app's effects, in the app's process. Clones are the same.
///
/// Either it is the [`middleware`](Self::middleware) of the app's provider, or the app's world
/// tells it of each effect.
#[derive(Debug, Clone)]
pub struct Witness {
    mishaps: Arc<Mishaps>,
}

impl Witness {
    /// A middleware that paces each step, and by which the process dies after a step's code has run
    /// and before its result is saved. It is to be the first of its provider.
    pub fn middleware(&self) -> impl inngest::middleware::Middleware {
        Watcher::new(Arc::clone(&self.mishaps), None)
    }

    /// The same, which notes each step as well.
    pub(super) fn noting(&self, ledger: &Arc<Ledger>) -> Watcher {
        Watcher::new(Arc::clone(&self.mishaps), Some(Arc::clone(ledger)))
    }

    /// Waits until what was saved before has arrived. An effect waits for it before it happens.
    pub async fn pace(&self) {
        self.mishaps.pace().await;
    }

    /// An effect has happened in the step `step` of a run, and the step has not ended. Answers
    /// whether the process lives on; where it does not, whoever asks must wait for ever.
    #[must_use]
    pub fn survives(&self, run: &str, step: &str) -> bool {
        if !self.mishaps.is_dying() {
            self.mishaps.runs(run, step, |run| run.step(step));
        }
        self.mishaps.survives(run, step)
    }
}
