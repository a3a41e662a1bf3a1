//! Handlers that misuse steps or come to a limit: nothing begins once that is known, and the run's
//! error names it.

use axum::routing::post;
use inngest::{Failure, Step, StepError};

use super::NAP;
use crate::scenario::{Expect, Lenient, Scenario, scenario};
use crate::stage::Effects;

const NO_RUN: &str = "what a misused step does is not to be relied on, with a death or without";

pub(super) fn all() -> Vec<Scenario> {
    let unsure = Lenient::Status(
        "the call that ends the run at once has a status of 500 and above (docs/protocol.md 5.2)",
    );
    let count = |steps: usize| (0..steps).map(|n| format!("n-{n}"));
    vec![
        scenario::<nests>(post(nests))
            .at_once()
            .with_status_in(500..=599)
            .says_something_with(["inner"])
            .fails()
            .did_at_most(["outer"])
            .shows_any_steps()
            .lenient(unsure)
            .not_swept(NO_RUN),
        scenario::<nests_later>(post(nests_later))
            .with_status_in(500..=599)
            .says_something_with(["inner"])
            .fails()
            .did_at_most(["outer"])
            .shows_any_steps()
            .not_swept(NO_RUN),
        scenario::<unpolled>(post(unpolled))
            .with_status_in(200..=599)
            .says_anything()
            .ends_anyhow()
            .did_at_most(["first", "second"])
            .shows_any_steps()
            .not_swept(NO_RUN),
        scenario::<nearly_too_many>(post(nearly_too_many))
            .says("950")
            .did(count(950))
            .shows_any_steps()
            .not_swept("nine hundred steps in a row have nothing to show there that five have not"),
        scenario::<too_many>(post(too_many))
            .with_status(500)
            .says_something_with(["999", "steps"])
            .fails()
            .did_at_most(count(999))
            .shows_any_steps()
            .not_swept("the limit is the same after a death"),
    ]
}

/// A step in a step, where the attribute cannot see it.
async fn nested(step: &Step, effects: &Effects) -> Result<(), StepError> {
    let outer = async {
        effects.does("outer").await?;
        step.run("inner", effects.does("inner")).await?;
        Ok::<(), Failure>(())
    };
    step.run("outer", outer).await
}

#[inngest::api_fn(id = "misuse-nested", retries = 0)]
async fn nests(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    nested(&step, &effects).await?;
    step.run("after", effects.does("after")).await?;
    Ok("never")
}

#[inngest::api_fn(id = "misuse-nested-later", retries = 0)]
async fn nests_later(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    nested(&step, &effects).await?;
    step.run("after", effects.does("after")).await?;
    Ok("never")
}

/// In a re-entry there is one future more of the id than in the first request. Either the steps are
/// told apart all the same, or the run fails: neither happens twice.
#[inngest::api_fn(id = "misuse-unpolled", retries = 0)]
async fn unpolled(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    // The attribute compares literal ids alone.
    const ID: &str = "id";
    if effects.passes("start") > 1 {
        drop(step.run(ID, effects.does("never")));
    }
    step.run(ID, effects.does("first")).await?;
    step.sleep("nap", NAP).await;
    step.run(ID, effects.does("second")).await?;
    Ok("done")
}

#[inngest::api_fn(id = "misuse-nearly-too-many-steps")]
async fn nearly_too_many(step: Step, effects: Effects) -> Result<String, StepError> {
    many(&step, &effects, 950).await
}

#[inngest::api_fn(id = "misuse-too-many-steps", retries = 0)]
async fn too_many(step: Step, effects: Effects) -> Result<String, StepError> {
    many(&step, &effects, 1_005).await
}

async fn many(step: &Step, effects: &Effects, steps: usize) -> Result<String, StepError> {
    let mut count = 0;
    for n in 0..steps {
        if n == 10 {
            step.sleep("nap", NAP).await;
        }
        count += step.run(format!("n-{n}"), effects.gives(format!("n-{n}"), 1)).await?;
    }
    Ok(count.to_string())
}
