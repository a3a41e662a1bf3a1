//! A wait beside a step, in every combination. A wait for an event or a signal is told before the
//! step begins, a sleep with what is handed over.

use std::time::Duration;

use axum::extract::Path;
use axum::http::Method;
use axum::routing::post;
use inngest::step::SignalConflict;
use inngest::{Failure, Step, StepError};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{LONG, NAP};
use crate::scenario::{Expect, Scenario, event, scenario_at, signal, visit};
use crate::stage::Effects;

const PLACES: [&str; 2] = ["at-once", "later"];
const WAITS: [&str; 3] = ["sleep", "event", "signal"];
const WAYS: [&str; 5] = ["join", "join-step-first", "select", "timeout-of-step", "timeout-of-wait"];

/// What the step takes at least: what comes for the wait comes meanwhile.
const WORK: Duration = Duration::from_millis(50);

pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for place in PLACES {
        for wait in WAITS {
            scenarios.extend(WAYS.map(|way| beside_a(place, wait, way)));
        }
    }
    scenarios
}

fn beside_a(place: &str, wait: &str, way: &str) -> Scenario {
    // The run is over before the sleep is told.
    let is_told = way != "select" || wait != "sleep";
    let is_redirected = is_told || place == "later";
    let name = format!("conformance/beside-{place}-{wait}-{way}");
    let nap = (place == "later").then(|| "nap".to_owned());
    let work = if is_told { "wait | work" } else { "work" };
    let mut scenario = scenario_at::<beside>("/{place}/{wait}/{way}", post(beside))
        .named(format!("beside-{place}-{wait}-{way}"))
        .gets(visit(Method::POST, format!("/{place}/{wait}/{way}")))
        .says(if way == "select" { "worked" } else { "waited, worked" })
        .did(["work", "last"])
        .shows(nap.into_iter().chain([work, "last"].map(str::to_owned)));
    if !is_redirected {
        scenario = scenario.at_once();
    }
    let scenario = match wait {
        "event" if way != "select" => scenario.when("wait", event(name, json!({}))),
        "signal" if way != "select" => scenario.when("wait", signal(name, json!({}))),
        _ => scenario,
    };
    match (wait, way) {
        ("event", "join") if place == "later" => scenario.not_swept(
            "the clock is a real one, and each pass sleeps; `caused-event-later-wait-first` is swept",
        ),
        ("signal", _) => scenario.not_swept("a signal resolves a wait as an event does, which is swept"),
        (_, "join" | "select") => scenario,
        _ => scenario.not_swept("what is told and claimed is that of a `join!`, which is swept"),
    }
}

#[inngest::api_fn(id = "beside", retries = 3)]
async fn beside(
    Path((place, wait, way)): Path<(String, String, String)>,
    step: Step,
    effects: Effects,
) -> Result<&'static str, StepError> {
    if place == "later" {
        step.sleep("nap", NAP).await;
    }
    let name = format!("conformance/beside-{place}-{wait}-{way}");
    let waits = async {
        let has_come = match &*wait {
            "sleep" => {
                step.sleep("wait", NAP).await;
                true
            }
            "event" => step.wait_for_event::<Value>("wait", name).timeout(LONG).await?.is_some(),
            _ => {
                let wait = step.wait_for_signal::<Value>("wait", name).timeout(LONG);
                wait.on_conflict(SignalConflict::Replace).await?.is_some()
            }
        };
        Ok::<_, StepError>(has_come)
    };
    let work = step.run("work", async {
        effects.does("work").await?;
        tokio::time::sleep(WORK).await;
        Ok::<_, Failure>(true)
    });
    let in_time = |outcome: Result<Result<bool, StepError>, _>| outcome.unwrap_or(Ok(false));
    let (waited, worked) = match &*way {
        "join" => tokio::try_join!(waits, work)?,
        "join-step-first" => {
            let (worked, waited) = tokio::try_join!(work, waits)?;
            (waited, worked)
        }
        "select" => tokio::select! {
            waited = waits => (waited?, false),
            worked = work => (false, worked?),
        },
        "timeout-of-step" => tokio::try_join!(waits, async { in_time(timeout(LONG, work).await) })?,
        _ => tokio::try_join!(async { in_time(timeout(LONG, waits).await) }, work)?,
    };
    step.run("last", effects.does("last")).await?;
    Ok(match (waited, worked) {
        (true, true) => "waited, worked",
        (true, false) => "waited",
        (false, true) => "worked",
        (false, false) => "nothing",
    })
}
