//! A call is processed, and its answer is lost: the app makes it again, and what it does must not
//! happen again.

use std::time::Duration;

use axum::http::Method;
use axum::routing::post;
use inngest::{Failure, Step, StepError};

use super::NAP;
use super::errors::FAILS_LATER;
use crate::scenario::{Expect, Lenient, Loss, Scenario, scenario, visit};
use crate::stage::Effects;

/// The calls of a run.
const CALLS: [(&str, &str); 4] =
    [("first-call", "/v1/checkpoint"), ("steps", "/steps"), ("async", "/async"), ("actions", "/actions")];

/// Longer than the pause before a call is repeated.
const WHILE: Duration = Duration::from_millis(400);

pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = CALLS.map(|(name, end)| sleeping(name, Loss::Of(end))).into();
    scenarios.push(sleeping("every-call", Loss::Every));
    scenarios.push(
        scenario::<at_once>(post(at_once))
            .at_once()
            .says("done")
            .did_and_shows(["one", "two"])
            .loses(Loss::Every),
    );
    scenarios.push(
        scenario::<failing>(post(failing))
            .says("given up")
            .did(["before", "charge", "charge", "charge", "after"])
            .shows(["before", "charge", "after"])
            .lenient(Lenient::Order(FAILS_LATER))
            .loses(Loss::Every),
    );
    scenarios.push(
        scenario::<branching>(post(branching))
            .says("joined")
            .did(["a", "b", "last"])
            .shows(["nap-a | nap-b", "a | b", "last"])
            .loses(Loss::Every),
    );
    scenarios
}

/// A charge, a sleep and a receipt; the answer to the call that begins the run is lost.
pub(crate) fn first_call() -> Scenario {
    sleeping("first-call", Loss::Of("/v1/checkpoint"))
}

fn sleeping(name: &str, loss: Loss) -> Scenario {
    scenario::<charges>(post(charges))
        .named(format!("lost-answers-{name}"))
        .gets(visit(Method::POST, "/"))
        .says("ch_1")
        .did(["charge", "receipt", "mail"])
        .shows(["charge", "nap", "receipt", "rest", "mail"])
        .loses(loss)
}

#[inngest::api_fn(id = "lost-answers", retries = 3)]
async fn charges(step: Step, effects: Effects) -> Result<String, StepError> {
    let charge = step.run("charge", effects.gives("charge", "ch_1".to_owned())).await?;
    step.sleep("nap", NAP).await;
    step.run("receipt", takes_a_while(effects.does("receipt"))).await?;
    step.sleep("rest", NAP).await;
    step.run("mail", takes_a_while(effects.does("mail"))).await?;
    Ok(charge)
}

/// A second re-entry, which must not be, comes before the first has saved what it did.
async fn takes_a_while(effect: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    effect.await?;
    tokio::time::sleep(WHILE).await;
    Ok(())
}

#[inngest::api_fn(id = "lost-answers-at-once", retries = 3)]
async fn at_once(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("one", effects.does("one")).await?;
    step.run("two", effects.does("two")).await?;
    Ok("done")
}

/// Three attempts, no more.
#[inngest::api_fn(id = "lost-answers-failing", retries = 2)]
async fn failing(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.run("charge", effects.fails(9, "charge")).await.unwrap_err();
    step.run("after", effects.does("after")).await?;
    Ok("given up")
}

#[inngest::api_fn(id = "lost-answers-branching", retries = 3)]
async fn branching(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let branch = async |name: &'static str| {
        step.sleep(format!("nap-{name}"), NAP).await;
        step.run(name, effects.does(name)).await
    };
    tokio::try_join!(branch("a"), branch("b"))?;
    step.run("last", effects.does("last")).await?;
    Ok("joined")
}
