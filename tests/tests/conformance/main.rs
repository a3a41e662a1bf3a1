//! The conformance suite: one list of scenarios, played against any Inngest server.
//!
//! By default each is played against the dev engine, in this process, and then swept: played again and again, with the
//! app's process dying or a call to Inngest failing at another place each time (`sweep`). With
//! `INNGEST_DEV=http://127.0.0.1:8288` the same scenarios are played against the real server that listens there.
//!
//! The tests are made at run time, by `libtest-mimic`: scenarios are data, and each becomes a test with a name of its own
//! that can be filtered for, runs beside the others and says when and why it is left out, with no macro and no second list
//! that could miss one.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

mod check;
mod client;
mod inngest;
mod play;
mod scenario;
mod scenarios;
mod script;
mod stage;
mod sweep;
mod trace;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use crate::inngest::Inngest;
use crate::scenario::Scenario;

/// What a real server can take at once (PROTOCOL 3.3).
const REAL_AT_ONCE: usize = 2;

/// Most of the time is waiting, for the SDK's pauses between two attempts of a call.
const DEV_AT_ONCE: usize = 8;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A mere `1`, which is dev mode for an app, names no server.
    let real = std::env::var("INNGEST_DEV").ok().and_then(|url| reqwest::Url::parse(&url).ok());
    let at_once = if real.is_some() { REAL_AT_ONCE } else { DEV_AT_ONCE };
    arguments.test_threads = arguments.test_threads.or(Some(at_once));
    let talks = !arguments.list && arguments.filter.is_none();
    let mut trials = Vec::new();
    for scenario in scenarios::all().into_iter().map(Arc::new) {
        trials.push(leave_out(conformance(scenario.clone(), real.clone()), talks));
        if real.is_none() {
            trials.push(leave_out(swept(scenario), talks));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    match sweep::PASSES.load(Ordering::Relaxed) {
        0 => {}
        passes => eprintln!("the sweeps made {passes} passes"),
    }
    conclusion.exit_code()
}

/// Plays a scenario once. Comes with the reason why not, if there is one.
fn conformance(scenario: Arc<Scenario>, real: Option<reqwest::Url>) -> (Trial, Option<&'static str>) {
    let left_out = scenario.broken.or(scenario.dev_only.filter(|_| real.is_some()));
    let name = scenario.name.clone();
    let trial = Trial::test(name, move || {
        RUNTIME.block_on(async {
            let inngest = match real {
                Some(url) => Inngest::Real(url),
                None => Inngest::dev(&scenario).await,
            };
            play::play(&scenario, inngest).await.map_err(Into::into)
        })
    });
    (trial, left_out)
}

/// Plays a scenario with everything going wrong, one thing at a time.
fn swept(scenario: Arc<Scenario>) -> (Trial, Option<&'static str>) {
    let left_out =
        scenario.broken.or(scenario.not_swept).or((scenario.clients > 1).then_some("several clients"));
    let name = format!("{}/swept", scenario.name);
    let trial = Trial::test(name, move || RUNTIME.block_on(sweep::sweep(&scenario)).map_err(Into::into));
    (trial, left_out)
}

/// A test with a reason not to run it is shown as ignored; the reason goes to the error output, where it has room.
fn leave_out((trial, reason): (Trial, Option<&'static str>), talks: bool) -> Trial {
    if let Some(reason) = reason.filter(|_| talks) {
        eprintln!("left out: {}: {reason}", trial.name());
    }
    trial.with_ignored_flag(reason.is_some())
}
