//! Many runs of one endpoint at once: none sees anything of another.

use axum::routing::post;
use inngest::{Step, StepError};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario};
use crate::stage::Effects;

const CLIENTS: usize = 10;
const TOO_MANY: &str = "each client's run is one that is swept alone in other scenarios";

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario::<at_once>(post(at_once))
            .clients(CLIENTS)
            .at_once()
            .says("mine")
            .did_and_shows(["one", "two"])
            .not_swept(TOO_MANY),
        scenario::<sleeping>(post(sleeping))
            .clients(CLIENTS)
            .says("mine")
            .did(["one", "two"])
            .shows(["one", "nap", "two"])
            .not_swept(TOO_MANY),
        scenario::<failing>(post(failing))
            .clients(CLIENTS)
            .says("mine")
            .did(["one", "one", "two"])
            .shows(["one", "two"])
            .not_swept(TOO_MANY),
        scenario::<sharing>(post(sharing))
            .clients(CLIENTS)
            .says("mine")
            .did(["a", "b", "last"])
            .shows(["nap-a | nap-b", "a | b", "last"])
            .not_swept(TOO_MANY),
    ]
}

/// Whether a value is the one that this run made.
fn own(step: &Step, made: &str) -> &'static str {
    if made == step.run_id().to_string() { "mine" } else { "somebody else's" }
}

#[inngest::api_fn(id = "concurrency-at-once")]
async fn at_once(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let made = step.run("one", effects.gives("one", step.run_id().to_string())).await?;
    step.run("two", effects.does("two")).await?;
    Ok(own(&step, &made))
}

#[inngest::api_fn(id = "concurrency-sleeping")]
async fn sleeping(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let made = step.run("one", effects.gives("one", step.run_id().to_string())).await?;
    step.sleep("nap", NAP).await;
    step.run("two", effects.does("two")).await?;
    Ok(own(&step, &made))
}

#[inngest::api_fn(id = "concurrency-failing", retries = 3)]
async fn failing(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("one", effects.fails(1, "one")).await?;
    let made = step.run("two", effects.gives("two", step.run_id().to_string())).await?;
    Ok(own(&step, &made))
}

#[inngest::api_fn(id = "concurrency-sharing")]
async fn sharing(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |name: &'static str| {
        step.sleep(format!("nap-{name}"), NAP).await;
        step.run(name, effects.gives(name, step.run_id().to_string())).await
    };
    let (made, _) = tokio::try_join!(branch("a"), branch("b"))?;
    step.run("last", effects.does("last")).await?;
    Ok(own(&step, &made))
}
