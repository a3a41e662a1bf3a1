//! Runs that somebody cancels.

use std::time::Duration;

use axum::routing::post;
use inngest::middleware::{Execution, Middleware, Outcome};
use inngest::{Step, StepError};
use serde_json::Value;

use super::{LONG, NAP};
use crate::scenario::{Deed, Expect, Scenario, scenario};
use crate::stage::{Effects, Stage};

pub(super) fn all() -> Vec<Scenario> {
    let gone = |scenario: Scenario| {
        scenario
            .with_status(410)
            .with_header("content-type", "application/json")
            .says_something_with(["error"])
            .cancelled()
            .shows_any_steps()
            .not_swept("a run that is cancelled ends wherever it is")
    };
    vec![
        gone(scenario::<asleep>(post(asleep)).when("wait", Deed::Cancel).did(["before"])),
        gone(
            scenario::<at_work>(post(at_work))
                .setup(|opts, stage| opts.middleware(Told(stage.clone())))
                .did_in_the_end(["slow", "told of Some(\"slow\")"]),
        ),
        scenario::<in_first>(post(in_first))
            .setup(|opts, stage| opts.middleware(Told(stage.clone())))
            .at_once()
            .says("all of it")
            .cancelled()
            .did(["known", "slow", "after"])
            .shows_any_steps()
            .not_swept("a run that is cancelled ends wherever it is"),
    ]
}

/// Notes of which cancellations middlewares are told.
struct Told(Stage);

impl Middleware for Told {
    async fn after_execution(&self, execution: &Execution, outcome: &Outcome) {
        if let Outcome::Cancelled { at, .. } = outcome {
            self.0.note(execution.run_id().to_string(), format!("told of {at:?}"));
        }
    }
}

#[inngest::api_fn(id = "cancelling-asleep")]
async fn asleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.wait_for_event::<Value>("wait", "conformance/never").timeout(LONG).await?;
    step.run("after", effects.does("after")).await?;
    Ok("never")
}

/// A step that takes longer than a second is saved before the next begins: then it is known that
/// the run is over (docs/protocol.md 2.6).
#[inngest::api_fn(id = "cancelling-at-work")]
async fn at_work(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    step.run("slow", async {
        effects.does("slow").await?;
        effects.cancels().await?;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        Ok(())
    })
    .await?;
    for n in 0..3 {
        step.run(format!("after-{n}"), effects.does(format!("after-{n}"))).await?;
    }
    Ok("never")
}

/// A first request is not told that its run is over: it goes on (docs/protocol.md 2.5).
#[inngest::api_fn(id = "cancelling-in-first")]
async fn in_first(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("known", effects.does("known")).await?;
    step.run("slow", async {
        effects.does("slow").await?;
        // By then Inngest knows of the run.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        effects.cancels().await
    })
    .await?;
    step.run("after", effects.does("after")).await?;
    Ok("all of it")
}
