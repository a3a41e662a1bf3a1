//! The app is a process of its own, which is killed while it is inside a step that a re-entry has
//! claimed, and started again.

use std::io::{BufRead, BufReader};
use std::pin::pin;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::http::Method;
use axum::routing::post;
use futures_util::future::{BoxFuture, try_join_all};
use inngest::{SetupOpts, Step, StepError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::tally::{Costs, Tally};
use super::{AFTERMATH, LIMIT};
use crate::inngest::Inngest;
use crate::meter::Counts;
use crate::play::{app_of, stage_of};
use crate::scenario::{Expect, Scenario, scenario, visit};
use crate::server::Server;
use crate::stage::{Effects, Witness};
use crate::{check, client};

/// In the environment of such a process: where it listens.
const ORIGIN: &str = "CONFORMANCE_KILLED_ORIGIN";

/// And the URL of the dev engine, if it is that.
const ENGINE: &str = "CONFORMANCE_KILLED_ENGINE";

const BRANCHES: usize = 6;

/// How long a claimed step takes. It has not ended when its process is killed.
const WORK: Duration = Duration::from_millis(500);

/// Of a run that goes on in another process: more than that takes to start.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often a client asks for its output while there is no app.
const REPEATS: usize = 600;

pub(super) const NAME: &str = "soak-killed";

fn story() -> Scenario {
    let each = |name: &str| (0..BRANCHES).map(|n| format!("ended {name}-{n}")).collect::<Vec<_>>();
    scenario::<survives>(post(survives))
        .gets(visit(Method::POST, "/"))
        .says("done")
        .did([each("first"), each("last"), vec!["ended end".to_owned()]].concat())
        .retried_after(INTERVAL)
}

#[inngest::api_fn(id = "soak-killed", retries = 6)]
async fn survives(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |n: usize| {
        step.run(format!("first-{n}"), effects.does(format!("ended first-{n}"))).await?;
        step.sleep(format!("nap-{n}"), Duration::from_secs(1)).await;
        step.run(format!("last-{n}"), async {
            effects.does(format!("began last-{n}")).await?;
            sleep(WORK).await;
            effects.does(format!("ended last-{n}")).await
        })
        .await
    };
    try_join_all((0..BRANCHES).map(branch)).await?;
    step.run("end", effects.does("ended end")).await?;
    Ok("done")
}

// ===== The process that is killed =====

/// Where this process listens, if it is such a one.
pub(crate) fn victim() -> Option<String> {
    std::env::var(ORIGIN).ok()
}

/// Serves the app until it is killed.
pub(crate) async fn serve(origin: &str) -> ExitCode {
    let story = story();
    let stage = stage_of(&story).await;
    stage.set_witness(Arc::new(Tells));
    let opts = match (std::env::var(ENGINE), Server::named(|name| std::env::var(name).ok())) {
        (Ok(engine), _) => SetupOpts::new(origin).dev_server(engine),
        (_, Ok(Some(server))) => server.opts(origin, server.url()),
        _ => return ExitCode::FAILURE,
    };
    let address = origin.trim_start_matches("http://");
    let listener = TcpListener::bind(address).await.expect("the port is free again");
    let (app, _provider) = app_of(&story, &stage, opts);
    println!("listens");
    axum::serve(listener, app).await.expect("serving goes on");
    ExitCode::SUCCESS
}

/// Tells the process that counts the effects.
#[derive(Debug)]
struct Tells;

impl Witness for Tells {
    fn survives(&self, run: &str, effect: &str) -> bool {
        println!("{run} {effect}");
        true
    }

    fn pace(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

// ===== The process that kills =====

/// The app's process, and what it tells.
struct Victim {
    origin: String,
    engine: Option<String>,
    child: Child,
    tells: mpsc::UnboundedSender<String>,
    told: mpsc::UnboundedReceiver<String>,
}

impl Victim {
    async fn start(inngest: &Inngest) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let engine = matches!(inngest, Inngest::Dev(_)).then(|| inngest.url().to_owned());
        let (tells, mut told) = mpsc::unbounded_channel();
        let child = spawn(&origin, engine.as_deref(), tells.clone());
        while told.recv().await.is_some_and(|line| line != "listens") {}
        Self { origin, engine, child, tells, told }
    }

    /// `kill -9`, and another one takes its place.
    fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.origin, self.engine.as_deref(), self.tells.clone());
    }

    fn kill(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it has died");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(origin: &str, engine: Option<&str>, tells: mpsc::UnboundedSender<String>) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(ORIGIN, origin).stdout(Stdio::piped());
    if let Some(engine) = engine {
        command.env(ENGINE, engine);
    }
    let mut child = command.spawn().expect("a process");
    let output = child.stdout.take().expect("its output");
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if tells.send(line).is_err() {
                return;
            }
        }
    });
    child
}

/// Kills the winner of a claim in each of so many runs, one after the other.
pub(crate) async fn play(runs: usize, server: Option<Server>) -> Result<(), String> {
    let story = story();
    let inngest = match server {
        Some(server) => Inngest::real(server),
        None => Inngest::dev(&story).await,
    };
    let mut victim = Victim::start(&inngest).await;
    inngest.warm_up(&story, &victim.origin).await?;
    let (mut tally, mut costs) = (Tally::default(), Costs::default());
    for n in 0..runs {
        one(n, &story, &inngest, &mut victim, &mut tally, &mut costs).await;
    }
    tally.note_violations(&inngest);
    tally.end(&format!("{NAME}: {runs} runs, in each of which the winner of a claim is killed; {costs}"))
}

async fn one(
    n: usize,
    story: &Scenario,
    inngest: &Inngest,
    victim: &mut Victim,
    tally: &mut Tally,
    costs: &mut Costs,
) {
    let begin = tokio::time::Instant::now();
    let (handed_over, run) = watch::channel(None);
    let origin = victim.origin.clone();
    let mut client = pin!(timeout(LIMIT, client::make(&story.visit, &origin, &handed_over, REPEATS)));
    let (mut lines, mut is_killed) = (Vec::new(), false);
    let received = loop {
        tokio::select! {
            received = &mut client => break received,
            Some(line) = victim.told.recv() => {
                if !is_killed && line.contains(" began ") {
                    is_killed = true;
                    // At another point of the step each time.
                    sleep(WORK * u32::try_from(n % 3).unwrap_or_default() / 5).await;
                    victim.restart();
                }
                lines.push(line);
            }
        }
    };
    match received.unwrap_or_else(|_| Err(format!("no answer after {} s", LIMIT.as_secs()))) {
        Ok(received) => {
            if let Err(mistake) = check::answer(&story.visit.answer, &received, check::Faults::None) {
                tally.note_answer(&mistake);
            }
        }
        Err(mistake) => tally.note_answer(&mistake),
    }
    let run = run.borrow().clone();
    let Some(run) = run else { return tally.note("a run was not handed over") };
    costs.note(begin.elapsed(), Counts::default());
    if !is_killed {
        tally.note("nobody was killed");
    }
    tally.note_status(inngest, &run).await;
    sleep(if matches!(inngest, Inngest::Real(_)) { AFTERMATH } else { WORK }).await;
    while let Ok(line) = victim.told.try_recv() {
        lines.push(line);
    }
    let did: Vec<String> =
        lines.iter().filter_map(|line| Some(line.strip_prefix(&run)?.trim_start().to_owned())).collect();
    let expected = &story.visit.run.as_ref().expect("a scenario with a run").did;
    tally.note_effects(expected, &did);
}
