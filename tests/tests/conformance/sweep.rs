//! The crash sweep of scenarios, by `stephttp_dev::sweep`: each is played again and again, and each
//! time something else goes wrong.
//!
//! Each time the client must get the same answer in the end, a step whose result had been saved
//! must not run again, and no run may hang. What a scenario says of its effects and of its view
//! holds here, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use stephttp_dev::sweep::{Mishap, Pass, Place, combination, every_place, history};
use stephttp_dev::{DevServer, RunStatus};
use tokio::sync::watch;

use crate::check::{self, Faults};
use crate::client;
use crate::inngest::Inngest;
use crate::play::{app_of, stage_of};
use crate::scenario::{RunEnd, Scenario};
use crate::script::Actor;
use crate::stage::{Stage, Witness};

/// How long a pass may take. What hangs, hangs for ever.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a client repeats its request when the connection breaks.
const REPEATS: usize = 3;

/// How many passes were made, in all sweeps.
pub(crate) static PASSES: AtomicUsize = AtomicUsize::new(0);

/// How many mishaps a combination has, at most.
const AT_ONCE: usize = 2;

/// Plays a scenario with every mishap at every place. The error tells of each kind's first failure.
///
/// `SWEEP_PLACE` and `SWEEP` are for looking for bugs: a scenario that counts attempts, or has only
/// a few, need not bear two mishaps.
pub(crate) async fn sweep(scenario: Arc<Scenario>) -> Result<(), String> {
    if let Ok(places) = std::env::var("SWEEP_PLACE") {
        let places = Place::list(&places).map_err(|error| error.to_string())?;
        return play(&scenario, &places).await.map(drop);
    }
    let salt = scenario.name.len();
    let played = Arc::clone(&scenario);
    let play_one = move |place| {
        let scenario = Arc::clone(&played);
        async move { play(&scenario, &[place]).await.map(|pass| !pass.struck().is_empty()) }
    };
    let failures = every_place(&Mishap::ALL, (stride(), salt), play_one).await;
    let texts: Vec<String> = failures
        .into_iter()
        .map(|(place, error)| format!("{place}: {}", error.unwrap_or("there is no end of places".to_owned())))
        .collect();
    if texts.is_empty() { combinations(&scenario).await } else { Err(texts.join("\n\n")) }
}

/// Every place is played, or, with `SWEEP_EVERY=3` say, every third.
fn stride() -> usize {
    let every = std::env::var("SWEEP_EVERY").ok().and_then(|every| every.parse().ok());
    every.unwrap_or(1).max(1)
}

/// With `SWEEP=20`, say, so many combinations are played.
async fn combinations(scenario: &Scenario) -> Result<(), String> {
    let asked = std::env::var("SWEEP").ok().and_then(|count| count.parse().ok());
    let Some(count) = asked else { return Ok(()) };
    let undisturbed = play(scenario, &[]).await?;
    let counts = Mishap::ALL.map(|mishap| (mishap, undisturbed.places_of(mishap)));
    for seed in 0..count {
        let places = combination(seed, AT_ONCE, &counts);
        let played = play(scenario, &places).await;
        played.map(drop).map_err(|error| format!("{}: {error}", Place::text_of(&places)))?;
    }
    Ok(())
}

/// Plays a scenario with mishaps.
async fn play(scenario: &Scenario, places: &[Place]) -> Result<Pass, String> {
    PASSES.fetch_add(1, Ordering::Relaxed);
    let inngest = Inngest::dev(scenario).await;
    let Inngest::Dev(engine) = &inngest else { unreachable!("a sweep needs the dev engine") };
    let stage = stage_of(scenario).await;
    stage.set_inngest(inngest.clone());
    let program = {
        let (scenario, stage) = (scenario.clone(), stage.clone());
        move |opts, _| std::future::ready(app_of(&scenario, &stage, opts))
    };
    let pass = Pass::start(Arc::clone(engine), places, program).await.expect("the app starts");
    stage.set_witness(Arc::new(Ear(pass.witness())));
    let story = Story { scenario, places, inngest: &inngest, engine, stage: &stage, pass: &pass };
    let outcome = tokio::time::timeout(LIMIT, story.play()).await;
    let outcome = outcome.unwrap_or_else(|_| Err("it does not end".to_owned()));
    outcome.map_err(|error| format!("{error}\n{}", history(engine)))?;
    Ok(pass)
}

struct Story<'a> {
    scenario: &'a Scenario,
    places: &'a [Place],
    inngest: &'a Inngest,
    engine: &'a DevServer,
    stage: &'a Stage,
    pass: &'a Pass,
}

impl Story<'_> {
    async fn play(&self) -> Result<(), String> {
        let Self { engine, stage, pass, .. } = self;
        let visit = &self.scenario.visit;
        let (handed_over, run) = watch::channel(None);
        // Of a single call that fails a client must notice nothing.
        let repeats = REPEATS * self.places.iter().filter(|place| place.mishap().is_death()).count();
        let actor = Actor { stage, origin: pass.origin(), inngest: self.inngest, repeats: Some(repeats) };
        let (received, ()) = tokio::try_join!(
            client::make(visit, pass.origin(), &handed_over, repeats),
            actor.follow(&self.scenario.deeds, run)
        )?;
        let died = pass.deaths() > 0;
        let loses_text = died || pass.struck_stream();
        check::answer(&visit.answer, &received, Faults::Some { loses_text })?;
        pass.settle(LIMIT).await?;
        let run = stage.run_of(&received.visit);
        if let (Some(expected), Some(run)) = (&visit.run, &run) {
            let deaths = pass.deaths();
            // A client that has its answer does not wait for the checkpoint, which dies with the
            // process.
            let lost = deaths > 0
                && received.at_once
                && engine.run(run).is_none_or(|run| run.status == RunStatus::Running);
            if !lost {
                let seen = self.inngest.ended(run).await?;
                check::shown(expected, &seen)?;
                effects(expected, &stage.effects_of(run), deaths)?;
            }
        }
        if let Some(run) = pass.hanging().first() {
            return Err(format!("run {} has not ended", run.id));
        }
        let again = pass.ran_again();
        if !again.is_empty() {
            return Err(format!("saved, and yet run again: {again:?}"));
        }
        let violations: Vec<String> = engine.violations().iter().map(ToString::to_string).collect();
        if violations.is_empty() { Ok(()) } else { Err(violations.join("\n")) }
    }
}

/// A process that dies takes with it what it was doing: that is done once more, and nothing else
/// is.
fn effects(expected: &RunEnd, did: &[String], deaths: usize) -> Result<(), String> {
    let times = |effects: &[String], effect: &String| effects.iter().filter(|known| *known == effect).count();
    for effect in did.iter().chain(&expected.did) {
        let (wanted, happened) = (times(&expected.did, effect), times(did, effect));
        if happened < wanted || happened > wanted + deaths {
            return Err(format!("`{effect}` must happen {wanted} times, but did {happened} times: {did:?}"));
        }
    }
    Ok(())
}

/// Hears of effects, in the app's thread: a scenario's step can have several.
#[derive(Debug)]
struct Ear(stephttp_dev::sweep::Witness);

impl Witness for Ear {
    fn survives(&self, run: &str, effect: &str) -> bool {
        self.0.survives(run, effect)
    }

    fn pace(&self) -> BoxFuture<'static, ()> {
        let witness = self.0.clone();
        Box::pin(async move { witness.pace().await })
    }
}
