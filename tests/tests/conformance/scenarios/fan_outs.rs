//! Branches that sleep at the same time, each with something to do before and after. They end
//! together, so that several re-entries come at the run's end, and after it (docs/protocol.md 3.5,
//! 4.3 and 6.4).

use std::time::Duration;

use axum::extract::Path;
use axum::http::Method;
use axum::routing::post;
use futures_util::future::try_join_all;
use inngest::{Failure, Step, StepError};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario, scenario_at, visit};
use crate::stage::Effects;

/// How many branches the fan-outs have that are soaked.
pub(crate) const BRANCHES: [usize; 5] = [2, 4, 8, 20, 50];

/// The most that a single one has.
const MANY: usize = 100;

/// What a step takes at least that does anything: several re-entries are under way meanwhile.
const WORK: Duration = Duration::from_millis(20);

pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = BRANCHES.map(fan_out).into();
    scenarios.push(fan_out(MANY));
    scenarios.push(scenario::<leftovers>(post(leftovers)).says("short").did(["before", "after"]).shows([
        "before",
        "short | long | longer",
        "after",
    ]));
    scenarios.push(
        scenario::<leftovers_that_end_together>(post(leftovers_that_end_together))
            .says("a winner")
            .did(["before", "after"])
            .shows(["before", "nap-0 | nap-1 | nap-2 | nap-3", "after"]),
    );
    scenarios
}

/// A fan-out of so many branches.
pub(crate) fn fan_out(branches: usize) -> Scenario {
    let each = |name: &str| (0..branches).map(|n| format!("{name}-{n}")).collect::<Vec<_>>();
    let (first, nap, last) = (each("first"), each("nap"), each("last"));
    let scenario = scenario_at::<fans_out>("/{branches}", post(fans_out))
        .named(format!("fan-out-{branches}"))
        .gets(visit(Method::POST, format!("/{branches}")))
        .says(branches.to_string())
        .did([first.clone(), last.clone(), vec!["end".to_owned()]].concat())
        .shows([[first, nap].concat().join(" | "), last.join(" | "), "end".to_owned()]);
    if branches == 2 {
        scenario
    } else {
        scenario.not_swept("more branches have nothing to show there that two have not")
    }
}

#[inngest::api_fn(id = "fan-out", retries = 3)]
async fn fans_out(Path(branches): Path<usize>, step: Step, effects: Effects) -> Result<String, StepError> {
    let branch = async |n: usize| {
        let one = step.run(format!("first-{n}"), effects.gives(format!("first-{n}"), 1)).await?;
        step.sleep(format!("nap-{n}"), NAP).await;
        let last = async {
            effects.does(format!("last-{n}")).await?;
            tokio::time::sleep(WORK).await;
            Ok::<(), Failure>(())
        };
        step.run(format!("last-{n}"), last).await?;
        Ok::<usize, StepError>(one)
    };
    let ended = try_join_all((0..branches).map(branch)).await?;
    step.run("end", effects.does("end")).await?;
    Ok(ended.into_iter().sum::<usize>().to_string())
}

/// The losers are still asleep when the run ends.
#[inngest::api_fn(id = "fan-out-leftovers", retries = 3)]
async fn leftovers(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    let won = tokio::select! {
        () = step.sleep("longer", 7200 * NAP) => "longer",
        () = step.sleep("long", 3600 * NAP) => "long",
        () = step.sleep("short", NAP) => "short",
    };
    step.run("after", effects.does("after")).await?;
    Ok(won)
}

/// All of them wake up as the first one's winning ends the run.
#[inngest::api_fn(id = "fan-out-leftovers-together", retries = 3)]
async fn leftovers_that_end_together(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    tokio::select! {
        () = step.sleep("nap-0", NAP) => {}
        () = step.sleep("nap-1", NAP) => {}
        () = step.sleep("nap-2", NAP) => {}
        () = step.sleep("nap-3", NAP) => {}
    }
    step.run("after", effects.does("after")).await?;
    Ok("a winner")
}
