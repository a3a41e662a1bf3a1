//! What middlewares make of what is stored: nothing of the original leaves the process, and
//! everything comes back.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, post};
use inngest::{Event, Failure, Remember, SetupOpts, Step, StepError};
use serde_json::{Value, json};
use stephttp_dev::RunStatus;
use stephttp_tests::{Scramble, Stage, World};

use crate::options::assert_never_sent;

const PAUSE: Duration = Duration::from_secs(86_400);
const SECRET: &str = "a very secret text";

async fn scrambled(stage: &Stage, route: MethodRouter<Stage>) -> World {
    World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Scramble))
        .start(stage.app(route))
        .await
}

/// What the middleware makes of a JSON text.
fn scramble(json: &Value) -> Value {
    json!({ "scrambled": json.to_string().chars().rev().collect::<String>() })
}

#[inngest::api_fn(id = "stored-sync")]
async fn in_one_request(step: Step, body: String) -> Result<String, StepError> {
    let output = step.run("output", async { Ok::<_, Failure>(format!("{body}!")) }).await?;
    Ok(format!("{output}?"))
}

#[tokio::test]
async fn outputs_and_bodies_of_a_run_in_one_request_are_transformed() {
    let world = scrambled(&Stage::new(), post(in_one_request)).await;
    let response = world.post("/").body(SECRET).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), format!("{SECRET}!?"));
    let run = world.ended().await;
    assert_eq!(run.step("output").unwrap().value, Some(scramble(&json!(format!("{SECRET}!")))));
    assert_eq!(run.response.unwrap().body, "?!txet terces yrev a");
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Token(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for Token {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, StatusCode> {
        let token = parts.headers.get("x-token").and_then(|value| value.to_str().ok());
        token.map(|token| Self(token.to_owned())).ok_or(StatusCode::UNAUTHORIZED)
    }
}

#[inngest::api_fn(id = "stored-reentry")]
async fn over_a_sleep(
    State(stage): State<Stage>,
    Remember(token): Remember<Token>,
    step: Step,
    Json(body): Json<Value>,
) -> Result<Json<bool>, StepError> {
    let output = step.run("output", async { Ok::<_, Failure>(body.clone()) }).await?;
    let nothing = step.run("nothing", async { Ok::<_, Failure>(()) });
    let (failed, ()) =
        (step.run("failed", async { Err::<(), _>(Failure::non_retriable("plain")) }).await, nothing.await?);
    step.sleep("pause", PAUSE).await;
    stage.effects.happen(format!("{} {} {}", token.0, output["text"], body["text"]));
    Ok(Json(failed.is_err_and(|error| error.message() == "plain")))
}

#[tokio::test]
async fn a_reentry_gets_everything_back() {
    let stage = Stage::new();
    let world = scrambled(&stage, post(over_a_sleep)).await;
    let request = world.post("/").header("x-token", SECRET).json(&json!({ "text": SECRET }));
    let response = request.send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "true");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.all().last().unwrap(), &format!("{SECRET} \"{SECRET}\" \"{SECRET}\""));
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

#[inngest::api_fn(id = "stored-sends")]
async fn sends(step: Step) -> Result<&'static str, StepError> {
    step.send_event("tell", Event::new("app/told", json!({ "text": SECRET }))).await?;
    step.send_events("tell all", vec![Event::new("app/all", json!({ "text": SECRET }))]).await?;
    Ok("done")
}

#[tokio::test]
async fn events_are_sent_with_transformed_data() {
    let world = scrambled(&Stage::new(), post(sends)).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "done");
    world.ended().await;
    let events = world.inngest.events();
    let told: Vec<_> = events.iter().filter(|event| event.name.starts_with("app/")).collect();
    assert_eq!(told.iter().map(|event| &*event.name).collect::<Vec<_>>(), ["app/told", "app/all"]);
    for event in told {
        assert_eq!(event.data.clone(), scramble(&json!({ "text": SECRET })));
    }
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

#[inngest::api_fn(id = "stored-waits")]
async fn waits(step: Step) -> Result<String, StepError> {
    let event = step.wait_for_event::<Value>("event", "app/answer").await?;
    Ok(event.map(|event| event.data["text"].to_string()).unwrap_or_default())
}

#[inngest::api_fn(id = "stored-waits-in-vain")]
async fn waits_in_vain(step: Step) -> Result<String, StepError> {
    let nothing = step.wait_for_event::<Value>("nothing", "app/never").timeout(PAUSE).await?;
    Ok(nothing.is_none().to_string())
}

#[tokio::test]
async fn a_wait_that_times_out_has_nothing_to_restore() {
    let world = scrambled(&Stage::new(), post(waits_in_vain)).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "true");
    world.assert_clean();
}

#[tokio::test]
async fn events_that_are_waited_for_are_restored() {
    let world = scrambled(&Stage::new(), post(waits)).await;
    world.inngest.hold_time();
    let response = world.post("/").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "event").await;
    world.inngest.send_event("app/answer", scramble(&json!({ "text": "sent" })));
    assert_eq!(world.follow(response).await.text().await.unwrap(), "\"sent\"");
    world.assert_clean();
}

#[inngest::api_fn(id = "stored-invokes")]
async fn invokes(step: Step) -> Result<String, StepError> {
    let one = step.invoke::<Value>("one", "app-double").data(json!({ "text": SECRET }));
    let two = step.invoke::<Value>("two", "app-double").data(json!({ "text": "two" }));
    let (one, two) = tokio::try_join!(one, two)?;
    Ok(format!("{} {}", one["got"], two["got"]))
}

#[tokio::test]
async fn invocations_send_transformed_data_and_get_results_restored() {
    let stage = Stage::new();
    let effects = stage.effects.clone();
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Scramble))
        .inngest(|inngest| {
            inngest.function("app-double", move |data| {
                effects.happen(data.to_string());
                async move {
                    Ok::<_, String>(scramble(&json!({ "got": data["scrambled"].as_str().map(str::len) })))
                }
            })
        })
        .start(stage.app(post(invokes)))
        .await;
    let response = world.post("/").send().await.unwrap();
    let lengths = [SECRET, "two"].map(|text| json!({ "text": text }).to_string().len());
    assert_eq!(world.follow(response).await.text().await.unwrap(), format!("{} {}", lengths[0], lengths[1]));
    assert_eq!(stage.effects.count(&scramble(&json!({ "text": SECRET })).to_string()), 1);
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}
