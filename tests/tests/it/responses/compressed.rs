//! Compressed responses, below the layer and above it.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use inngest::{Provider, SetupOpts, Step, StepError};
use serde_json::Value;
use stephttp_dev::{DevServer, RunStatus};
use stephttp_tests::{Logs, Stage, World, serve};
use tower_http::compression::CompressionLayer;

use super::assert_not_stored;

const PAUSE: Duration = Duration::from_secs(86_400);

fn text() -> String {
    "the same again and again; ".repeat(200)
}

async fn perhaps_hand_over(stage: &Stage, step: &Step) -> Result<(), StepError> {
    step.run("before", async { Ok::<_, inngest::Failure>(()) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    Ok(())
}

#[inngest::api_fn(id = "compressed-text")]
async fn answers(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    perhaps_hand_over(&stage, &step).await?;
    Ok(text())
}

/// Whether these are bytes in gzip.
fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

#[tokio::test]
async fn what_is_compressed_below_the_layer_is_not_stored_and_the_note_says_where_it_belongs() {
    let logs = Logs::collect();
    let world = World::of(Stage::new().app(get(answers)).layer(CompressionLayer::new())).await;
    let response = world.get("/").header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    assert!(is_gzip(&response.bytes().await.unwrap()));
    let run = world.ended().await;
    let stored = assert_not_stored(&run, "content-encoding: gzip");
    assert_eq!(stored.header("content-encoding"), None);
    logs.assert_line_with(&[&run.id, "is not stored", "content-encoding: gzip", "after the stephttp layer"]);
    world.assert_clean();
}

#[tokio::test]
async fn what_is_compressed_above_the_layer_is_stored_as_it_was() {
    let inngest = DevServer::start().await.unwrap();
    let provider = Provider::setup(SetupOpts::default().dev_server(inngest.url())).unwrap();
    let app = Stage::new().app(get(answers)).layer(provider.layer()).layer(CompressionLayer::new());
    let (origin, server) = serve(app).await;
    let request = reqwest::Client::new().get(origin).header(ACCEPT_ENCODING, "gzip");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    assert!(is_gzip(&response.bytes().await.unwrap()));
    provider.wait(Duration::from_secs(30)).await.unwrap();
    let run = inngest.wait_for_run().await;
    assert_eq!((run.status, run.output), (RunStatus::Completed, text()));
    server.abort();
    inngest.assert_no_violations();
}

#[tokio::test]
async fn a_reentry_is_not_compressed_below_the_layer() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    let world = World::of(stage.app(get(answers)).layer(CompressionLayer::new())).await;
    let response = world.get("/").header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
    let output = world.follow(response).await;
    assert!(!output.headers().contains_key(CONTENT_ENCODING));
    assert_eq!(output.text().await.unwrap(), text());
    world.ended().await;
    world.assert_clean();
}

/// Gives a file that is compressed already.
#[inngest::api_fn(id = "compressed-file")]
async fn file(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    perhaps_hand_over(&stage, &step).await?;
    Ok(([("content-encoding", "gzip")], [0x1f_u8, 0x8b, 0xff].as_slice()).into_response())
}

#[tokio::test]
async fn what_a_reentry_cannot_keep_because_it_is_compressed_is_an_error_that_says_so() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    let world = World::of(stage.app(get(file))).await;
    let response = world.get("/").send().await.unwrap();
    let output = world.follow(response).await;
    assert_eq!(output.status(), 500);
    let error = output.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("not UTF-8 (it has `content-encoding: gzip`)"), "{error}");
    assert_eq!(world.ended().await.status, RunStatus::Failed);
    world.assert_clean();
}
