//! `Step::configure` and `Step::omit_response_body`: what a handler says of itself while it runs.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use bytes::Bytes;
use inngest::function::Track;
use inngest::output::RunOutput;
use inngest::step::ConfigureError;
use inngest::{AsyncResponse, Failure, FnOpts, Step, StepError};
use serde_json::Value;
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Logs, Stage, World};

use crate::options::assert_never_sent;

const PAUSE: Duration = Duration::from_secs(86_400);
const SECRET: &str = "a very secret text";

async fn world(stage: &Stage, route: MethodRouter<Stage>) -> World {
    World::of(stage.app(route)).await
}

// ===== Options =====

const ALL: FnOpts = FnOpts::new("configured")
    .retries(5)
    .omit_request_body(true)
    .omit_response_body(true)
    .async_response(AsyncResponse::Token);

async fn configured(step: Step, body: Bytes) -> Result<String, StepError> {
    step.configure(ALL)?;
    step.sleep("pause", PAUSE).await;
    Ok(format!("{} {SECRET}", body.len()))
}

#[tokio::test]
async fn all_options_hold_in_the_first_request_and_in_reentries() {
    let world = world(&Stage::new(), post(configured)).await;
    let response = world.post("/").body(SECRET).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    let run = world.ended().await;
    assert_eq!((run.id.as_str(), run.function.as_str()), (answer["run_id"].as_str().unwrap(), "configured"));
    assert_eq!((run.status, run.response.unwrap().body.as_str()), (RunStatus::Completed, ""));
    assert_eq!(world.inngest.calls_of(Call::NewRun)[0].json()["retries"], 5);
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

async fn tracked(step: Step) -> Result<&'static str, ConfigureError> {
    step.configure(FnOpts::new("configured-track").track(Track::Always))?;
    Ok("done")
}

async fn in_sync(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    step.configure(FnOpts::new("configured-sync").sync_only(true))?;
    let fail = async { Err::<(), _>(Failure::new(stage.effects.happen("tried").to_string())) };
    Ok(step.run("fails", fail).await.unwrap_err().message().to_owned())
}

#[tokio::test]
async fn tracking_and_staying_are_said_so_too() {
    for (route, text) in [(post(tracked), "done"), (post(in_sync), "1")] {
        let world = world(&Stage::new(), route).await;
        assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), text);
        let run = world.ended().await;
        assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, text));
        world.assert_clean();
    }
}

async fn accepted(parts: Parts, output: RunOutput) -> Response {
    let secret = parts.headers["authorization"].to_str().unwrap().to_owned();
    (StatusCode::ACCEPTED, format!("{secret} {}", output.run_id())).into_response()
}

const OWN: AsyncResponse = AsyncResponse::Custom(|parts, output| Box::pin(accepted(parts, output)));

async fn customized(step: Step, parts: Parts) -> Result<&'static str, StepError> {
    step.configure_with_parts(FnOpts::new("configured-custom").async_response(OWN), parts)?;
    step.sleep("pause", PAUSE).await;
    Ok("done")
}

#[tokio::test]
async fn a_response_of_ones_own_is_given_the_requests_parts() {
    let world = world(&Stage::new(), post(customized)).await;
    let response = world.post("/").header("authorization", "b").send().await.unwrap();
    assert_eq!(response.status(), 202);
    let run = world.ended().await;
    assert_eq!(response.text().await.unwrap(), format!("b {}", run.id));
    assert_eq!(run.response.unwrap().body, "done");
    world.assert_clean();
}

// ===== Misuse =====

async fn late(step: Step) -> Result<&'static str, StepError> {
    step.run("one", async { Ok::<_, Failure>(()) }).await?;
    step.configure(FnOpts::new("configured-late"))?;
    Ok("done")
}

async fn twice(step: Step) -> Result<&'static str, ConfigureError> {
    step.configure(FnOpts::new("configured-twice").track(Track::Always))?;
    step.configure(FnOpts::new("configured-thrice"))?;
    Ok("done")
}

#[inngest::api_fn(id = "configured-annotated")]
async fn annotated(step: Step) -> Result<&'static str, ConfigureError> {
    step.configure(FnOpts::new("configured-again"))?;
    Ok("done")
}

async fn taken(step: Step) -> Result<&'static str, ConfigureError> {
    step.configure(FnOpts::new("configured-annotated"))?;
    Ok("done")
}

async fn too_often(step: Step) -> Result<&'static str, ConfigureError> {
    step.configure(FnOpts::new("configured-retries").retries(21))?;
    Ok("done")
}

async fn without_parts(step: Step) -> Result<&'static str, ConfigureError> {
    step.configure(FnOpts::new("configured-parts").async_response(OWN))?;
    Ok("done")
}

#[tokio::test]
async fn options_that_have_no_effect_are_an_error_that_says_why() {
    let logs = Logs::collect();
    for (route, id, words) in [
        (post(late), "configured-late", "before the first"),
        (post(twice), "configured-thrice", "an earlier call"),
        (post(annotated), "configured-again", "by the attribute"),
        (post(taken), "configured-annotated", "::annotated"),
        (post(too_often), "configured-retries", "20 at most"),
        (post(without_parts), "configured-parts", "`configure_with_parts`"),
    ] {
        let world = world(&Stage::new(), route).await;
        assert_eq!(world.post("/").send().await.unwrap().status(), 500, "{id}");
        logs.assert_line_with(&["ERROR", "no effect", id, words]);
        world.delivered().await;
        assert!(world.inngest.runs().iter().all(|run| run.function != id), "{id}");
    }
}

#[tokio::test]
async fn a_unit_test_finds_misuse_too() {
    assert_eq!(configured(Step::detached(), Bytes::new()).await.unwrap(), format!("0 {SECRET}"));
    let error = late(Step::detached()).await.unwrap_err();
    assert_eq!(error.name(), "ConfigureError");
    assert!(error.message().contains("before the first"), "{error}");
}

// ===== Responses =====

/// Keeps its errors, and omits what went well.
#[inngest::api_fn(id = "omits-success")]
async fn omits_success(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("one", async { Ok(()) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    if stage.effects.count("fail") > 0 {
        return Ok((StatusCode::BAD_REQUEST, "what went wrong").into_response());
    }
    step.omit_response_body(true);
    Ok(([("content-encoding", "secret")], SECRET).into_response())
}

#[tokio::test]
async fn a_handler_keeps_its_errors_and_omits_what_went_well() {
    for (happens, body) in [(vec![], ""), (vec!["fail"], "what went wrong")] {
        for hand_over in [None, Some("hand over")] {
            let stage = Stage::new();
            for effect in happens.iter().copied().chain(hand_over) {
                stage.effects.happen(effect);
            }
            let world = world(&stage, post(omits_success)).await;
            let response = world.post("/").send().await.unwrap();
            if hand_over.is_some() {
                assert_eq!(world.follow(response).await.text().await.unwrap(), body);
            } else if body.is_empty() {
                assert_eq!(response.text().await.unwrap(), SECRET);
            }
            let stored = world.ended().await.response.unwrap();
            assert_eq!(stored.body, body);
            assert!(!stored.headers.iter().any(|(name, _)| name == "content-encoding"));
            assert_never_sent(&world, SECRET);
            world.assert_clean();
        }
    }
}

/// Streams two parts. Between them it decides, as the test says.
#[inngest::api_fn(id = "omits-midway")]
async fn streams(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("one", async { Ok(()) }).await?;
    let says = |effect| stage.effects.count(effect) > 0;
    step.omit_response_body(says("omit first"));
    let (omit_then, keep_then) = (says("omit then"), says("keep then"));
    let parts = futures_util::stream::unfold(0, move |turn| {
        if turn == 1 && (omit_then || keep_then) {
            step.omit_response_body(omit_then);
        }
        let part = ["a very ", "secret text"].get(turn).copied();
        std::future::ready(part.map(|part| (Ok::<_, StepError>(part), turn + 1)))
    });
    Ok(Response::new(Body::from_stream(parts)))
}

#[tokio::test]
async fn a_stream_decides_until_it_ends() {
    for (says, stored) in [
        (vec![], SECRET),
        (vec!["omit then"], ""),
        // What has passed was not kept.
        (vec!["omit first", "keep then"], ""),
        (vec!["omit first"], ""),
    ] {
        let stage = Stage::new();
        for effect in &says {
            stage.effects.happen(*effect);
        }
        let world = world(&stage, post(streams)).await;
        assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), SECRET);
        assert_eq!(world.ended().await.output, stored, "{says:?}");
        if stored.is_empty() {
            assert_never_sent(&world, "a very ");
            assert_never_sent(&world, "secret text");
        }
        world.assert_clean();
    }
}
