//! A step fails for good while something else that the run waits for lasts: the run goes on at
//! once.
//!
//! A real server calls back then only if the job in which the step has failed races with others,
//! which no job does that an event, a signal or a timeout has brought (docs/protocol.md 8.1).

use axum::extract::Path;
use axum::http::Method;
use axum::routing::post;
use inngest::step::SignalConflict;
use inngest::{Failure, Step, StepError};
use serde_json::{Value, json};

use super::{LONG, NAP};
use crate::scenario::{Expect, Scenario, event, scenario_at, signal, visit};
use crate::stage::Effects;

const BRINGS: [&str; 4] = ["event", "signal", "timeout", "sleep"];

pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios: Vec<_> = BRINGS.iter().map(|by| brought_by(by, "final")).collect();
    scenarios.push(brought_by("event", "exhausted").not_swept("a crash uses up an attempt"));
    scenarios
}

fn brought_by(by: &str, how: &str) -> Scenario {
    let name = format!("conformance/failing-beside-{by}-{how}");
    let charges = if how == "exhausted" { 2 } else { 1 };
    let scenario = scenario_at::<failing_beside>("/{by}/{how}", post(failing_beside))
        .named(format!("failing-beside-{by}-{how}"))
        .gets(visit(Method::POST, format!("/{by}/{how}")))
        .says("refunded")
        .did([vec!["charge"; charges], vec!["refund"]].concat())
        .shows_any_steps();
    match by {
        "event" => scenario.when("go", event(name, json!({}))),
        "signal" => scenario.when("go", signal(name, json!({}))),
        _ => scenario,
    }
}

#[inngest::api_fn(id = "failing-beside", retries = 1)]
async fn failing_beside(
    Path((by, how)): Path<(String, String)>,
    step: Step,
    effects: Effects,
) -> Result<&'static str, StepError> {
    // What is told in a re-entry's answer is one group.
    step.sleep("nap", NAP).await;
    let name = format!("conformance/failing-beside-{by}-{how}");
    let charged = async {
        match &*by {
            "event" => drop(step.wait_for_event::<Value>("go", name).timeout(LONG).await?),
            "signal" => {
                let wait = step.wait_for_signal::<Value>("go", name).timeout(LONG);
                drop(wait.on_conflict(SignalConflict::Replace).await?);
            }
            "timeout" => drop(step.wait_for_event::<Value>("go", name).timeout(NAP).await?),
            _ => step.sleep("go", NAP).await,
        }
        let charge = step.run("charge", async {
            effects.does("charge").await?;
            let refused = "the card is refused";
            Err::<(), _>(if how == "final" { Failure::non_retriable(refused) } else { Failure::new(refused) })
        });
        if charge.await.is_ok() {
            return Ok("charged");
        }
        step.run("refund", effects.does("refund")).await?;
        Ok("refunded")
    };
    tokio::select! {
        () = step.sleep("deadline", LONG) => Ok("too late"),
        said = charged => said,
    }
}
