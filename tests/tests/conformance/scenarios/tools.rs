//! Each step tool by itself: steps that run, and sleeps.

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::routing::{get, post};
use inngest::{Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario::<no_steps>(get(no_steps))
            .gets(crate::scenario::visit(axum::http::Method::GET, "/").without_run().says("plain")),
        scenario::<run_once>(post(run_once)).at_once().says("990").did_and_shows(["charge"]),
        scenario::<run_in_a_row>(post(run_in_a_row))
            .at_once()
            .says_json(json!({ "charge": "ch_1", "amount": 990, "note": null }))
            .did_and_shows(["reserve", "charge", "mail"]),
        scenario::<run_in_a_loop>(post(run_in_a_loop))
            .at_once()
            .says("0 1 2 3 4")
            .did_and_shows(["item-0", "item-1", "item-2", "item-3", "item-4"]),
        scenario::<sleep>(post(sleep))
            .says("rested")
            .did(["before", "after"])
            .shows(["before", "nap", "after"]),
        scenario::<sleep_first>(post(sleep_first)).says("awake").did(["after"]).shows(["nap", "after"]),
        scenario::<sleep_only>(post(sleep_only)).says("slept").shows(["nap"]),
        scenario::<sleep_thrice>(post(sleep_thrice))
            .says("done")
            .did(["one", "two"])
            .shows(["nap-1", "one", "nap-2", "two", "nap-3"]),
        scenario::<sleep_zero>(post(sleep_zero)).says("done").did(["after"]).shows(["nap", "after"]),
        scenario::<sleep_until>(post(sleep_until))
            .says("it is time")
            .did(["deadline", "after"])
            .shows(["deadline", "wait", "after"]),
        scenario::<sleep_until_past>(post(sleep_until_past))
            .says("late")
            .did(["after"])
            .shows(["wait", "after"]),
        scenario::<renamed>(post(renamed))
            .says("990")
            .did(["charge", "after"])
            .shows(["charge", "nap", "after"]),
        scenario::<same_run>(post(same_run)).says("same").shows(["key", "nap"]),
    ]
}

#[inngest::api_fn(id = "tools-no-steps")]
async fn no_steps(_step: Step) -> &'static str {
    "plain"
}

#[inngest::api_fn(id = "tools-run")]
async fn run_once(step: Step, effects: Effects) -> Result<String, StepError> {
    let amount = step.run("charge", effects.gives("charge", 990_u32)).await?;
    Ok(amount.to_string())
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    charge: String,
    amount: u32,
    note: Option<String>,
}

#[inngest::api_fn(id = "tools-run-in-a-row")]
async fn run_in_a_row(step: Step, effects: Effects) -> Result<Json<Receipt>, StepError> {
    let amount = step.run("reserve", effects.gives("reserve", 990)).await?;
    let receipt = Receipt { charge: "ch_1".to_owned(), amount, note: None };
    let receipt = step.run("charge", effects.gives("charge", receipt)).await?;
    step.run("mail", effects.does("mail")).await?;
    Ok(Json(receipt))
}

#[inngest::api_fn(id = "tools-run-in-a-loop")]
async fn run_in_a_loop(step: Step, effects: Effects) -> Result<String, StepError> {
    let mut items = Vec::new();
    for n in 0..5 {
        let id = format!("item-{n}");
        items.push(step.run(id.clone(), effects.gives(id, n.to_string())).await?);
    }
    Ok(items.join(" "))
}

#[inngest::api_fn(id = "tools-sleep")]
async fn sleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok("rested")
}

#[inngest::api_fn(id = "tools-sleep-first")]
async fn sleep_first(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok("awake")
}

#[inngest::api_fn(id = "tools-sleep-only")]
async fn sleep_only(step: Step, _effects: Effects) -> &'static str {
    step.sleep("nap", NAP).await;
    "slept"
}

#[inngest::api_fn(id = "tools-sleep-thrice")]
async fn sleep_thrice(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap-1", NAP).await;
    step.run("one", effects.does("one")).await?;
    step.sleep("nap-2", NAP).await;
    step.run("two", effects.does("two")).await?;
    step.sleep("nap-3", NAP).await;
    Ok("done")
}

#[inngest::api_fn(id = "tools-sleep-zero")]
async fn sleep_zero(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", Duration::ZERO).await;
    step.run("after", effects.does("after")).await?;
    Ok("done")
}

#[inngest::api_fn(id = "tools-sleep-until")]
async fn sleep_until(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let deadline = step.run("deadline", effects.gives("deadline", SystemTime::now() + NAP)).await?;
    step.sleep_until("wait", deadline).await;
    step.run("after", effects.does("after")).await?;
    Ok("it is time")
}

#[inngest::api_fn(id = "tools-sleep-until-past")]
async fn sleep_until_past(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep_until("wait", SystemTime::UNIX_EPOCH + NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok("late")
}

/// The program changes while the run sleeps: the step has another id then, and says which it had.
#[inngest::api_fn(id = "tools-renamed")]
async fn renamed(step: Step, effects: Effects) -> Result<String, StepError> {
    let amount = match effects.passes("start") {
        1 => step.run("charge", effects.gives("charge", 990)).await?,
        _ => step.run("charge-card", effects.gives("charge", 990)).renamed_from("charge").await?,
    };
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(amount.to_string())
}

/// What follows from the run alone is the same in every request of it.
#[inngest::api_fn(id = "tools-same-run")]
async fn same_run(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    let now = (step.run_id().to_string(), step.idempotency_key("charge"));
    let first = step.run("key", async { Ok(now.clone()) }).await?;
    step.sleep("nap", NAP).await;
    Ok(if first == now { "same" } else { "different" })
}
