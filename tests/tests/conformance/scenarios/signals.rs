//! Signals: one run resumes another, by name.

use axum::http::Method;
use axum::routing::post;
use inngest::step::SignalConflict;
use inngest::{Step, StepError};
use serde_json::{Value, json};

use super::{LONG, NAP};
use crate::scenario::{Deed, Expect, Scenario, scenario, signal, visit};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    let goes = || visit(Method::POST, "/go").at_once().says("gone").did(["before"]).shows(["before", "go"]);
    vec![
        scenario::<received>(post(received))
            .when("wait", signal("conformance/signal", json!({ "by": "Ada" })))
            .says_json(json!({ "by": "Ada" }))
            .did(["before", "after"])
            .shows(["before", "wait", "after"]),
        scenario::<null>(post(null))
            .when("wait", signal("conformance/null", json!(null)))
            .says("a signal")
            .shows(["wait"]),
        scenario::<timed_out>(post(timed_out)).says("nothing").did(["after"]).shows(["wait", "after"]),
        scenario::<two>(post(two))
            .when("a", signal("conformance/two-b", json!("b")))
            .when("a", signal("conformance/two-a", json!("a")))
            .says("a b")
            .did(["last"])
            .shows(["a | b", "last"]),
        scenario::<waits_for_another_run>(post(waits_for_another_run))
            .and::<goes_on>("/go", post(goes_on))
            .when("wait", Deed::Visit(Box::new(goes())))
            .says("go on")
            .did(["after"])
            .shows(["wait", "after"]),
        scenario::<to_nobody>(post(to_nobody))
            .at_once()
            .says("nobody")
            .did(["after"])
            .shows(["send", "after"]),
    ]
}

#[inngest::api_fn(id = "signals-received")]
async fn received(step: Step, effects: Effects) -> Result<String, StepError> {
    step.run("before", effects.does("before")).await?;
    let data = step
        .wait_for_signal::<Value>("wait", "conformance/signal")
        .timeout(LONG)
        .on_conflict(SignalConflict::Replace)
        .await?;
    step.run("after", effects.does("after")).await?;
    Ok(data.unwrap_or_default().to_string())
}

/// A signal without anything to say is a signal still.
#[inngest::api_fn(id = "signals-null")]
async fn null(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    let wait = step.wait_for_signal::<Value>("wait", "conformance/null").timeout(LONG);
    let data = wait.on_conflict(SignalConflict::Replace).await?;
    Ok(if data.is_some() { "a signal" } else { "nothing" })
}

#[inngest::api_fn(id = "signals-timed-out")]
async fn timed_out(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let wait = step.wait_for_signal::<Value>("wait", "conformance/no-signal").timeout(NAP);
    let data = wait.on_conflict(SignalConflict::Replace).await?;
    step.run("after", effects.does("after")).await?;
    Ok(if data.is_some() { "something" } else { "nothing" })
}

#[inngest::api_fn(id = "signals-two")]
async fn two(step: Step, effects: Effects) -> Result<String, StepError> {
    let wait = async |id: &'static str| {
        let wait = step.wait_for_signal::<String>(id, format!("conformance/two-{id}")).timeout(LONG);
        wait.on_conflict(SignalConflict::Replace).await
    };
    let (a, b) = tokio::try_join!(wait("a"), wait("b"))?;
    step.run("last", effects.does("last")).await?;
    Ok(format!("{} {}", a.unwrap_or_default(), b.unwrap_or_default()))
}

#[inngest::api_fn(id = "signals-waits-for-another-run")]
async fn waits_for_another_run(step: Step, effects: Effects) -> Result<String, StepError> {
    let wait = step.wait_for_signal::<String>("wait", "conformance/go").timeout(LONG);
    let said = wait.on_conflict(SignalConflict::Replace).await?;
    step.run("after", effects.does("after")).await?;
    Ok(said.unwrap_or_default())
}

#[inngest::api_fn(id = "signals-go", retries = 5)]
async fn goes_on(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.send_signal("go", "conformance/go", "go on").await?;
    Ok("gone")
}

#[inngest::api_fn(id = "signals-to-nobody", retries = 5)]
async fn to_nobody(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let run = step.send_signal("send", "conformance/nobody", "hello").await?;
    step.run("after", effects.does("after")).await?;
    Ok(if run.is_some() { "somebody" } else { "nobody" })
}
