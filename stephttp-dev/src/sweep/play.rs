//! Plays a sweep: the undisturbed pass, each place, and combinations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inngest::{Provider, SetupOpts};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::Client;
use super::history::history;
use super::judge::{Seen, Undisturbed};
use super::ledger::Ledger;
use super::pass::{Pass, Witness};
use super::place::{Mishap, Place};
use super::places::{combination, every_place};
use super::plan::Sweep;
use super::promise::{Breach, Promise};
use super::report::{Failure, Found, Report, Summary};
use super::settings::Asked;
use crate::text::panic_text;

/// How often a client repeats its request for each death, at most.
const REPEATS: usize = 3;

/// How many random passes are played beside each other: most of a pass is waiting.
const BESIDE: usize = 8;

/// The engine never loses patience: what takes too long is over its pass's limit.
const PATIENCE: Duration = Duration::MAX;

/// What all passes of a sweep share.
struct Player<W> {
    sweep: Sweep<W>,
    /// The test's name.
    test: Option<String>,
    passes: AtomicUsize,
}

/// What the undisturbed pass is known by.
struct Known {
    undisturbed: Undisturbed,
    /// How many places each mishap has.
    counts: Vec<(Mishap, usize)>,
}

impl<W: Clone + Send + Sync + 'static> Sweep<W> {
    /// Plays it all.
    ///
    /// # Panics
    /// When a promise is broken. The message is the [`Report`].
    pub async fn run(self) -> Summary {
        match self.try_run().await {
            Ok(summary) => summary,
            Err(report) => panic!("{report}"),
        }
    }

    /// Plays it all.
    ///
    /// # Errors
    /// When a promise is broken, or the environment asks for something that there is not.
    pub async fn try_run(self) -> Result<Summary, Report> {
        all(self).await
    }
}

async fn all<W: Clone + Send + Sync + 'static>(sweep: Sweep<W>) -> Result<Summary, Report> {
    let asked = Asked::read(|name| std::env::var(name).ok()).map_err(Report::setup)?;
    if sweep.story.is_none() {
        return Err(Report::setup("it has no story; add one by `story`"));
    }
    let player = Arc::new(Player { sweep, test: test_name(), passes: AtomicUsize::new(0) });
    let failed = |failures| Err(Report(Found::Failures(failures)));
    let known = match player.pass(&[], None).await {
        Ok(played) => Arc::new(played.known),
        Err(failure) => return failed(vec![*failure]),
    };
    if !known.counts.iter().any(|(mishap, count)| *mishap != Mishap::ReentryAfterEnd && *count > 0) {
        return Err(Report::setup(
            "nothing can go wrong in its story: no step has run, and the app has made no call to Inngest. Look at what the \
             story's requests are answered: their path may be wrong, or `inngest.layer()` may not be around the route",
        ));
    }
    let is_asked = asked.places.is_some();
    let failures = if let Some(places) = asked.places.or_else(|| player.sweep.only.clone()) {
        match player.pass(&places, Some(&known.undisturbed)).await {
            // What the code names may be gone by now; a person wants to know.
            Ok(played) if is_asked && !played.struck => return Err(not_reached(&places, &known)),
            Ok(_) => Vec::new(),
            Err(failure) => vec![*failure],
        }
    } else if let Some(seed) = asked.seed {
        player.seeded(seed, &known).await.err().into_iter().map(|failure| *failure).collect()
    } else {
        let failures = player.single(&known, asked.every).await;
        match failures.is_empty() {
            true => player.combined(&known, asked.budget).await,
            false => failures,
        }
    };
    match failures.is_empty() {
        true => Ok(Summary { passes: player.passes.load(Ordering::Relaxed) }),
        false => failed(failures),
    }
}

/// None of the places that were asked for was reached.
fn not_reached(places: &[Place], known: &Known) -> Report {
    let counts =
        known.counts.iter().filter(|(mishap, _)| places.iter().any(|place| place.mishap() == *mishap));
    let counts: Vec<String> = counts.map(|(mishap, count)| format!("{count} of {mishap}")).collect();
    let (places, counts) = (Place::text_of(places), counts.join(", "));
    Report::setup(format!(
        "SWEEP_PLACE: `{places}` was not reached. In the undisturbed pass there are {counts}"
    ))
}

/// The test harness names threads after tests.
fn test_name() -> Option<String> {
    let name = std::thread::current().name()?.to_owned();
    (name != "main" && !name.starts_with("tokio")).then_some(name)
}

/// A pass that has kept all promises.
struct Played {
    known: Known,
    struck: bool,
}

impl<W: Clone + Send + Sync + 'static> Player<W> {
    /// Each mishap at each place.
    async fn single(self: &Arc<Self>, known: &Arc<Known>, every: Option<usize>) -> Vec<Failure> {
        let every = every.unwrap_or(self.sweep.every);
        let salt = self.test.as_ref().map_or(0, String::len);
        let play = {
            let (player, known) = (Arc::clone(self), Arc::clone(known));
            move |place| {
                let (player, known) = (Arc::clone(&player), Arc::clone(&known));
                async move { player.pass(&[place], Some(&known.undisturbed)).await.map(|played| played.struck) }
            }
        };
        let failures = every_place(&self.sweep.mishaps, (every, salt), play).await;
        failures
            .into_iter()
            .map(|(place, failure)| {
                let endless = || Failure {
                    places: vec![place],
                    struck: [(place, "which is not the last place by far".to_owned())].into(),
                    breaches: vec![Breach::new(Promise::Ends, "there is no end of places")],
                    seed: None,
                    history: String::new(),
                    test: self.test.clone(),
                };
                failure.map_or_else(endless, |failure| *failure)
            })
            .collect()
    }

    /// The combinations of the given seeds, and others while there is time; up to a failure.
    async fn combined(self: &Arc<Self>, known: &Arc<Known>, budget: Option<Duration>) -> Vec<Failure> {
        let end = Instant::now() + budget.unwrap_or(self.sweep.budget);
        // Other seeds each time.
        let first = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let mut given = self.sweep.seeds.clone().into_iter();
        let mut others = first..;
        let mut tasks = JoinSet::new();
        let mut failures = Vec::new();
        loop {
            while tasks.len() < BESIDE && failures.is_empty() {
                let other = || others.next().filter(|_| Instant::now() < end);
                let Some(seed) = given.next().or_else(other) else { break };
                let (player, known) = (Arc::clone(self), Arc::clone(known));
                tasks.spawn(async move { player.seeded(seed, &known).await });
            }
            match tasks.join_next().await {
                None => return failures,
                Some(Ok(outcome)) => failures.extend(outcome.err().map(|failure| *failure)),
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Some(Err(_)) => {}
            }
        }
    }

    /// The combination of a seed.
    async fn seeded(self: &Arc<Self>, seed: u64, known: &Known) -> Result<(), Box<Failure>> {
        let counts: Vec<_> =
            known.counts.iter().filter(|(mishap, _)| self.sweep.mishaps.contains(mishap)).copied().collect();
        let places = combination(seed, self.sweep.at_once, &counts);
        let outcome = self.pass(&places, Some(&known.undisturbed)).await;
        outcome.map(drop).map_err(|failure| Box::new(Failure { seed: Some(seed), ..*failure }))
    }

    /// One pass.
    async fn pass(
        self: &Arc<Self>,
        places: &[Place],
        undisturbed: Option<&Undisturbed>,
    ) -> Result<Played, Box<Failure>> {
        self.passes.fetch_add(1, Ordering::Relaxed);
        let sweep = &self.sweep;
        let failure = |breaches, pass: Option<&Pass>| {
            Box::new(Failure {
                places: places.to_vec(),
                struck: pass.map(Pass::struck).unwrap_or_default(),
                breaches,
                seed: None,
                history: pass.map(|pass| history(pass.engine())).unwrap_or_default(),
                test: self.test.clone(),
            })
        };
        let stuck =
            |error: std::io::Error| failure(vec![Breach::new(Promise::Story, error.to_string())], None);
        let engine = sweep.engine.clone().patience(PATIENCE).start().await.map_err(stuck)?;
        sweep.lasting.iter().for_each(|step_id| engine.never_time_out(step_id));
        let engine = Arc::new(engine);
        let (world, ledger) = ((sweep.world)().await, Arc::new(Ledger::default()));
        let app = {
            let (player, world, ledger) = (Arc::clone(self), world.clone(), Arc::clone(&ledger));
            move |opts: SetupOpts, witness: Witness| {
                let opts = (player.sweep.setup)(opts.middleware(witness.noting(&ledger)));
                let making = Provider::setup(opts).map(|provider| {
                    let app = (player.sweep.app)(world.clone(), provider.clone());
                    async { (app.await, provider) }
                });
                async {
                    match making {
                        Ok(making) => making.await,
                        Err(error) => panic!("the app's provider cannot be set up: {error}"),
                    }
                }
            }
        };
        let pass = Pass::start(Arc::clone(&engine), places, app).await.map_err(stuck)?;
        let repeats = REPEATS * places.iter().filter(|place| place.mishap().is_death()).count();
        let client = Client::new(pass.origin(), Arc::clone(&engine), repeats);
        let seen = Seen { sweep, pass: &pass, client: &client, ledger: &ledger, world: &world };
        let outcome = tokio::time::timeout(sweep.limit, self.story(&pass, &client, &world)).await;
        let breaches = match outcome {
            Ok(Ok(())) => seen.breaches(undisturbed),
            Ok(Err(breach)) => {
                let mut breaches = seen.breaches(undisturbed);
                breaches.insert(0, breach);
                breaches
            }
            Err(_) => {
                let mut breaches = seen.ran_again();
                let how = format!("the story and what it leads to have not ended within {:?}", sweep.limit);
                breaches.push(Breach::new(Promise::Ends, how));
                breaches
            }
        };
        if !breaches.is_empty() {
            return Err(failure(breaches, Some(&pass)));
        }
        let counts = Mishap::ALL.map(|mishap| (mishap, pass.places_of(mishap))).to_vec();
        let struck = !pass.struck().is_empty();
        Ok(Played { known: Known { undisturbed: seen.undisturbed(), counts }, struck })
    }

    /// The story, and what it leads to.
    async fn story(&self, pass: &Pass, client: &Client, world: &W) -> Result<(), Breach> {
        let Some(story) = &self.sweep.story else { return Ok(()) };
        // A task can panic; it ends with the set.
        let mut tasks = JoinSet::new();
        tasks.spawn(story(client.clone(), world.clone()));
        if let Some(Err(error)) = tasks.join_next().await {
            let text = error.try_into_panic().map(|panic| panic_text(&*panic).to_owned()).unwrap_or_default();
            return Err(Breach::new(Promise::Story, text));
        }
        let lost = |error| Breach::new(Promise::KeepsRuns, error);
        pass.settle(self.sweep.limit).await.map_err(lost)?;
        // Runs that no client waits for go on, and have something to say.
        pass.engine().idle().await;
        pass.settle(self.sweep.limit).await.map_err(lost)?;
        client.ask_again().await;
        Ok(())
    }
}
