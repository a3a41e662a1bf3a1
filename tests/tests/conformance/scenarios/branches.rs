//! Branches that are not all alike: they sleep unequally long, they fail, they wait for each other,
//! and something follows them.

use std::time::Duration;

use axum::routing::post;
use futures_util::future::{join_all, try_join_all};
use inngest::{Failure, Step, StepError};
use tokio::sync::oneshot;

use super::NAP;
use super::errors::FAILS_LATER;
use crate::scenario::{Expect, Lenient, Scenario, scenario};
use crate::stage::Effects;

/// How many steps are in a line.
const LINE: usize = 10;

/// How often a step is tried that always fails.
const ATTEMPTS: usize = 3;

/// What a step asks for before it is tried again: more than a server waits of its own.
const LATER: Duration = Duration::from_secs(4);

/// How long a retry that asks for nothing waits, at least.
const INTERVAL: Duration = Duration::from_millis(1_500);

pub(super) fn all() -> Vec<Scenario> {
    let exhausts = "a crash uses up an attempt, and this is about how many there are";
    let slow = "time takes its time, in each pass";
    let unsure = "which of two failing steps is told first decides how often the other one runs";
    let flaky = (0..6).flat_map(|n| vec![format!("flaky-{n}"); n % 3 + 1]).collect();
    let charged = (0..4).flat_map(|n| vec![format!("charge-{n}"); ATTEMPTS]).collect::<Vec<_>>();
    vec![
        scenario::<unequal>(post(unequal))
            .says("done")
            .did([each("first", 6), each("last", 6), each("tail", 6), vec!["end".to_owned()]].concat())
            .shows([
                any(&[each("first", 6), each("nap", 6)]),
                any(&[each("last", 6), each("tail", 6)]),
                "end".into(),
            ])
            .not_swept("`combining-branches-with-tails` is the same with two branches"),
        scenario::<line>(post(line))
            .says("done")
            .did([each("first", 2), each("last", 2), each("line", LINE)].concat())
            .shows(
                [vec![any(&[each("first", 2), each("nap", 2)]), any(&[each("last", 2)])], each("line", LINE)]
                    .concat(),
            )
            .not_swept(
                "it has nearly 300 places; `combining-branches-with-tails` is the same with short lines",
            ),
        scenario::<failing>(post(failing))
            .says("done")
            .did([flaky, each("after", 6), vec!["end".to_owned()]].concat())
            .shows([any(&[each("nap", 6)]), any(&[each("flaky", 6), each("after", 6)]), "end".into()])
            .lenient(Lenient::Order(FAILS_LATER))
            .not_swept(unsure),
        scenario::<exhausted>(post(exhausted))
            .says("0 charged")
            .did([charged.clone(), each("release", 4), vec!["end".to_owned()]].concat())
            .shows([any(&[each("nap", 4)]), any(&[each("charge", 4), each("release", 4)]), "end".into()])
            .lenient(Lenient::Order(FAILS_LATER))
            .not_swept(exhausts),
        scenario::<exhausted_at_once>(post(exhausted_at_once))
            .says("0 charged")
            .did([charged, vec!["end".to_owned()]].concat())
            .shows([any(&[each("charge", 4)]), "end".into()])
            .not_swept(exhausts),
        scenario::<retried_in_time>(post(retried_in_time))
            .retried_after(INTERVAL)
            .says("on time")
            .did(
                [
                    vec![
                        "flaky-0",
                        "flaky-0",
                        "flaky-1",
                        "flaky-1",
                        "limited-0",
                        "limited-0",
                        "limited-1",
                        "limited-1",
                    ]
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                    each("busy", 4),
                ]
                .concat(),
            )
            .shows([any(&[each("flaky", 2), each("limited", 2), each("nap", 4), each("busy", 4)])])
            .not_swept(slow),
        scenario::<channel>(post(channel))
            .says("told")
            .did(["tell", "hear", "last"])
            .shows(["a | b", "hear | tell", "last"])
            .not_swept("what a process that died had sent through a channel is gone with it"),
    ]
}

/// A step of each branch.
fn each(name: &str, branches: usize) -> Vec<String> {
    (0..branches).map(|n| format!("{name}-{n}")).collect()
}

/// Steps of which either may come first.
fn any<const N: usize>(steps: &[Vec<String>; N]) -> String {
    steps.concat().join(" | ")
}

/// Two branches each wake up together, while others sleep on.
#[inngest::api_fn(id = "branches-unequal", retries = 3)]
async fn unequal(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |n: u32| {
        step.run(format!("first-{n}"), effects.does(format!("first-{n}"))).await?;
        step.sleep(format!("nap-{n}"), NAP * (1 + n % 3)).await;
        step.run(format!("last-{n}"), effects.does(format!("last-{n}"))).await?;
        step.run(format!("tail-{n}"), effects.does(format!("tail-{n}"))).await
    };
    try_join_all((0..6).map(branch)).await?;
    step.run("end", effects.does("end")).await?;
    Ok("done")
}

/// One re-entry runs the whole line, and those of the other branches must not.
#[inngest::api_fn(id = "branches-line", retries = 3)]
async fn line(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |n: u32| {
        step.run(format!("first-{n}"), effects.does(format!("first-{n}"))).await?;
        step.sleep(format!("nap-{n}"), NAP).await;
        step.run(format!("last-{n}"), effects.does(format!("last-{n}"))).await
    };
    try_join_all((0..2).map(branch)).await?;
    for n in 0..LINE {
        step.run(format!("line-{n}"), effects.does(format!("line-{n}"))).await?;
    }
    Ok("done")
}

/// Of three branches the first does not fail, the second does once, and the third twice.
#[inngest::api_fn(id = "branches-failing", retries = 3)]
async fn failing(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |n: usize| {
        step.sleep(format!("nap-{n}"), NAP).await;
        step.run(format!("flaky-{n}"), effects.fails(n % 3, format!("flaky-{n}"))).await?;
        step.run(format!("after-{n}"), effects.does(format!("after-{n}"))).await
    };
    try_join_all((0..6).map(branch)).await?;
    step.run("end", effects.does("end")).await?;
    Ok("done")
}

/// Each step has all its attempts, whichever re-entries make them.
#[inngest::api_fn(id = "branches-exhausted", retries = 2)]
async fn exhausted(step: Step, effects: Effects) -> Result<String, StepError> {
    let branch = async |n: usize| {
        step.sleep(format!("nap-{n}"), NAP).await;
        let charged = step.run(format!("charge-{n}"), effects.fails(9, format!("charge-{n}"))).await;
        step.run(format!("release-{n}"), effects.does(format!("release-{n}"))).await?;
        Ok::<_, StepError>(charged.is_ok())
    };
    let charged = try_join_all((0..4).map(branch)).await?;
    step.run("end", effects.does("end")).await?;
    Ok(format!("{} charged", charged.into_iter().filter(|charged| *charged).count()))
}

/// The first attempts are in the first request.
#[inngest::api_fn(id = "branches-exhausted-at-once", retries = 2)]
async fn exhausted_at_once(step: Step, effects: Effects) -> Result<String, StepError> {
    let branches = (0..4).map(|n| step.run(format!("charge-{n}"), effects.fails(9, format!("charge-{n}"))));
    let charged = join_all(branches).await;
    step.run("end", effects.does("end")).await?;
    Ok(format!("{} charged", charged.into_iter().filter(Result::is_ok).count()))
}

/// Re-entries for others come all the time, and try nothing again that is to be tried later.
#[inngest::api_fn(id = "branches-retried-in-time", retries = 3)]
async fn retried_in_time(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let busy = async |n: u32| {
        step.sleep(format!("nap-{n}"), NAP * (1 + n)).await;
        step.run(format!("busy-{n}"), effects.does(format!("busy-{n}"))).await
    };
    let limited = async |n: u32| {
        let limited = async {
            match effects.happen(format!("limited-{n}")).await {
                1 => Err(Failure::retry_after(LATER, "too many requests")),
                _ => Ok(()),
            }
        };
        step.run(format!("limited-{n}"), limited).await
    };
    let flaky = (0..2).map(|n| step.run(format!("flaky-{n}"), effects.fails(1, format!("flaky-{n}"))));
    tokio::try_join!(try_join_all((0..4).map(busy)), try_join_all((0..2).map(limited)), try_join_all(flaky),)?;
    let in_time = |effect: &str, pause| effects.least_pause(effect) >= pause;
    let limited = in_time("limited-0", LATER) && in_time("limited-1", LATER);
    let flaky = in_time("flaky-0", INTERVAL) && in_time("flaky-1", INTERVAL);
    Ok(if limited && flaky { "on time" } else { "early" })
}

/// A step waits for another of its run, in a run with several things outstanding.
#[inngest::api_fn(id = "branches-channel", retries = 3)]
async fn channel(step: Step, effects: Effects) -> Result<String, StepError> {
    tokio::join!(step.sleep("a", NAP), step.sleep("b", NAP));
    let (telling, told) = oneshot::channel();
    let tell = async {
        effects.does("tell").await?;
        telling.send("told".to_owned()).map_err(Failure::new)
    };
    let hear = async {
        let heard = told.await.map_err(|_| Failure::non_retriable("nobody tells"))?;
        effects.gives("hear", heard).await
    };
    let (heard, ()) = tokio::try_join!(step.run("hear", hear), step.run("tell", tell))?;
    step.run("last", effects.does("last")).await?;
    Ok(heard)
}
