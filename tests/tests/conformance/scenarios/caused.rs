//! A step causes what the wait beside it waits for, before it returns.

use std::time::Duration;

use axum::extract::Path;
use axum::http::Method;
use axum::routing::post;
use inngest::step::SignalConflict;
use inngest::{Failure, Step, StepError};
use serde_json::{Value, json};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario_at, visit};
use crate::stage::Effects;

const CAUSES: [&str; 2] = ["event", "signal"];
const PLACES: [&str; 2] = ["at-once", "later"];
const WAYS: [&str; 3] = ["wait-first", "step-first", "select"];

/// How long what was missed is waited for.
const SOON: Duration = Duration::from_secs(20);

/// The step goes on while what it has caused brings another re-entry.
const WORK: Duration = Duration::from_millis(100);

pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for cause in CAUSES {
        for place in PLACES {
            scenarios.extend(WAYS.map(|way| caused_by(cause, place, way)));
        }
    }
    scenarios
}

/// Those that are played many times.
pub(crate) fn soaked() -> Vec<Scenario> {
    CAUSES.iter().flat_map(|cause| PLACES.map(|place| caused_by(cause, place, "wait-first"))).collect()
}

fn caused_by(cause: &str, place: &str, way: &str) -> Scenario {
    let is_race = way == "select";
    let scenario = scenario_at::<causes>("/{cause}/{place}/{way}", post(causes))
        .named(format!("caused-{cause}-{place}-{way}"))
        .gets(visit(Method::POST, format!("/{cause}/{place}/{way}")));
    let nap = (place == "later").then_some("nap");
    let scenario = if is_race {
        // The step may end long after it has lost.
        scenario.says("the same winner each time").did(["work", "winner", "after"]).shows_any_steps()
    } else {
        scenario
            .says("received")
            .did(["work", "after"])
            .shows(nap.into_iter().chain(["wait | work", "after"]))
    };
    match (cause, way) {
        (_, "step-first") => {
            scenario.not_swept("who is polled first decides nothing; with the wait it is swept")
        }
        ("signal", "select") => {
            scenario.not_swept("a signal resolves a wait as an event does, which is swept")
        }
        _ => scenario,
    }
}

#[inngest::api_fn(id = "caused", retries = 3)]
async fn causes(
    Path((cause, place, way)): Path<(String, String, String)>,
    step: Step,
    effects: Effects,
) -> Result<&'static str, StepError> {
    if place == "later" {
        step.sleep("nap", NAP).await;
    }
    let name = format!("conformance/caused-{}", step.run_id());
    let waits = async {
        let has_come = if cause == "event" {
            step.wait_for_event::<Value>("wait", &name).timeout(SOON).await?.is_some()
        } else {
            let wait = step.wait_for_signal::<Value>("wait", &name).timeout(SOON);
            wait.on_conflict(SignalConflict::Replace).await?.is_some()
        };
        Ok::<_, StepError>(has_come)
    };
    let work = step.run("work", async {
        effects.does("work").await?;
        if cause == "event" {
            effects.sends_event(&name, json!({})).await?;
        } else {
            effects.sends_signal(&name, json!({})).await?;
        }
        tokio::time::sleep(WORK).await;
        Ok::<_, Failure>(true)
    });
    let received = match &*way {
        "wait-first" => tokio::try_join!(waits, work)?.0,
        "step-first" => tokio::try_join!(work, waits)?.1,
        _ => return race(&step, &effects, waits, work).await,
    };
    step.run("after", effects.does("after")).await?;
    Ok(if received { "received" } else { "missed" })
}

/// Either may win, and wins for ever.
async fn race(
    step: &Step,
    effects: &Effects,
    waits: impl Future<Output = Result<bool, StepError>>,
    work: impl Future<Output = Result<bool, StepError>>,
) -> Result<&'static str, StepError> {
    let won = tokio::select! {
        received = waits => if received? { "wait" } else { "nothing" },
        worked = work => worked.map(|_| "work")?,
    };
    let first = step.run("winner", effects.gives("winner", won.to_owned())).await?;
    step.sleep("rest", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(if first == won { "the same winner each time" } else { "another winner" })
}
