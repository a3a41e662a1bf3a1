//! What one client sends changes nothing for another's run, nor where Inngest calls the app.

use axum::http::{Method, Uri};
use axum::routing::{any, post};
use inngest::{Step, StepError};
use serde_json::{Value, json};

use super::{LONG, NAP};
use crate::scenario::{Deed, Expect, Scenario, Visit, event, scenario, scenario_at, visit};
use crate::stage::Effects;

const A_BEGINNING: &str =
    "a client that begins anew does not make the other clients' requests come before its own";

pub(super) fn all() -> Vec<Scenario> {
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let others = methods.clone().map(|first| {
        let mut scenario = scenario_at::<waits>("/{place}", any(waits))
            .named(format!("methods-others-than-{}", first.as_str().to_ascii_lowercase()))
            .gets(visit(first.clone(), "/wait"));
        for other in methods.iter().filter(|other| **other != first) {
            scenario = scenario.when("wait", Deed::Visit(Box::new(naps(other))));
        }
        resumed(scenario, &first)
    });
    let strange = scenario_at::<waits>("/{place}", any(waits))
        .named("methods-strange")
        .gets(visit(Method::POST, "/strange"))
        .when("wait", Deed::Visit(Box::new(refused("FOO"))))
        .when("wait", Deed::Visit(Box::new(refused("OPTIONS"))));
    let host = scenario::<sleeps>(post(sleeps))
        .named("strange-host")
        .gets(visit(Method::POST, "/").header("host", "evil.example"))
        .says("woke up")
        .shows(["nap"]);
    others.into_iter().chain([resumed(strange, &Method::POST), host]).collect()
}

/// The run goes on, and Inngest calls it back by the method that it began with.
fn resumed(scenario: Scenario, method: &Method) -> Scenario {
    let go = event("conformance/methods", json!({ "request": format!("{method} {}", scenario.visit.path) }));
    scenario
        .when("wait", go)
        .says(format!("waited, by {method}"))
        .did(["after"])
        .shows(["wait", "after"])
        .not_swept(A_BEGINNING)
}

/// Another client's request, whose run sleeps.
fn naps(method: &Method) -> Visit {
    visit(method.clone(), "/nap").says(format!("napped, by {method}")).did(["after"]).shows(["nap", "after"])
}

/// A stranger's request.
fn refused(method: &str) -> Visit {
    visit(method.parse().expect("a method"), "/strange")
        .at_once()
        .with_status(405)
        .with_header("allow", "GET, HEAD, POST, PUT, PATCH, DELETE")
        .says_something_with(["Inngest calls back by"])
        .without_run()
}

#[inngest::api_fn(id = "methods-waits")]
async fn waits(method: Method, uri: Uri, step: Step, effects: Effects) -> Result<String, StepError> {
    let did = if uri.path() == "/nap" {
        step.sleep("nap", NAP).await;
        "napped"
    } else {
        let request = format!("{method} {}", uri.path());
        let go =
            step.wait_for_event::<Value>("wait", "conformance/methods").matching("data.request", request);
        go.timeout(LONG).await?;
        "waited"
    };
    step.run("after", effects.does("after")).await?;
    Ok(format!("{did}, by {method}"))
}

#[inngest::api_fn(id = "strange-host")]
async fn sleeps(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    Ok("woke up")
}
