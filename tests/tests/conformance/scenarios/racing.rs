//! Steps that race: a winner stays the winner.

use std::time::Duration;

use axum::routing::post;
use inngest::{Step, StepError};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario::<run_beats_sleep>(post(run_beats_sleep))
            .at_once()
            .says("work")
            .did_and_shows(["work", "after"]),
        scenario::<shorter_sleep_wins>(post(shorter_sleep_wins))
            .says("short")
            .did(["won-short", "after"])
            .shows(["short | long", "after-short", "nap", "after"]),
        scenario::<loser_ends_later>(post(loser_ends_later))
            .says("the same winner each time")
            .did(["winner", "after"])
            .shows(["short | long", "winner", "rest", "after"]),
        scenario::<even_race>(post(even_race))
            .says("the same winner each time")
            .did(["winner", "after"])
            .shows(["a | b", "winner", "nap", "after"]),
        scenario::<race_in_a_branch>(post(race_in_a_branch))
            .says("short and joined")
            .did(["beside", "last"])
            .shows(["short | long | beside", "last"]),
        scenario::<timeout_that_is_not_reached>(post(timeout_that_is_not_reached))
            .at_once()
            .says("in time")
            .did_and_shows(["work", "after"]),
    ]
}

/// The run is over before the sleep is handed over, which it then never is.
#[inngest::api_fn(id = "racing-run-beats-sleep")]
async fn run_beats_sleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let won = tokio::select! {
        () = step.sleep("deadline", NAP) => "deadline",
        worked = step.run("work", effects.does("work")) => worked.map(|()| "work")?,
    };
    step.run("after", effects.does("after")).await?;
    Ok(won)
}

#[inngest::api_fn(id = "racing-shorter-sleep-wins")]
async fn shorter_sleep_wins(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let won = tokio::select! {
        () = step.sleep("long", 3600 * NAP) => "long",
        () = step.sleep("short", NAP) => "short",
    };
    step.run(format!("after-{won}"), effects.does(format!("won-{won}"))).await?;
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(won)
}

/// When the run goes on the second time, both sleeps are over: the race is not run again.
#[inngest::api_fn(id = "racing-loser-ends-later")]
async fn loser_ends_later(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let won = tokio::select! {
        () = step.sleep("long", NAP + Duration::from_millis(500)) => "long",
        () = step.sleep("short", NAP) => "short",
    };
    let first = step.run("winner", effects.gives("winner", won.to_owned())).await?;
    step.sleep("rest", 2 * NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(if first == won { "the same winner each time" } else { "another winner" })
}

/// Both sleeps end in the same instant: whoever wins, wins for ever.
#[inngest::api_fn(id = "racing-even-race")]
async fn even_race(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let won = tokio::select! {
        () = step.sleep("a", NAP) => "a",
        () = step.sleep("b", NAP) => "b",
    };
    let first = step.run("winner", effects.gives("winner", won.to_owned())).await?;
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(if first == won { "the same winner each time" } else { "another winner" })
}

#[inngest::api_fn(id = "racing-in-a-branch")]
async fn race_in_a_branch(step: Step, effects: Effects) -> Result<String, StepError> {
    let race = async {
        tokio::select! {
            () = step.sleep("long", 3600 * NAP) => "long",
            () = step.sleep("short", NAP) => "short",
        }
    };
    let (won, beside) = tokio::join!(race, step.run("beside", effects.does("beside")));
    beside?;
    step.run("last", effects.does("last")).await?;
    Ok(format!("{won} and joined"))
}

#[inngest::api_fn(id = "racing-timeout-not-reached")]
async fn timeout_that_is_not_reached(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let limit = Duration::from_secs(3_600);
    let worked = tokio::time::timeout(limit, step.run("work", effects.does("work"))).await;
    let said = match worked {
        Ok(worked) => worked.map(|()| "in time")?,
        Err(_) => "too late",
    };
    step.run("after", effects.does("after")).await?;
    Ok(said)
}
