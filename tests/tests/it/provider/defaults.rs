//! What holds for functions that say nothing of it: `SetupOpts::async_response` and
//! `max_request_time`.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{MethodRouter, post};
use inngest::output::RunOutput;
use inngest::{AsyncResponse, SetupOpts, Step, StepError};
use serde_json::Value;
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

async fn world(
    stage: &Stage,
    route: MethodRouter<Stage>,
    opts: impl FnOnce(SetupOpts) -> SetupOpts + Send + 'static,
) -> World {
    World::builder().opts(|own, url| opts(own.dev_server(url))).start(stage.app(route)).await
}

/// Without the attribute.
async fn sleeps(step: Step, body: String) -> String {
    step.sleep("pause", PAUSE).await;
    body
}

#[inngest::api_fn(id = "defaults-redirects", async_response = redirect)]
async fn redirects(step: Step, body: String) -> String {
    step.sleep("pause", PAUSE).await;
    body
}

// ===== `async_response` =====

#[tokio::test]
async fn the_default_holds_where_a_function_says_nothing() {
    for (route, status) in [(post(sleeps), 200), (post(redirects), 303)] {
        let opts = |opts: SetupOpts| opts.async_response(AsyncResponse::Token);
        let world = world(&Stage::new(), route, opts).await;
        let response = world.post("/").body("hi").send().await.unwrap();
        assert_eq!(response.status(), status);
        if status == 200 {
            let answer: Value = response.json().await.unwrap();
            assert_eq!(answer["run_id"], world.inngest.wait_for_run().await.id);
        }
        assert_eq!(world.ended().await.response.unwrap().body, "hi");
        world.assert_clean();
    }
}

async fn accepted(parts: Parts, output: RunOutput) -> (StatusCode, String) {
    let secret = parts.headers["authorization"].to_str().unwrap();
    (StatusCode::ACCEPTED, format!("{} {secret} {}", parts.uri, output.run_id()))
}

fn own_response(opts: SetupOpts) -> SetupOpts {
    opts.async_response(AsyncResponse::Custom(|parts, output| {
        Box::pin(async { axum::response::IntoResponse::into_response(accepted(parts, output).await) })
    }))
}

#[tokio::test]
async fn a_default_response_of_ones_own_sees_the_request() {
    let world = world(&Stage::new(), post(sleeps), own_response).await;
    let response = world.post("/?a=1").header("authorization", "b").send().await.unwrap();
    assert_eq!(response.status(), 202);
    let run = world.ended().await;
    assert_eq!(response.text().await.unwrap(), format!("/?a=1 b {}", run.id));
    world.assert_clean();
}

#[tokio::test]
async fn a_client_that_would_rather_not_wait_is_told_where_the_output_will_be() {
    for prefer in [None, Some("wait=5"), Some("wait=5, respond-async")] {
        let opts = |opts: SetupOpts| opts.async_response(AsyncResponse::Negotiate);
        let world = world(&Stage::new(), post(sleeps), opts).await;
        let request = world.post("/").body("hi");
        let request = prefer.into_iter().fold(request, |request, prefer| request.header("prefer", prefer));
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        assert_eq!(
            (&headers["vary"], &headers["cache-control"]),
            (&"prefer".parse().unwrap(), &"no-store".parse().unwrap())
        );
        let location = headers["location"].to_str().unwrap();
        if prefer.is_some_and(|prefer| prefer.contains("respond-async")) {
            assert_eq!(response.status(), 202);
            assert_eq!(headers["preference-applied"], "respond-async");
            let answer: Value = response.json().await.unwrap();
            assert!(location.contains(answer["run_id"].as_str().unwrap()));
            assert!(location.ends_with(answer["token"].as_str().unwrap()));
        } else {
            assert_eq!(response.status(), 303);
            assert!(!headers.contains_key("preference-applied"));
        }
        assert_eq!(reqwest::get(location).await.unwrap().text().await.unwrap(), "hi");
        world.ended().await;
        world.assert_clean();
    }
}

// ===== `max_request_time` =====

/// Without the attribute.
async fn steps(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok::<_, StepError>(stage.effects.happen("one")) }).await?;
    Ok(one.to_string())
}

/// Reads nothing that a re-entry lacks, and has nothing that ever hands it over.
#[inngest::api_fn(id = "defaults-once", retries = 0)]
async fn once(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    Ok(one.to_string())
}

#[inngest::api_fn(id = "defaults-sync-only", sync_only)]
async fn sync_only(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    Ok(one.to_string())
}

#[inngest::api_fn(id = "defaults-waits", retries = 0)]
async fn waits(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok(one.to_string())
}

#[inngest::api_fn(id = "defaults-has-time", max_request_time = "1h")]
async fn has_time(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    Ok(one.to_string())
}

#[tokio::test]
async fn a_default_time_holds_for_functions_that_may_be_called_back() {
    for (route, hands_over) in [
        (post(steps), true),
        (post(waits), true),
        (post(once), false),
        (post(sync_only), false),
        (post(has_time), false),
    ] {
        let stage = Stage::new();
        let world = world(&stage, route, |opts| opts.max_request_time(Duration::ZERO)).await;
        let response = world.post("/").send().await.unwrap();
        let text = if hands_over {
            let text = world.follow(response).await.text().await.unwrap();
            let told = world.inngest.calls_of(Call::NewRun)[0].json()["steps"].clone();
            assert_eq!(
                (&told[0]["name"], &told[1]["op"]),
                (&"stephttp:start".into(), &"DiscoveryRequest".into())
            );
            text
        } else {
            assert_eq!(response.status(), 200);
            response.text().await.unwrap()
        };
        assert_eq!(text, "1");
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        assert_eq!(stage.effects.count("one"), 1);
        world.assert_clean();
    }
}
