//! One scenario, played many times at a concurrency: what is right once may be wrong in one of a
//! hundred.

mod killed;
mod tally;

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use self::killed::{serve, victim};
use self::tally::{Costs, Tally};
use crate::inngest::Inngest;
use crate::meter::Meter;
use crate::play::App;
use crate::scenario::Scenario;
use crate::scenarios::{caused, fan_outs, lost_answers};
use crate::server::Server;
use crate::{check, client};

/// How many runs each fan-out has; with it, a real server is soaked.
const SOAK: &str = "SOAK";
/// How many runs lose the answer to their first call.
const SOAK_LOST: &str = "SOAK_LOST";
/// How many runs cause what they wait for, of each kind.
const SOAK_CAUSED: &str = "SOAK_CAUSED";
/// In how many runs the winner of a claim is killed.
const SOAK_KILLED: &str = "SOAK_KILLED";
/// How many clients there are at once.
const SOAK_AT_ONCE: &str = "SOAK_AT_ONCE";

const LOST: usize = 50;
const CAUSED: usize = 100;
const KILLED: usize = 20;
const AT_ONCE: usize = 4;

/// Of each kind, where nobody asks for more: they are there to be tried, too.
const FEW: usize = 4;

/// How long a client waits for its answer.
const LIMIT: Duration = Duration::from_secs(180);

/// What should not happen any more has had time to happen.
const AFTERMATH: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Soak {
    what: What,
    runs: usize,
    at_once: usize,
    /// Why it is not played.
    pub(crate) left_out: Option<String>,
}

#[derive(Debug)]
enum What {
    Played(Box<Scenario>),
    /// The winner of a claim is killed.
    Killed,
}

/// Every soak.
pub(crate) fn all(real: bool) -> Vec<Soak> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let soaked = number(SOAK);
    let at_once = number(SOAK_AT_ONCE).unwrap_or(AT_ONCE);
    let soak = |what, variable: &str, usual: Option<usize>| {
        let asked = number(variable).or(usual);
        let left_out = (real && asked.is_none())
            .then(|| format!("it takes minutes: {variable}=100 has it played, with so many runs"));
        Soak { what, runs: asked.unwrap_or(FEW), at_once, left_out }
    };
    let played = |scenario| What::Played(Box::new(scenario));
    let usual = |runs| soaked.map(|_| runs);
    let fan_outs =
        fan_outs::BRANCHES.map(|branches| soak(played(fan_outs::fan_out(branches).real_clock()), SOAK, None));
    let caused = caused::soaked().into_iter();
    let caused = caused.map(|caused| soak(played(caused.real_clock()), SOAK_CAUSED, usual(CAUSED)));
    let lost = soak(played(lost_answers::first_call()), SOAK_LOST, usual(LOST));
    let killed = soak(What::Killed, SOAK_KILLED, usual(KILLED));
    fan_outs.into_iter().chain([lost]).chain(caused).chain([killed]).collect()
}

/// What came of one run.
#[derive(Debug, Default)]
struct Outcome {
    run: Option<String>,
    /// What is wrong with the client's answer.
    answer: Option<String>,
    took: Duration,
}

impl Soak {
    pub(crate) fn name(&self) -> String {
        match &self.what {
            What::Played(scenario) => format!("soak-{}", scenario.name),
            What::Killed => killed::NAME.to_owned(),
        }
    }

    /// Plays it, and says what came of it; the error says what is wrong.
    pub(crate) async fn play(&self, server: Option<Server>) -> Result<(), String> {
        let scenario = match &self.what {
            What::Played(scenario) => scenario,
            What::Killed => return killed::play(self.runs, server).await,
        };
        let inngest = match server {
            Some(server) => Inngest::real(server),
            None => Inngest::dev(scenario).await,
        };
        let meter = Meter::default();
        let app = App::start_with(scenario, &inngest, Some(meter.clone())).await;
        inngest.warm_up(scenario, &app.origin).await?;
        let begin = Instant::now();
        let outcomes = stream::iter(0..self.runs).map(|_| one(scenario, &app)).buffer_unordered(self.at_once);
        let outcomes: Vec<Outcome> = outcomes.collect().await;
        let took = begin.elapsed();
        let (mut tally, mut costs) = (Tally::default(), Costs::default());
        for outcome in &outcomes {
            if let Some(mistake) = &outcome.answer {
                tally.note_answer(mistake);
            }
            if let Some(run) = &outcome.run {
                tally.note_status(&inngest, run).await;
            }
        }
        sleep(if matches!(inngest, Inngest::Real(_)) { AFTERMATH } else { Duration::ZERO }).await;
        let expected = &scenario.visit.run.as_ref().expect("a scenario with a run").did;
        for outcome in &outcomes {
            if let Some(run) = &outcome.run {
                tally.note_effects(expected, &app.stage.effects_of(run));
                costs.note(outcome.took, meter.counts_of(run));
            }
        }
        tally.note_violations(&inngest);
        let (name, runs, right) = (self.name(), outcomes.len(), outcomes.len() - tally.answers);
        tally.end(&format!(
            "{name}: {runs} runs at concurrency {} in {:.1} s, {right} answered rightly; {costs}",
            self.at_once,
            took.as_secs_f64()
        ))
    }
}

/// One client's visit.
async fn one(scenario: &Scenario, app: &App) -> Outcome {
    let (visit, begin) = (&scenario.visit, Instant::now());
    let (handed_over, run) = watch::channel(None);
    let received = timeout(LIMIT, client::make(visit, &app.origin, &handed_over, 0)).await;
    let took = begin.elapsed();
    match received.unwrap_or_else(|_| Err(format!("no answer after {} s", LIMIT.as_secs()))) {
        Ok(received) => {
            let answer = check::answer(&visit.answer, &received, check::Faults::None).err();
            Outcome { run: app.stage.run_of(&received.visit), answer, took }
        }
        Err(error) => Outcome { run: run.borrow().clone(), answer: Some(error), took },
    }
}
