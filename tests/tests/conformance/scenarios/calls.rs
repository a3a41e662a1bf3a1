//! What Inngest calls for a run: other functions, HTTP services and models.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Router, routing};
use inngest::step::{FetchRequest, Inference};
use inngest::{Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::NAP;
use crate::inngest::{DOUBLES, FAILS};
use crate::scenario::{Expect, Scenario, scenario};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    let stand_in = "a real server has no function to invoke here";
    let private = "a real server calls no private address from a first request";
    vec![
        scenario::<invokes>(post(invokes))
            .says("42")
            .did(["before", "after"])
            .shows(["before", "double", "after"])
            .dev_only(stand_in),
        scenario::<invokes_two>(post(invokes_two))
            .says("2 4")
            .did(["last"])
            .shows(["one | two", "last"])
            .dev_only(stand_in),
        scenario::<invokes_what_fails>(post(invokes_what_fails))
            .says("it fails, as it always does")
            .did(["after"])
            .shows(["fail", "after"])
            .dev_only(stand_in),
        scenario::<invokes_nobody>(post(invokes_nobody))
            .says("no such function")
            .did(["after"])
            .shows(["nobody", "after"]),
        scenario::<fetches>(post(fetches))
            .third_party(third_party())
            .says_json(
                json!({ "status": 201, "kind": "echo", "body": { "got": { "n": 1 }, "asked": "yes" } }),
            )
            .did(["after"])
            .shows(["nap", "fetch", "after"]),
        scenario::<fetches_first>(post(fetches_first))
            .third_party(third_party())
            .says("201")
            .did(["after"])
            .shows(["fetch", "after"])
            .dev_only(private),
        scenario::<fetches_an_error>(post(fetches_an_error))
            .third_party(third_party())
            .says("418: a teapot")
            .shows(["nap", "fetch"]),
        scenario::<fetches_beside>(post(fetches_beside))
            .third_party(third_party())
            .says("201 201")
            .did(["work", "last"])
            .shows(["nap", "one | two | work", "last"]),
        scenario::<infers>(post(infers))
            .third_party(third_party())
            .says("You said: Hello")
            .did(["after"])
            .shows(["nap", "infer", "after"]),
    ]
}

/// Somebody else's server: a service that echoes, one that refuses, and a model.
fn third_party() -> Router {
    async fn echo(headers: HeaderMap, Json(got): Json<Value>) -> impl IntoResponse {
        let asked = headers.get("x-asked").and_then(|value| value.to_str().ok()).map(str::to_owned);
        (StatusCode::CREATED, [("x-kind", "echo")], Json(json!({ "got": got, "asked": asked })))
    }
    async fn complete(Json(body): Json<Value>) -> Json<Value> {
        let said = body["messages"][0]["content"].as_str().unwrap_or_default();
        Json(
            json!({ "choices": [{ "message": { "role": "assistant", "content": format!("You said: {said}") } }] }),
        )
    }
    Router::new()
        .route("/echo", post(echo))
        .route("/teapot", routing::get(|| async { (StatusCode::IM_A_TEAPOT, "a teapot") }))
        .route("/v1/chat/completions", post(complete))
}

#[inngest::api_fn(id = "calls-invoke", retries = 5)]
async fn invokes(step: Step, effects: Effects) -> Result<String, StepError> {
    step.run("before", effects.does("before")).await?;
    let doubled = step.invoke::<u32>("double", DOUBLES).data(json!({ "n": 21 })).await?;
    step.run("after", effects.does("after")).await?;
    Ok(doubled.to_string())
}

#[inngest::api_fn(id = "calls-invoke-two", retries = 5)]
async fn invokes_two(step: Step, effects: Effects) -> Result<String, StepError> {
    let double =
        async |id: &'static str, n: u32| step.invoke::<u32>(id, DOUBLES).data(json!({ "n": n })).await;
    let (one, two) = tokio::try_join!(double("one", 1), double("two", 2))?;
    step.run("last", effects.does("last")).await?;
    Ok(format!("{one} {two}"))
}

#[inngest::api_fn(id = "calls-invoke-what-fails", retries = 5)]
async fn invokes_what_fails(step: Step, effects: Effects) -> Result<String, StepError> {
    let error = step.invoke::<Value>("fail", FAILS).await.unwrap_err();
    step.run("after", effects.does("after")).await?;
    Ok(error.message().to_owned())
}

#[inngest::api_fn(id = "calls-invoke-nobody", retries = 5)]
async fn invokes_nobody(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let error = step.invoke::<Value>("nobody", "conformance-nobody").await.unwrap_err();
    step.run("after", effects.does("after")).await?;
    let known = error.message().contains("could not find function");
    Ok(if known { "no such function" } else { "another error" })
}

#[derive(Serialize, Deserialize)]
struct Number {
    n: u32,
}

fn echo(effects: &Effects) -> FetchRequest {
    FetchRequest::post(format!("{}/echo", effects.third_party()))
        .header("x-asked", "yes")
        .json(&Number { n: 1 })
}

#[inngest::api_fn(id = "calls-fetch", retries = 5)]
async fn fetches(step: Step, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let response = step.fetch("fetch", echo(&effects)).await?;
    step.run("after", effects.does("after")).await?;
    let kind = response.headers().get("x-kind").and_then(|kind| kind.to_str().ok());
    let body: Value = serde_json::from_str(response.body()).unwrap_or_default();
    Ok(json!({ "status": response.status().as_u16(), "kind": kind, "body": body }).to_string())
}

#[inngest::api_fn(id = "calls-fetch-first", retries = 5)]
async fn fetches_first(step: Step, effects: Effects) -> Result<String, StepError> {
    let response = step.fetch("fetch", echo(&effects)).await?;
    step.run("after", effects.does("after")).await?;
    Ok(response.status().as_u16().to_string())
}

/// A response with any status is a response.
#[inngest::api_fn(id = "calls-fetch-an-error", retries = 5)]
async fn fetches_an_error(step: Step, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let response =
        step.fetch("fetch", FetchRequest::get(format!("{}/teapot", effects.third_party()))).await?;
    Ok(format!("{}: {}", response.status().as_u16(), response.body()))
}

#[inngest::api_fn(id = "calls-fetch-beside", retries = 5)]
async fn fetches_beside(step: Step, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let (one, two, ()) = tokio::try_join!(
        step.fetch("one", echo(&effects)),
        step.fetch("two", echo(&effects)),
        step.run("work", effects.does("work")),
    )?;
    step.run("last", effects.does("last")).await?;
    Ok(format!("{} {}", one.status().as_u16(), two.status().as_u16()))
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

#[inngest::api_fn(id = "calls-infer", retries = 5)]
async fn infers(step: Step, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let body = json!({ "model": "none", "messages": [{ "role": "user", "content": "Hello" }] });
    let url = format!("{}/v1/chat/completions", effects.third_party());
    let completion =
        step.ai_infer::<Completion>("infer", Inference::openai_chat("sk-none", body).url(url)).await?;
    step.run("after", effects.does("after")).await?;
    Ok(completion.choices.into_iter().map(|choice| choice.message.content).collect())
}
