//! Steps that run together.

use std::time::Duration;

use axum::routing::post;
use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use inngest::{Step, StepError};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    let hundred = || (0..100).map(|n| format!("part-{n}"));
    vec![
        scenario::<join_runs>(post(join_runs)).at_once().says("1 2 3").did_and_shows(["a | b | c", "last"]),
        scenario::<try_join_runs>(post(try_join_runs)).at_once().says("1 2").did_and_shows(["a | b"]),
        scenario::<join_hundred>(post(join_hundred))
            .at_once()
            .says("4950")
            .did(hundred())
            .shows([hundred().collect::<Vec<_>>().join(" | ")])
            .not_swept("a hundred steps at once have nothing to show there that three have not"),
        scenario::<unordered_runs>(post(unordered_runs))
            .at_once()
            .says("6")
            .did_and_shows(["n-1 | n-2 | n-3"]),
        scenario::<nested_joins>(post(nested_joins))
            .at_once()
            .says("a1 a2 b1 b2 c")
            .did_and_shows(["a1 | a2 | b1 | b2 | c"]),
        scenario::<join_after_sleep>(post(join_after_sleep))
            .says("3")
            .did(["a", "b", "last"])
            .shows(["nap", "a | b", "last"]),
        scenario::<run_beside_sleep>(post(run_beside_sleep))
            .says("worked and slept")
            .did(["work", "after"])
            .shows(["work | nap", "after"]),
        scenario::<join_sleeps>(post(join_sleeps))
            .says("both")
            .did(["after"])
            .shows(["short | long", "after"]),
        scenario::<branches_that_sleep>(post(branches_that_sleep))
            .says("joined")
            .did(["after-a", "after-b", "last"])
            .shows(["nap-a | nap-b", "after-a | after-b", "last"]),
        scenario::<branches_with_tails>(post(branches_with_tails))
            .says("joined")
            .did(["a-1", "a-2", "a-3", "b-1", "b-2"])
            .shows(["nap-a | nap-b", "a-1 | a-2 | a-3 | b-1 | b-2"]),
        scenario::<branch_beside_a_long_sleep>(post(branch_beside_a_long_sleep))
            .says("joined")
            .did(["a-1", "a-2", "a-3", "b"])
            .shows(["nap | long", "a-1", "a-2", "a-3", "b"])
            .not_swept("the pause after a death is longer than the sleep, and the order is another one then"),
        scenario::<many_sleeping_branches>(post(many_sleeping_branches))
            .says("8")
            .did((0..8).map(|n| format!("after-{n}")))
            .shows([
                (0..8).map(|n| format!("nap-{n}")).collect::<Vec<_>>().join(" | "),
                (0..8).map(|n| format!("after-{n}")).collect::<Vec<_>>().join(" | "),
            ])
            .not_swept("eight branches have nothing to show there that two have not"),
        scenario::<joins_in_a_row>(post(joins_in_a_row))
            .says("done")
            .did(["between"])
            .shows(["a | b", "between", "c | d"]),
        scenario::<duplicate_ids>(post(duplicate_ids))
            .says("first second third")
            .did(["first", "second", "third"])
            .shows(["dup", "dup", "nap", "dup"]),
        scenario::<duplicate_ids_in_branches>(post(duplicate_ids_in_branches))
            .at_once()
            .says("0 1 2 3")
            .did(["0", "1", "2", "3"])
            .shows(["item", "item", "item", "item"]),
    ]
}

#[inngest::api_fn(id = "combining-join-runs")]
async fn join_runs(step: Step, effects: Effects) -> Result<String, StepError> {
    let (a, b, c) = tokio::join!(
        step.run("a", effects.gives("a", 1)),
        step.run("b", effects.gives("b", 2)),
        step.run("c", effects.gives("c", 3)),
    );
    let (a, b, c) = (a?, b?, c?);
    step.run("last", effects.does("last")).await?;
    Ok(format!("{a} {b} {c}"))
}

#[inngest::api_fn(id = "combining-try-join-runs")]
async fn try_join_runs(step: Step, effects: Effects) -> Result<String, StepError> {
    let (a, b) =
        tokio::try_join!(step.run("a", effects.gives("a", 1)), step.run("b", effects.gives("b", 2)),)?;
    Ok(format!("{a} {b}"))
}

#[inngest::api_fn(id = "combining-join-hundred")]
async fn join_hundred(step: Step, effects: Effects) -> Result<String, StepError> {
    let parts = (0..100_u32).map(|n| step.run(format!("part-{n}"), effects.gives(format!("part-{n}"), n)));
    Ok(try_join_all(parts).await?.into_iter().sum::<u32>().to_string())
}

#[inngest::api_fn(id = "combining-unordered-runs")]
async fn unordered_runs(step: Step, effects: Effects) -> Result<String, StepError> {
    let steps = (1..=3_u32).map(|n| step.run(format!("n-{n}"), effects.gives(format!("n-{n}"), n)));
    let mut steps: FuturesUnordered<_> = steps.collect();
    let mut sum = 0;
    while let Some(n) = steps.next().await {
        sum += n?;
    }
    Ok(sum.to_string())
}

#[inngest::api_fn(id = "combining-nested-joins")]
async fn nested_joins(step: Step, effects: Effects) -> Result<String, StepError> {
    let one = async |id: &'static str| step.run(id, effects.gives(id, id.to_owned())).await;
    let pair = async |first, second| {
        let (first, second) = tokio::try_join!(one(first), one(second))?;
        Ok::<_, StepError>(format!("{first} {second}"))
    };
    let pairs = async { tokio::try_join!(pair("a1", "a2"), pair("b1", "b2")) };
    let ((a, b), c) = tokio::try_join!(pairs, one("c"))?;
    Ok(format!("{a} {b} {c}"))
}

#[inngest::api_fn(id = "combining-join-after-sleep")]
async fn join_after_sleep(step: Step, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let (a, b) =
        tokio::try_join!(step.run("a", effects.gives("a", 1)), step.run("b", effects.gives("b", 2)),)?;
    step.run("last", effects.does("last")).await?;
    Ok((a + b).to_string())
}

#[inngest::api_fn(id = "combining-run-beside-sleep")]
async fn run_beside_sleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let (worked, ()) = tokio::join!(step.run("work", effects.does("work")), step.sleep("nap", NAP));
    worked?;
    step.run("after", effects.does("after")).await?;
    Ok("worked and slept")
}

#[inngest::api_fn(id = "combining-join-sleeps")]
async fn join_sleeps(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    tokio::join!(step.sleep("short", NAP), step.sleep("long", 2 * NAP));
    step.run("after", effects.does("after")).await?;
    Ok("both")
}

/// Both sleeps end in the same instant, so that two re-entries come at once.
#[inngest::api_fn(id = "combining-branches-that-sleep")]
async fn branches_that_sleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |name: &str| {
        step.sleep(format!("nap-{name}"), NAP).await;
        step.run(format!("after-{name}"), effects.does(format!("after-{name}"))).await
    };
    tokio::try_join!(branch("a"), branch("b"))?;
    step.run("last", effects.does("last")).await?;
    Ok("joined")
}

/// One branch has ended all its work before the other wakes up.
#[inngest::api_fn(id = "combining-branches-with-tails")]
async fn branches_with_tails(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |name: &str, nap: Duration, steps: usize| {
        step.sleep(format!("nap-{name}"), nap).await;
        for n in 1..=steps {
            step.run(format!("{name}-{n}"), effects.does(format!("{name}-{n}"))).await?;
        }
        Ok::<_, StepError>(())
    };
    tokio::try_join!(branch("a", NAP, 3), branch("b", 2 * NAP, 2))?;
    Ok("joined")
}

/// A branch does all it has to do while its sibling sleeps.
#[inngest::api_fn(id = "combining-branch-beside-a-long-sleep")]
async fn branch_beside_a_long_sleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let busy = async {
        step.sleep("nap", NAP).await;
        for id in ["a-1", "a-2", "a-3"] {
            step.run(id, effects.does(id)).await?;
        }
        Ok::<_, StepError>(())
    };
    let lazy = async {
        step.sleep("long", 3 * NAP).await;
        step.run("b", effects.does("b")).await
    };
    tokio::try_join!(busy, lazy)?;
    Ok("joined")
}

#[inngest::api_fn(id = "combining-many-sleeping-branches")]
async fn many_sleeping_branches(step: Step, effects: Effects) -> Result<String, StepError> {
    let branches = (0..8).map(async |n| {
        step.sleep(format!("nap-{n}"), NAP).await;
        step.run(format!("after-{n}"), effects.does(format!("after-{n}"))).await
    });
    let ended = join_all(branches).await.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(ended.len().to_string())
}

#[inngest::api_fn(id = "combining-joins-in-a-row")]
async fn joins_in_a_row(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    tokio::join!(step.sleep("a", NAP), step.sleep("b", NAP));
    step.run("between", effects.does("between")).await?;
    tokio::join!(step.sleep("c", NAP), step.sleep("d", NAP));
    Ok("done")
}

/// The first two come in the first request, the third in a re-entry: all are told apart.
#[inngest::api_fn(id = "combining-duplicate-ids")]
async fn duplicate_ids(step: Step, effects: Effects) -> Result<String, StepError> {
    // The attribute compares literal ids alone.
    const DUP: &str = "dup";
    let one = step.run(DUP, effects.gives("first", "first".to_owned())).await?;
    let two = step.run(DUP, effects.gives("second", "second".to_owned())).await?;
    step.sleep("nap", NAP).await;
    let three = step.run(DUP, effects.gives("third", "third".to_owned())).await?;
    Ok(format!("{one} {two} {three}"))
}

#[inngest::api_fn(id = "combining-duplicate-ids-in-branches")]
async fn duplicate_ids_in_branches(step: Step, effects: Effects) -> Result<String, StepError> {
    let steps = (0..4).map(|n| step.run("item", effects.gives(n.to_string(), n.to_string())));
    Ok(try_join_all(steps).await?.join(" "))
}
