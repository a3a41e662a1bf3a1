//! `Remember`: what a re-entry does not carry.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use inngest::extract::RememberRejection;
use inngest::{Remember, Step, StepError};
use serde::{Deserialize, Serialize};
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Logs, Stage, World, serve};

const PAUSE: Duration = Duration::from_secs(86_400);

/// The user that a header names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AuthUser {
    name: String,
}

impl<S: Sync> FromRequestParts<S> for AuthUser {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let header = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
        let name = header.ok_or((StatusCode::UNAUTHORIZED, "who are you?"))?;
        Ok(Self { name: name.to_owned() })
    }
}

#[inngest::api_fn(id = "remember-user")]
async fn greet(
    State(stage): State<Stage>,
    Remember(user): Remember<AuthUser>,
    step: Step,
) -> Result<String, StepError> {
    stage.effects.happen("entered");
    let first = step.run("first", async { Ok(user.clone()) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    Ok(format!("{} is {}", first.name, user.name))
}

#[tokio::test]
async fn a_value_that_was_read_from_a_header_survives_a_sleep() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    let world = World::of(stage.app(get(greet))).await;
    let response = world.get("/").header("authorization", "Ada").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "Ada is Ada");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert!(!world.inngest.dispatches()[0].headers.contains_key("authorization"));
    assert_eq!(stage.effects.count("entered"), 2);
    world.assert_clean();
}

#[tokio::test]
async fn nothing_is_stored_when_the_run_finishes_in_one_request() {
    let world = World::of(Stage::new().app(get(greet))).await;
    let response = world.get("/").header("authorization", "Ada").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "Ada is Ada");
    let run = world.ended().await;
    let steps: Vec<&str> = run.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["first"]);
    let calls = world.inngest.calls();
    assert!(!calls.iter().any(|call| String::from_utf8_lossy(&call.body).contains("stephttp:")));
    world.assert_clean();
}

#[tokio::test]
async fn a_rejected_first_request_gets_the_extractors_own_answer_and_is_no_run() {
    let stage = Stage::new();
    let world = World::of(stage.app(get(greet))).await;
    let response = world.get("/").send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.text().await.unwrap(), "who are you?");
    world.delivered().await;
    assert!(world.inngest.calls().is_empty());
    assert_eq!(stage.effects.count("entered"), 0);
}

/// The next of the words that the request has in headers.
#[derive(Debug, Serialize, Deserialize)]
struct Word(String);

impl<S: Sync> FromRequestParts<S> for Word {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let word = ["x-first", "x-second"].iter().find_map(|name| parts.headers.remove(*name));
        let word = word.ok_or(StatusCode::BAD_REQUEST)?;
        Ok(Self(word.to_str().unwrap().to_owned()))
    }
}

#[inngest::api_fn(id = "remember-words")]
async fn words(
    Remember(Word(first)): Remember<Word>,
    Remember(user): Remember<AuthUser>,
    Remember(Word(second)): Remember<Word>,
    step: Step,
) -> String {
    step.sleep("one", PAUSE).await;
    step.sleep("two", PAUSE).await;
    format!("{first} {second}, {}", user.name)
}

#[tokio::test]
async fn values_of_one_type_are_told_apart_by_their_order_in_every_reentry() {
    let world = World::of(Router::new().route("/", get(words))).await;
    let response = world
        .get("/")
        .header("x-second", "world")
        .header("x-first", "hello")
        .header("authorization", "Ada")
        .send()
        .await
        .unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "hello world, Ada");
    let run = world.ended().await;
    assert_eq!(world.inngest.dispatches().len(), 2);
    let hidden = run.steps.iter().filter(|step| step.id.starts_with("stephttp:")).count();
    assert_eq!(hidden, 1, "all values are in one step: {:?}", run.steps);
    world.assert_clean();
}

#[inngest::api_fn(id = "remember-forgot")]
async fn forgot(State(stage): State<Stage>, #[not_replayed] user: AuthUser, step: Step) -> String {
    stage.effects.happen("entered");
    step.sleep("pause", PAUSE).await;
    user.name
}

#[tokio::test]
async fn an_extractor_that_should_have_been_remembered_is_named_in_the_log() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(get(forgot))).await;
    let response = world.get("/").header("authorization", "Ada").send().await.unwrap();
    let output = world.follow(response).await;
    // What an extractor says of Inngest's call is not the run's result.
    assert_eq!(output.status(), 500);
    let text = output.text().await.unwrap();
    assert!(text.contains("401") && text.contains("`Remember`"), "{text}");

    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(stage.effects.count("entered"), 1);
    logs.assert_line_with(&[&run.id, "`Remember`", "in the handler's place", "401"]);
    world.assert_rejected();
}

#[tokio::test]
async fn a_remembered_value_that_is_gone_is_an_error_that_the_log_explains() {
    let logs = Logs::collect();
    let stage = Stage::new();
    stage.effects.happen("hand over");
    let world = World::of(stage.app(get(greet))).await;
    // What a run has that began before the handler asked for the value.
    let memo = InjectedFault::on(Call::Actions)
        .first(9)
        .body(r#"{"40fa37ec00c761c7dbb6ebdee6d4a260b922f5f4":null}"#);
    world.inngest.inject(memo);
    let response = world.get("/").header("authorization", "Ada").send().await.unwrap();
    let output = world.follow(response).await;
    assert_eq!(output.status(), 500);
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(stage.effects.count("entered"), 1);
    logs.assert_line_with(&[&run.id, "AuthUser", "cannot be restored"]);
    world.assert_rejected();
}

/// JSON has no such keys.
#[derive(Debug, Serialize, Deserialize)]
struct Unstorable(std::collections::HashMap<(u8, u8), u8>);

impl<S: Sync> FromRequestParts<S> for Unstorable {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self([((1, 2), 3)].into()))
    }
}

#[inngest::api_fn(id = "remember-unstorable")]
async fn unstorable(State(stage): State<Stage>, _map: Remember<Unstorable>, _step: Step) {
    stage.effects.happen("entered");
}

#[tokio::test]
async fn a_value_that_cannot_be_stored_is_an_error_at_once() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(get(unstorable))).await;
    assert_eq!(world.get("/").send().await.unwrap().status(), 500);
    assert_eq!(stage.effects.count("entered"), 0);
    logs.assert_line_with(&["Unstorable", "cannot be stored"]);
    world.delivered().await;
    assert!(world.inngest.calls().is_empty());
}

#[tokio::test]
async fn a_handler_can_answer_a_rejection_in_its_own_way() {
    type Refused<R> = RememberRejection<R>;
    async fn own(
        user: Result<Remember<AuthUser>, Refused<(StatusCode, &'static str)>>,
    ) -> Result<(), String> {
        let rejection = user.unwrap_err();
        assert!(matches!(rejection, RememberRejection::Extract((StatusCode::UNAUTHORIZED, _))));
        assert_eq!((rejection.status(), rejection.body_text()), (None, None));
        Err("no user".to_owned())
    }
    async fn ours(
        map: Result<Remember<Unstorable>, Refused<Infallible>>,
    ) -> Result<(), (StatusCode, String)> {
        let rejection = map.unwrap_err();
        let (status, text) = (rejection.status().unwrap(), rejection.body_text().unwrap());
        let error: Box<dyn Error> = rejection.into();
        Err((status, format!("{text}: {error}")))
    }
    let world = World::of(Router::new().route("/own", get(own)).route("/ours", get(ours))).await;
    assert_eq!(world.get("/own").send().await.unwrap().text().await.unwrap(), "no user");

    let response = world.get("/ours").send().await.unwrap();
    assert_eq!(response.status(), 500);
    let text = response.text().await.unwrap();
    assert!(text.starts_with("a remembered value was lost: Remember<"), "{text}");
    assert!(text.contains("Unstorable>: it cannot be written as JSON"), "{text}");
}

#[tokio::test]
async fn without_the_layer_it_just_extracts() {
    async fn plain(Remember(user): Remember<AuthUser>) -> String {
        user.name
    }
    let (origin, _server) = serve(Router::new().route("/", get(plain))).await;
    let client = reqwest::Client::new();
    let response = client.get(&origin).header("authorization", "Ada").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "Ada");
    assert_eq!(client.get(&origin).send().await.unwrap().status(), 401);
}
