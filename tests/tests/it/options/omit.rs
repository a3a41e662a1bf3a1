//! `omit_request_body` and `omit_response_body`: what Inngest never sees.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use inngest::wire::limits::{REENTRY_ANSWER_BYTES, REQUEST_BODY_BYTES};
use inngest::{Step, StepError};
use stephttp_dev::RunStatus;
use stephttp_tests::{RawClient, Stage, World};

use super::assert_never_sent;

const PAUSE: Duration = Duration::from_secs(86_400);

const SECRET: &str = "a very secret text";

/// A stage on which the handler hands its run over.
fn handing_over() -> Stage {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    stage
}

async fn perhaps_hand_over(stage: &Stage, step: &Step) {
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
}

// ===== Requests =====

/// Answers with how long its request's body is.
#[inngest::api_fn(id = "omit-request", omit_request_body)]
async fn keeps_its_request(
    State(stage): State<Stage>,
    step: Step,
    #[not_replayed] body: Bytes,
) -> Result<String, StepError> {
    step.run("one", async { Ok(stage.effects.happen(format!("{} bytes", body.len()))) }).await?;
    perhaps_hand_over(&stage, &step).await;
    Ok(body.len().to_string())
}

#[tokio::test]
async fn an_omitted_request_body_is_not_sent_with_a_run_that_ends_in_its_first_request() {
    let world = World::of(Stage::new().app(post(keeps_its_request))).await;
    let response = world.post("/").body(SECRET).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), SECRET.len().to_string());
    let run = world.ended().await;
    assert_eq!((run.status, run.event["data"]["body"].as_str()), (RunStatus::Completed, Some("")));
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

#[tokio::test]
async fn a_run_with_an_omitted_request_body_is_handed_over_with_an_empty_one() {
    let stage = handing_over();
    let world = World::of(stage.app(post(keeps_its_request))).await;
    let request = world.post("/").header("content-type", "text/x-secret").body(SECRET);
    let response = request.send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "0");
    let run = world.ended().await;
    assert_eq!(run.event["data"]["content_type"], "text/x-secret");
    assert_eq!(stage.effects.count(&format!("{} bytes", SECRET.len())), 1);
    assert!(world.inngest.dispatches()[0].body.is_empty());
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

#[tokio::test]
async fn an_omitted_request_body_may_be_longer_than_inngest_keeps() {
    let app = handing_over().app(post(keeps_its_request).layer(axum::extract::DefaultBodyLimit::disable()));
    let world = World::of(app).await;
    let response = world.post("/").body("x".repeat(REQUEST_BODY_BYTES + 1)).send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "0");
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "omit-unread-request", omit_request_body)]
async fn reads_no_request(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

#[tokio::test]
async fn a_run_is_handed_over_before_the_rest_of_its_omitted_request_has_come() {
    let world = World::of(Stage::new().app(post(reads_no_request))).await;
    let mut client = RawClient::begin(&world, "/", &[("content-length", "1000")]).await;
    client.send(SECRET).await;
    // The rest is never sent.
    assert!(client.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 303"));
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

/// Reads its request after its first step, and waits then.
#[inngest::api_fn(id = "omit-streamed-request", omit_request_body)]
async fn streams_its_request(
    State(stage): State<Stage>,
    step: Step,
    #[not_replayed] body: Body,
) -> Result<String, StepError> {
    step.run("one", async { Ok(()) }).await?;
    stage.door.pass().await;
    let body = axum::body::to_bytes(body, 1_000).await.unwrap();
    step.sleep("pause", PAUSE).await;
    Ok(body.len().to_string())
}

#[tokio::test]
async fn an_omitted_request_body_that_is_read_late_is_not_sent_either() {
    let stage = Stage::new();
    let builder = World::builder().opts(|opts, url| opts.dev_server(url).linger(Duration::ZERO));
    let world = builder.start(stage.app(post(streams_its_request))).await;
    let request = tokio::spawn(world.post("/").body(SECRET).send());
    // The first step is told of while nobody has read the body.
    world.inngest.wait_for_run().await;
    stage.door.open();
    let response = request.await.unwrap().unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "0");
    world.ended().await;
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

// ===== Responses =====

/// Answers with what looks compressed.
#[inngest::api_fn(id = "omit-response", omit_response_body)]
async fn keeps_its_response(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("one", async { Ok(()) }).await?;
    perhaps_hand_over(&stage, &step).await;
    let headers = [
        ("content-type", "text/x-secret"),
        (CONTENT_ENCODING.as_str(), "br"),
        ("content-digest", "sha-256=:AAAA:"),
        ("x-kind", "cake"),
    ];
    Ok((StatusCode::CREATED, headers, SECRET).into_response())
}

/// Status and headers are the handler's, without what is only true of its body.
#[track_caller]
fn assert_head_alone(status: u16, headers: &HeaderMap) {
    assert_eq!((status, headers["content-type"].as_bytes()), (201, &b"text/x-secret"[..]));
    assert_eq!(headers["x-kind"], "cake");
    assert!(
        !headers.contains_key("content-encoding") && !headers.contains_key("content-digest"),
        "{headers:?}"
    );
}

#[tokio::test]
async fn an_omitted_response_body_reaches_the_client_and_not_inngest() {
    let world = World::of(Stage::new().app(get(keeps_its_response))).await;
    let response = world.get("/").send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-encoding"], "br");
    assert_eq!(response.headers()["content-length"], SECRET.len().to_string());
    assert_eq!(response.text().await.unwrap(), SECRET);
    let run = world.ended().await;
    let stored = run.response.unwrap();
    let headers = stored.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    assert_head_alone(stored.status, &headers.collect());
    assert_eq!((run.status, stored.body.as_str()), (RunStatus::Completed, ""));
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

#[tokio::test]
async fn an_omitted_response_body_of_a_reentry_leaves_the_output_with_its_head() {
    let world = World::of(handing_over().app(get(keeps_its_response))).await;
    let response = world.get("/").send().await.unwrap();
    let output = world.follow(response).await;
    assert_head_alone(output.status().as_u16(), output.headers());
    assert_eq!(output.headers()["content-length"], "0");
    assert_eq!(output.text().await.unwrap(), "");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

#[inngest::api_fn(id = "omit-failure", omit_response_body)]
async fn fails(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("one", async { Ok(()) }).await?;
    perhaps_hand_over(&stage, &step).await;
    // Neither text, nor as short as what Inngest keeps.
    let body = [SECRET.as_bytes().to_vec(), vec![0xFF; REENTRY_ANSWER_BYTES]].concat();
    Ok((StatusCode::BAD_GATEWAY, body).into_response())
}

#[tokio::test]
async fn a_failure_with_an_omitted_body_keeps_its_status_whatever_the_body_was() {
    let first = World::of(Stage::new().app(get(fails))).await;
    let response = first.get("/").send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(response.bytes().await.unwrap().len(), SECRET.len() + REENTRY_ANSWER_BYTES);

    let reentry = World::of(handing_over().app(get(fails))).await;
    let response = reentry.get("/").send().await.unwrap();
    let output = reentry.follow(response).await;
    assert_eq!((output.status().as_u16(), output.text().await.unwrap().as_str()), (502, ""));

    for world in [first, reentry] {
        let run = world.ended().await;
        assert_eq!((run.status, run.response.unwrap().status), (RunStatus::Failed, 502));
        assert_never_sent(&world, SECRET);
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "omit-stream", omit_response_body)]
async fn streams(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("one", async { Ok(()) }).await?;
    let frames = futures_util::stream::unfold(0, move |turn| {
        let stage = stage.clone();
        async move {
            match turn {
                0 => Some((Ok::<_, StepError>("one "), 1)),
                1 => {
                    stage.door.pass().await;
                    Some((Ok("two"), 2))
                }
                _ => None,
            }
        }
    });
    Ok(Response::new(Body::from_stream(frames)))
}

#[tokio::test]
async fn an_omitted_response_body_is_streamed_to_its_client_and_the_run_ends_with_it() {
    let stage = Stage::new();
    let builder = World::builder().opts(|opts, url| opts.dev_server(url).linger(PAUSE));
    let world = builder.start(stage.app(get(streams))).await;
    let mut response = world.get("/").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one ");
    assert!(world.inngest.calls().is_empty());
    stage.door.open();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
    assert_eq!(response.chunk().await.unwrap(), None);
    let run = world.ended().await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, ""));
    assert_eq!(world.inngest.calls().len(), 1);
    world.assert_clean();
}
