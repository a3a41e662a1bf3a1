//! `async_response`: what a client gets when its run is handed over.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use inngest::output::RunOutput;
use inngest::{Step, StepError};
use serde_json::Value;
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Logs, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

/// Defines a handler with this option, which sleeps, and then answers with what it was asked.
macro_rules! sleeps {
    ($name:ident, $id:literal, $($response:tt)+) => {
        #[inngest::api_fn(id = $id, async_response = $($response)+)]
        async fn $name(State(stage): State<Stage>, step: Step, body: String) -> Result<String, StepError> {
            step.run("before", async { Ok(stage.effects.happen("before")) }).await?;
            step.sleep("pause", PAUSE).await;
            Ok(body)
        }
    };
}

async fn world(stage: &Stage, route: MethodRouter<Stage>) -> World {
    World::of(stage.app(route)).await
}

/// The run has come to its end at Inngest.
async fn assert_completed(world: &World, stage: &Stage) {
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.count("before"), 1);
    world.assert_clean();
}

/// The client gets a 500, the log says why, and the run does not go on.
async fn assert_given_up(world: &World, words: &[&str]) {
    let logs = Logs::collect();
    // The pause is not over before the run is given up.
    world.inngest.hold_time();
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(!response.headers().contains_key("location"));
    assert!(response.json::<Value>().await.unwrap()["error"].as_str().unwrap().contains("log"));
    let run = world.ended().await;
    assert_eq!((run.status, run.response.unwrap().status), (RunStatus::Failed, 500));
    logs.assert_line_with(&[&["ERROR", &run.id, "`async_response`"], words].concat());
    assert!(world.inngest.dispatches().is_empty());
    world.assert_clean();
}

// ===== Redirects =====

sleeps!(redirects, "async-redirect", redirect);

#[tokio::test]
async fn a_redirect_leads_to_the_output() {
    let stage = Stage::new();
    let world = world(&stage, post(redirects)).await;
    let response = world.post("/").body("hi").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "hi");
    assert_completed(&world, &stage).await;
}

fn own_page(output: &RunOutput) -> String {
    format!("/runs/{}?token={}", output.run_id(), output.token())
}

sleeps!(redirects_to, "async-redirect-to", redirect(own_page));

#[tokio::test]
async fn a_redirect_to_a_place_of_ones_own_knows_the_run_and_its_token() {
    let stage = Stage::new();
    let world = world(&stage, post(redirects_to)).await;
    let response = world.post("/").body("hi").send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["cache-control"]),
        (StatusCode::SEE_OTHER, &"no-store".parse().unwrap())
    );
    let location = response.headers()["location"].to_str().unwrap();
    let (run_id, token) = location.strip_prefix("/runs/").unwrap().split_once("?token=").unwrap();
    let output = format!("{}/v1/http/runs/{run_id}/output?token={token}", world.inngest.url());
    assert_eq!(reqwest::get(output).await.unwrap().text().await.unwrap(), "hi");
    assert_completed(&world, &stage).await;
}

fn two_headers(_: &RunOutput) -> &'static str {
    "/a\r\nb: c"
}

fn half_a_url(_: &RunOutput) -> &'static str {
    "https://["
}

fn no_page(_: &RunOutput) -> String {
    panic!("as the test wants it")
}

sleeps!(redirects_nowhere, "async-redirect-nowhere", redirect(two_headers));
sleeps!(redirects_to_garbage, "async-redirect-garbage", redirect(half_a_url));
sleeps!(redirects_with_panic, "async-redirect-panic", redirect(no_page));

#[tokio::test]
async fn a_place_that_is_none_is_a_500_with_a_reason() {
    for (route, words) in [
        (post(redirects_nowhere), ["async-redirect-nowhere", r"holds '\r'"]),
        (post(redirects_to_garbage), ["async-redirect-garbage", "no URL"]),
        (post(redirects_with_panic), ["async-redirect-panic", "it panicked"]),
    ] {
        assert_given_up(&world(&Stage::new(), route).await, &words).await;
    }
}

// ===== Tokens =====

sleeps!(gives_token, "async-token", token);

#[tokio::test]
async fn a_token_is_given_as_json() {
    let stage = Stage::new();
    let world = world(&stage, post(gives_token)).await;
    let response = world.post("/").body("hi").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer: Value = response.json().await.unwrap();
    // As Go's has it (docs/protocol.md 11), and where the output is.
    let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["run_id", "token", "url"]);
    let (run_id, token) = (answer["run_id"].as_str().unwrap(), answer["token"].as_str().unwrap());
    assert_eq!(world.inngest.wait_for_run().await.id, run_id);
    let output = format!("{}/v1/http/runs/{run_id}/output?token={token}", world.inngest.url());
    assert_eq!(answer["url"], output);
    assert_eq!(reqwest::get(output).await.unwrap().text().await.unwrap(), "hi");
    assert_completed(&world, &stage).await;
}

// ===== The application's own =====

#[derive(Clone)]
struct User(&'static str);

/// Answers in its own way, when the run is at Inngest.
async fn accepted(parts: Parts, output: RunOutput) -> (StatusCode, HeaderMap, String) {
    let User(user) = parts.extensions.get().unwrap();
    tokio::task::yield_now().await;
    let mut headers = HeaderMap::new();
    headers.insert("x-run", output.run_id().to_string().parse().unwrap());
    headers.insert("x-output", output.url().parse().unwrap());
    let secret = parts.headers["authorization"].to_str().unwrap();
    let text = format!("{} {} {secret} {user}", parts.method, parts.uri);
    (StatusCode::ACCEPTED, headers, text)
}

sleeps!(customized, "async-custom", custom(accepted));

#[tokio::test]
async fn a_response_of_ones_own_sees_the_request_as_the_handler_saw_it() {
    let stage = Stage::new();
    let user = async |mut request: Request, next: Next| -> Response {
        request.extensions_mut().insert(User("Ada"));
        next.run(request).await
    };
    let world = world(&stage, post(customized).layer(middleware::from_fn(user))).await;
    let request = world.post("/?a=1").header("authorization", "Bearer b").body("hi");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 202);
    let output = response.headers()["x-output"].to_str().unwrap().to_owned();
    assert!(output.contains(response.headers()["x-run"].to_str().unwrap()));
    assert_eq!(response.text().await.unwrap(), "POST /?a=1 Bearer b Ada");
    assert_eq!(reqwest::get(output).await.unwrap().text().await.unwrap(), "hi");
    assert_completed(&world, &stage).await;
}

async fn panics_first(_: Parts, _: RunOutput) -> String {
    tokio::task::yield_now().await;
    panic!("as the test wants it")
}

/// Before there is anything to wait for.
fn panics_early(_: Parts, _: RunOutput) -> std::future::Ready<String> {
    panic!("as the test wants it")
}

sleeps!(customized_badly, "async-custom-panic", custom(panics_first));
sleeps!(customized_worse, "async-custom-panic-early", custom(panics_early));

#[tokio::test]
async fn a_response_of_ones_own_that_panics_is_a_500_with_a_reason() {
    let words = ["async-custom-panic", "it panicked"];
    assert_given_up(&world(&Stage::new(), post(customized_badly)).await, &words).await;
    let words = ["async-custom-panic-early", "it panicked"];
    assert_given_up(&world(&Stage::new(), post(customized_worse)).await, &words).await;
}

/// Its own response is an error, which is no business of the run's.
async fn teapot(_: Parts, _: RunOutput) -> Response {
    StatusCode::IM_A_TEAPOT.into_response()
}

sleeps!(customized_as_error, "async-custom-error", custom(teapot));

#[tokio::test]
async fn a_response_of_ones_own_may_be_an_error_and_the_run_goes_on() {
    let stage = Stage::new();
    let world = world(&stage, post(customized_as_error)).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 418);
    assert_completed(&world, &stage).await;
}

/// A request's parts that hold its run do not keep it alive for ever.
#[tokio::test]
async fn a_step_that_a_middleware_leaves_in_the_request_is_let_go_of() {
    /// Says when it is dropped.
    #[derive(Clone)]
    struct Dropped(#[expect(dead_code)] tokio::sync::mpsc::Sender<()>);

    let (sender, mut all_dropped) = tokio::sync::mpsc::channel(1);
    let leave =
        async move |Extension(dropped): Extension<Dropped>, step: Step, mut request: Request, next: Next| {
            request.extensions_mut().insert(step);
            request.extensions_mut().insert(dropped);
            next.run(request).await
        };
    let stage = Stage::new();
    let route: MethodRouter<Stage> = post(customized_as_error).layer(middleware::from_fn(leave));
    let route = route.layer(Extension(Dropped(sender)));
    let world = world(&stage, route).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 418);
    assert_completed(&world, &stage).await;
    drop(world);
    assert_eq!(all_dropped.recv().await, None);
}

// ===== A run that cannot be handed over =====

fn never(_: &RunOutput) -> String {
    panic!("called for a run that is not at Inngest")
}

async fn never_either(_: Parts, _: RunOutput) -> String {
    panic!("called for a run that is not at Inngest")
}

sleeps!(never_redirects, "async-never-redirects", redirect(never));
sleeps!(never_customized, "async-never-customized", custom(never_either));

#[tokio::test]
async fn without_inngest_or_its_token_the_client_is_told_to_try_again() {
    for route in [|| post(gives_token), || post(never_redirects), || post(never_customized)] {
        for fault in [
            InjectedFault::on(Call::NewRun).respond(400).every(),
            InjectedFault::on(Call::NewRun)
                .respond(200)
                .body(r#"{"data":{"fn_id":"98819a18-31a9-54ed-84ac-c194c2ef94d6","app_id":"bec6ee9c-d9e0-5d93-8399-cbfce8bc4104","run_id":"r"}}"#)
                .every(),
        ] {
            let world = world(&Stage::new(), route()).await;
            world.inngest.inject(fault);
            let response = world.post("/").send().await.unwrap();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "5");
            assert!(!response.headers().contains_key("location"));
            assert!(response.json::<Value>().await.unwrap()["error"].is_string());
        }
    }
}
