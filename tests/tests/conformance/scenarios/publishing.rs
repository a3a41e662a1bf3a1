//! Steps that publish, and somebody who listens.

use axum::Json;
use axum::extract::Extension;
use axum::routing::post;
use inngest::{Provider, Step, StepError};
use serde_json::{Value, json};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario::<heard>(post(heard))
            .outside(|app, inngest| app.layer(Extension(inngest.clone())))
            .says_json(json!([{ "n": 1, "by": "Söhne & <Töchter> 🦀" }, null, "later"]))
            .did(["listens"])
            .shows(["listen", "one", "aside", "two", "nap", "three", "end", "heard"])
            .not_swept("who listens does so in the process that dies, and a message may come twice"),
        scenario::<unheard>(post(unheard))
            .says("told")
            .did(["before", "after"])
            .shows(["before", "tell", "nap", "tell-too", "after"]),
    ]
}

#[inngest::api_fn(id = "publishing-heard", retries = 5)]
async fn heard(
    step: Step,
    #[replayable] Extension(inngest): Extension<Provider>,
    effects: Effects,
) -> Result<Json<Vec<Value>>, StepError> {
    let channel = &*format!("conformance/{}", step.run_id());
    step.run("listen", effects.listens(&inngest, channel, "news")).await?;
    step.publish("one", channel, "news", json!({ "n": 1, "by": "Söhne & <Töchter> 🦀" })).await?;
    step.publish("aside", channel, "other", "not to be heard").await?;
    step.publish("two", channel, "news", ()).await?;
    step.sleep("nap", NAP).await;
    step.publish("three", channel, "news", "later").await?;
    step.publish("end", channel, "news", "the end").await?;
    let heard = step.run("heard", effects.heard_until("the end")).await?;
    Ok(Json(heard))
}

#[inngest::api_fn(id = "publishing-unheard", retries = 5)]
async fn unheard(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.publish("tell", "conformance/nobody", "news", 1).await?;
    step.sleep("nap", NAP).await;
    step.publish("tell-too", "conformance/nobody", "news", 2).await?;
    step.run("after", effects.does("after")).await?;
    Ok("told")
}
