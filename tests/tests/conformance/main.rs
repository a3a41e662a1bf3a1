//! The conformance suite: one list of scenarios, played against any Inngest server.
//!
//! By default each is played against the dev engine, in this process, and then swept: played again
//! and again, with the app's process dying or a call to Inngest failing at another place each time
//! (`sweep`). With `INNGEST_DEV=http://127.0.0.1:8288`, or `INNGEST_BASE_URL`,
//! `INNGEST_SIGNING_KEY` and `INNGEST_EVENT_KEY`, the same scenarios are played against the real
//! server that listens there, without the sweep. `docs/conformance.md` has the rest.
//!
//! The tests are made at run time, by `libtest-mimic`: scenarios are data, and each becomes a test
//! with a name of its own that can be filtered for, runs beside the others and says when and why it
//! is left out, with no macro and no second list that could miss one.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

mod check;
mod client;
mod expect;
mod inngest;
mod listening;
mod loss;
mod meter;
mod play;
mod reader;
mod scenario;
mod scenarios;
mod script;
mod server;
mod soak;
mod stage;
mod sweep;
mod trace;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use libtest_mimic::{Arguments, Conclusion, Trial};
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use crate::inngest::Inngest;
use crate::scenario::{Need, Scenario};
use crate::server::Server;
use crate::soak::Soak;

/// What a real server can take at once (docs/protocol.md 2.4).
const REAL_AT_ONCE: usize = 2;

/// Most of the time is waiting, for the SDK's pauses between two attempts of a call.
const DEV_AT_ONCE: usize = 12;

/// Has scenarios played that take minutes.
const SLOW: &str = "CONFORMANCE_SLOW";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Who needs a real server alone holds it for writing.
static SERVER: LazyLock<RwLock<()>> = LazyLock::new(RwLock::default);

/// The scenarios that passed although the server's view was not as the run, with the differences.
static LAGGED: Mutex<Vec<(String, Vec<String>)>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    if let Some(origin) = soak::victim() {
        return RUNTIME.block_on(soak::serve(&origin));
    }
    let mut arguments = Arguments::from_args();
    let server = match named_server(arguments.list) {
        Ok(server) => server,
        Err(mistake) => {
            eprintln!("the conformance suite cannot be played: {mistake}");
            return ExitCode::FAILURE;
        }
    };
    let at_once = if server.is_some() { REAL_AT_ONCE } else { DEV_AT_ONCE };
    arguments.test_threads = arguments.test_threads.or(Some(at_once));
    let talks = !arguments.list && arguments.filter.is_none();
    let mut trials = Vec::new();
    for scenario in scenarios::all().into_iter().map(Arc::new) {
        trials.push(leave_out(conformance(scenario.clone(), server.clone()), talks));
        if server.is_none() {
            trials.push(leave_out(swept(scenario), talks));
        }
    }
    trials.extend(
        soak::all(server.is_some()).into_iter().map(|soak| leave_out(soaked(soak, server.clone()), talks)),
    );
    if server.is_none() {
        trials.push(Trial::test("setup-mistakes", || server::check_mistakes().map_err(Into::into)));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    sum_up(&conclusion, server.as_ref());
    conclusion.exit_code()
}

/// The server that the environment names; unless the scenarios are only to be listed, it is there.
fn named_server(list: bool) -> Result<Option<Server>, String> {
    let server = Server::named(|name| std::env::var(name).ok())?;
    if let Some(server) = server.as_ref().filter(|_| !list) {
        RUNTIME.block_on(server.is_ready())?;
        eprintln!("played against {server}");
    }
    Ok(server)
}

fn sum_up(conclusion: &Conclusion, server: Option<&Server>) {
    match sweep::PASSES.load(Ordering::Relaxed) {
        0 => {}
        passes => eprintln!("the sweeps made {passes} passes"),
    }
    if server.is_some() {
        let lagged = LAGGED.lock().unwrap_or_else(PoisonError::into_inner);
        let (passed, of_them) = (conclusion.num_passed, lagged.len());
        eprintln!("{passed} scenarios passed, of which {of_them} had a view that differed from the run:");
        for (name, lags) in lagged.iter() {
            eprintln!("  {name}: {}", lags.join("; "));
        }
    }
}

/// Plays a scenario once. Comes with the reason why not, if there is one.
fn conformance(scenario: Arc<Scenario>, server: Option<Server>) -> (Trial, Option<String>) {
    let left_out = reason_not_to_play(&scenario, server.as_ref());
    let name = scenario.name.clone();
    let trial = Trial::test(name, move || {
        RUNTIME
            .block_on(async {
                let Some(server) = server else {
                    return play::play(&scenario, Inngest::dev(&scenario).await).await;
                };
                let (_alone, _with_others) = match scenario.needs.contains(&Need::Process) {
                    true => (Some(SERVER.write().await), None),
                    false => (None, Some(SERVER.read().await)),
                };
                let inngest = Inngest::real(server);
                play::play(&scenario, inngest.clone()).await?;
                let lags = inngest.lags();
                if !lags.is_empty() {
                    LAGGED.lock().unwrap_or_else(PoisonError::into_inner).push((scenario.name.clone(), lags));
                }
                Ok(())
            })
            .map_err(Into::into)
    });
    (trial, left_out)
}

fn reason_not_to_play(scenario: &Scenario, server: Option<&Server>) -> Option<String> {
    let need = |need: &Need| match (need, server) {
        (Need::Patience, Some(_)) if std::env::var_os(SLOW).is_some() => None,
        (Need::Patience, Some(_)) => Some(format!("it takes minutes: {SLOW}=1 has it played")),
        (Need::Patience, None) => Some("it takes minutes, on a real server".to_owned()),
        (Need::Process, Some(server)) if server.pid().is_some() => None,
        (Need::Process, Some(_)) => {
            Some(format!("it stops the server's process for a while: {} says which that is", server::PID))
        }
        (Need::Process, None) => Some("the dev engine has no process of its own".to_owned()),
        (Need::Signature, Some(server)) if !server.is_signed() => {
            Some("a dev server signs nothing".to_owned())
        }
        (Need::Signature, _) => None,
    };
    let there = server.and_then(|_| scenario.dev_only.or(scenario.broken_on_real));
    let reason = scenario.broken.or(there).map(str::to_owned);
    reason.or_else(|| scenario.needs.iter().find_map(need))
}

/// Plays a scenario with everything going wrong, one thing at a time.
fn swept(scenario: Arc<Scenario>) -> (Trial, Option<String>) {
    let needs = (!scenario.needs.is_empty()).then_some("it needs what the sweep has not");
    let wire = scenario.loses.map(|_| "the sweep has a wire of its own");
    let several = (scenario.clients > 1).then_some("several clients");
    let left_out = scenario.broken.or(scenario.not_swept).or(several).or(needs).or(wire);
    let name = format!("{}/swept", scenario.name);
    let trial = Trial::test(name, move || RUNTIME.block_on(sweep::sweep(scenario)).map_err(Into::into));
    (trial, left_out.map(str::to_owned))
}

/// Plays a scenario many times.
fn soaked(soak: Soak, server: Option<Server>) -> (Trial, Option<String>) {
    let left_out = soak.left_out.clone();
    let trial = Trial::test(soak.name(), move || {
        RUNTIME.block_on(async {
            let _alone = match &server {
                Some(_) => Some(SERVER.write().await),
                None => None,
            };
            soak.play(server).await.map_err(Into::into)
        })
    });
    (trial, left_out)
}

/// A test with a reason not to run it is shown as ignored; the reason goes to the error output,
/// where it has room.
fn leave_out((trial, reason): (Trial, Option<String>), talks: bool) -> Trial {
    if let Some(reason) = reason.as_ref().filter(|_| talks) {
        eprintln!("left out: {}: {reason}", trial.name());
    }
    trial.with_ignored_flag(reason.is_some())
}
