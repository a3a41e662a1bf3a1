//! One scenario, played many times at a concurrency: what is right once may be wrong in one of a
//! hundred.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::inngest::Inngest;
use crate::play::App;
use crate::scenario::Scenario;
use crate::scenarios::{fan_outs, lost_answers};
use crate::server::Server;
use crate::{check, client};

/// How many runs each fan-out has; with it, a real server is soaked.
const SOAK: &str = "SOAK";
/// How many runs lose the answer to their first call.
const SOAK_LOST: &str = "SOAK_LOST";
/// How many clients there are at once.
const SOAK_AT_ONCE: &str = "SOAK_AT_ONCE";

const LOST: usize = 50;
const AT_ONCE: usize = 4;

/// Of each kind, where nobody asks for more: they are there to be tried, too.
const FEW: usize = 4;

/// How long a client waits for its answer.
const LIMIT: Duration = Duration::from_secs(180);

/// How long a server may take to show a run as it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is asked meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// What should not happen any more has had time to happen.
const AFTERMATH: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Soak {
    scenario: Scenario,
    runs: usize,
    at_once: usize,
    /// Why it is not played.
    pub(crate) left_out: Option<String>,
}

/// Every soak.
pub(crate) fn all(real: bool) -> Vec<Soak> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let asked = number(SOAK);
    let left_out = (real && asked.is_none())
        .then(|| format!("it takes minutes: {SOAK}=100 has it played, with so many runs"));
    let at_once = number(SOAK_AT_ONCE).unwrap_or(AT_ONCE);
    let lost = number(SOAK_LOST).unwrap_or(if asked.is_some() { LOST } else { FEW });
    let soak = |scenario, runs| Soak { scenario, runs, at_once, left_out: left_out.clone() };
    let mut soaks: Vec<Soak> =
        fan_outs::BRANCHES.map(|branches| soak(fan_outs::fan_out(branches), asked.unwrap_or(FEW))).into();
    soaks.push(soak(lost_answers::first_call(), lost));
    soaks
}

/// What came of one run.
#[derive(Debug, Default)]
struct Outcome {
    run: Option<String>,
    /// What is wrong with the client's answer.
    answer: Option<String>,
}

/// What is wrong.
#[derive(Debug, Default)]
struct Tally {
    twice: usize,
    never: usize,
    answers: usize,
    statuses: usize,
    /// The server has ended the run, and does not show it (docs/protocol.md 9.5).
    lagging: usize,
    /// How often each mistake was made.
    mistakes: BTreeMap<String, usize>,
}

impl Soak {
    pub(crate) fn name(&self) -> String {
        format!("soak-{}", self.scenario.name)
    }

    /// Plays it, and says what came of it; the error says what is wrong.
    pub(crate) async fn play(&self, server: Option<Server>) -> Result<(), String> {
        let inngest = match server {
            Some(server) => Inngest::real(server),
            None => Inngest::dev(&self.scenario).await,
        };
        let app = App::start(&self.scenario, &inngest).await;
        inngest.warm_up(&self.scenario, &app.origin).await?;
        let begin = Instant::now();
        let outcomes: Vec<Outcome> =
            stream::iter(0..self.runs).map(|_| self.one(&app)).buffer_unordered(self.at_once).collect().await;
        let took = begin.elapsed();
        let mut tally = Tally::default();
        for outcome in &outcomes {
            if let Some(mistake) = &outcome.answer {
                tally.answers += 1;
                tally.note(mistake);
            }
            if let Some(run) = &outcome.run {
                self.status(&inngest, run, &mut tally).await;
            }
        }
        sleep(if matches!(inngest, Inngest::Real(_)) { AFTERMATH } else { Duration::ZERO }).await;
        outcomes.iter().filter_map(|outcome| outcome.run.as_ref()).for_each(|run| {
            self.effects(&app.stage.effects_of(run), &mut tally);
        });
        if let Inngest::Dev(engine) = &inngest {
            engine.violations().iter().for_each(|violation| tally.note(&violation.to_string()));
        }
        let summary = format!(
            "{}: {} runs at concurrency {} in {:.1} s: {} effects twice, {} never; {} clients with a wrong answer; {} runs \
             not COMPLETED ({} more are over, and not shown so)",
            self.name(),
            outcomes.len(),
            self.at_once,
            took.as_secs_f64(),
            tally.twice,
            tally.never,
            tally.answers,
            tally.statuses,
            tally.lagging,
        );
        eprintln!("{summary}");
        let mistakes: Vec<String> =
            tally.mistakes.iter().map(|(mistake, times)| format!("  {times} × {mistake}")).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(format!("{summary}\n{}", mistakes.join("\n"))) }
    }

    /// One client's visit.
    async fn one(&self, app: &App) -> Outcome {
        let visit = &self.scenario.visit;
        let (handed_over, run) = watch::channel(None);
        let received = timeout(LIMIT, client::make(visit, &app.origin, &handed_over, 0)).await;
        match received.unwrap_or_else(|_| Err(format!("no answer after {} s", LIMIT.as_secs()))) {
            Ok(received) => Outcome {
                run: app.stage.run_of(&received.visit),
                answer: check::answer(&visit.answer, &received).err(),
            },
            Err(error) => Outcome { run: run.borrow().clone(), answer: Some(error) },
        }
    }

    async fn status(&self, inngest: &Inngest, run: &str, tally: &mut Tally) {
        if let Inngest::Dev(engine) = inngest {
            engine.wait_for_end(run).await;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = inngest.look(run).await;
            let status = seen.as_ref().map_or_else(Clone::clone, |seen| seen.status.clone());
            if status == "COMPLETED" {
                return;
            }
            if Instant::now() > until {
                let known = inngest.known(run).await;
                if seen.is_ok_and(|seen| known.excuses(Some("COMPLETED"), &seen)) {
                    tally.lagging += 1;
                } else {
                    tally.statuses += 1;
                    tally.note(&format!("a run is `{status}`"));
                }
                return;
            }
            sleep(PAUSE).await;
        }
    }

    fn effects(&self, did: &[String], tally: &mut Tally) {
        let expected = &self.scenario.visit.run.as_ref().expect("a scenario with a run").did;
        let times =
            |effects: &[String], effect: &String| effects.iter().filter(|known| *known == effect).count();
        for effect in expected {
            match times(did, effect) {
                0 => {
                    tally.never += 1;
                    tally.note(&format!("`{effect}` has never happened"));
                }
                1 => {}
                n => {
                    tally.twice += 1;
                    tally.note(&format!("`{effect}` has happened {n} times"));
                }
            }
        }
    }
}

impl Tally {
    fn note(&mut self, mistake: &str) {
        *self.mistakes.entry(mistake.to_owned()).or_default() += 1;
    }
}
