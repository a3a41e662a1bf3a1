//! What takes its time: nothing wakes up early, and nothing that takes long is done twice.

use std::time::{Duration, SystemTime};

use axum::routing::post;
use inngest::{Failure, Step, StepError};

use super::NAP;
use crate::scenario::{Deed, Expect, Need, Scenario, scenario};
use crate::stage::Effects;

/// A server that rounds wakes up nearly half a second early (docs/protocol.md 5.3).
const NOT_EVEN: Duration = Duration::from_millis(1_450);

/// More than what a server waits of its own before it tries again.
const LATER: Duration = Duration::from_secs(4);

/// A retried step that takes longer than about 15 s is dispatched again (docs/protocol.md 3.4).
const VERY_LONG: Duration = Duration::from_secs(25);

pub(super) fn all() -> Vec<Scenario> {
    let slow = "time takes its time, in each pass";
    vec![
        scenario::<sleeps_until>(post(sleeps_until))
            .real_clock()
            .says("on time, on time")
            .shows(["soon", "wait", "look", "later", "wait-more", "look-again"])
            .not_swept(slow),
        scenario::<retries_after>(post(retries_after))
            .real_clock()
            .says("on time")
            .did(["limited", "limited", "after"])
            .shows(["nap", "limited", "after"])
            .not_swept(slow),
        scenario::<retries_after_at_once>(post(retries_after_at_once))
            .real_clock()
            .says("on time")
            .did(["limited", "limited", "limited", "after"])
            .shows(["limited", "after"])
            .not_swept(slow),
        scenario::<retries_very_long>(post(retries_very_long))
            .says("done")
            .did(["long", "long", "after"])
            .shows(["long", "after"])
            .needs(Need::Patience)
            .not_swept(slow),
        scenario::<freezes>(post(freezes))
            .clients(8)
            .when("nap", Deed::Freeze(Duration::from_secs(20)))
            .says("done")
            .did(["before", "between", "after"])
            .shows(["before", "nap", "between", "rest", "after"])
            .needs(Need::Process),
    ]
}

#[inngest::api_fn(id = "timing-sleep-until")]
async fn sleeps_until(step: Step, _effects: Effects) -> Result<String, StepError> {
    let said = |on_time| if on_time { "on time" } else { "early" };
    let soon = step.run("soon", async { Ok(SystemTime::now() + NOT_EVEN) }).await?;
    step.sleep_until("wait", soon).await;
    let first = step.run("look", async { Ok(SystemTime::now() >= soon) }).await?;
    // The same in a re-entry.
    let later = step.run("later", async { Ok(SystemTime::now() + NOT_EVEN) }).await?;
    step.sleep_until("wait-more", later).await;
    let second = step.run("look-again", async { Ok(SystemTime::now() >= later) }).await?;
    Ok(format!("{}, {}", said(first), said(second)))
}

#[inngest::api_fn(id = "timing-retry-after", retries = 2)]
async fn retries_after(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    step.run("limited", async {
        match effects.happen("limited".to_owned()).await {
            1 => Err(Failure::retry_after(LATER, "too many requests")),
            _ => Ok(()),
        }
    })
    .await?;
    step.run("after", effects.does("after")).await?;
    Ok(if effects.least_pause("limited") >= LATER { "on time" } else { "early" })
}

/// The first attempt is in the first request, and all are as many as ever.
#[inngest::api_fn(id = "timing-retry-after-at-once", retries = 2)]
async fn retries_after_at_once(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let limited = async {
        effects.does("limited").await?;
        Err::<(), _>(Failure::retry_after(LATER, "too many requests"))
    };
    step.run("limited", limited).await.unwrap_err();
    step.run("after", effects.does("after")).await?;
    Ok(if effects.least_pause("limited") >= LATER { "on time" } else { "early" })
}

#[inngest::api_fn(id = "timing-retries-very-long", retries = 3)]
async fn retries_very_long(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("long", async {
        if effects.happen("long".to_owned()).await == 1 {
            return Err(Failure::new("not yet"));
        }
        tokio::time::sleep(VERY_LONG).await;
        Ok(())
    })
    .await?;
    step.run("after", effects.does("after")).await?;
    Ok("done")
}

#[inngest::api_fn(id = "timing-freeze", retries = 5)]
async fn freezes(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", 2 * NAP).await;
    step.run("between", effects.does("between")).await?;
    step.sleep("rest", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok("done")
}
