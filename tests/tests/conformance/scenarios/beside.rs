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
const WAYS: [&str; 9] = [
    "join",
    "join-step-first",
    "select",
    "select-long-step",
    "timeout-of-step",
    "timeout-of-step-reached",
    "timeout-of-wait",
    "failing",
    "exhausted",
];

/// What the step takes at least: what comes for the wait comes meanwhile.
const WORK: Duration = Duration::from_millis(50);

/// More than it takes until what is waited for has come.
const LONG_WORK: Duration = Duration::from_secs(2);

/// A timeout that is reached.
const SHORT: Duration = Duration::from_millis(150);

pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for place in PLACES {
        for wait in WAITS {
            // While the step runs, a sleep is not told.
            let ways = WAYS.into_iter().filter(|way| (wait, *way) != ("sleep", "select-long-step"));
            scenarios.extend(ways.map(|way| beside_a(place, wait, way)));
        }
    }
    scenarios
}

fn beside_a(place: &str, wait: &str, way: &str) -> Scenario {
    // The run is over before the sleep is told.
    let is_told = way != "select" || wait != "sleep";
    let name = format!("conformance/beside-{place}-{wait}-{way}");
    let says = match way {
        "select" => "worked",
        "select-long-step" | "timeout-of-step-reached" | "exhausted" => "waited",
        _ => "waited, worked",
    };
    let times = match way {
        "failing" => 2,
        "exhausted" => 4,
        _ => 1,
    };
    let work = match way {
        "timeout-of-step-reached" => "wait",
        _ if is_told => "wait | work",
        _ => "work",
    };
    let nap = (place == "later").then_some("nap");
    let scenario = scenario_at::<beside>("/{place}/{wait}/{way}", post(beside))
        .named(format!("beside-{place}-{wait}-{way}"))
        .gets(visit(Method::POST, format!("/{place}/{wait}/{way}")))
        .says(says)
        .did([vec!["work"; times], vec!["last"]].concat())
        .shows(nap.into_iter().chain([work, "last"]));
    // The timeout may be reached before the step is claimed.
    let scenario = if way == "timeout-of-step-reached" && wait != "sleep" {
        scenario.did_at_most(["work", "last"])
    } else {
        scenario
    };
    let scenario = if is_told || place == "later" { scenario } else { scenario.at_once() };
    let scenario = match wait {
        "event" if way != "select" => scenario.when("wait", event(name, json!({}))),
        "signal" if way != "select" => scenario.when("wait", signal(name, json!({}))),
        _ => scenario,
    };
    match (wait, way) {
        // It may have come before the step begins, which then never does.
        (_, "select-long-step") => scenario
            .did_at_most(["work", "last"])
            .shows_any_steps()
            .not_swept("the step runs again when its process dies, or not at all"),
        ("event", "join") if place == "later" => scenario.not_swept(
            "the clock is a real one, and each pass sleeps; `caused-event-later-wait-first` is swept",
        ),
        ("signal", _) => scenario.not_swept("a signal resolves a wait as an event does, which is swept"),
        (_, "join" | "select") => scenario,
        (_, "failing" | "exhausted") => {
            scenario.not_swept("a crash uses up an attempt, and this is about how many there are")
        }
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
        let attempt = effects.happen("work".to_owned()).await;
        let is_long = matches!(&*way, "select-long-step" | "timeout-of-step-reached");
        tokio::time::sleep(if is_long { LONG_WORK } else { WORK }).await;
        let fails = way == "exhausted" || (way == "failing" && attempt == 1);
        if fails { Err(Failure::new("not this time")) } else { Ok(true) }
    });
    let in_time = |outcome: Result<Result<bool, StepError>, _>| outcome.unwrap_or(Ok(false));
    let (waited, worked) = match &*way {
        "join" => tokio::try_join!(waits, work)?,
        "join-step-first" => {
            let (worked, waited) = tokio::try_join!(work, waits)?;
            (waited, worked)
        }
        "select" | "select-long-step" => tokio::select! {
            waited = waits => (waited?, false),
            worked = work => (false, worked?),
        },
        "timeout-of-step" => tokio::try_join!(waits, async { in_time(timeout(LONG, work).await) })?,
        "timeout-of-step-reached" => tokio::try_join!(waits, async { in_time(timeout(SHORT, work).await) })?,
        "exhausted" => {
            let (waited, worked) = tokio::join!(waits, work);
            (waited?, worked.is_ok())
        }
        "failing" => tokio::try_join!(waits, work)?,
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
