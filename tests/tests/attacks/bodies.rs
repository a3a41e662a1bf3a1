//! Bodies of clients' requests, in frames that the clients choose.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use inngest::{Step, StepError};
use stephttp_tests::{Stage, World, serve};

use crate::stranger::{self, head};
use crate::turn;

static BODY: [u8; 30_000] = [b'x'; 30_000];

#[inngest::api_fn(id = "bodies-save")]
async fn save(State(stage): State<Stage>, step: Step, body: Bytes) -> Result<String, StepError> {
    step.run("length", async { Ok(body.len()) }).await?;
    stage.door.pass().await;
    Ok(body.len().to_string())
}

async fn plain(State(stage): State<Stage>, body: Bytes) -> String {
    stage.door.pass().await;
    body.len().to_string()
}

/// What a body takes that was read in segments of one byte, once its handler has let go of the
/// frames.
async fn cost(origin: &str, stage: &Stage) -> usize {
    let held = turn::Held::since_now();
    let headers = [("content-length", "30000")];
    let (stream, _) = stranger::send(origin, head("/", &headers), &BODY, 1).await.expect("a thread");
    stage.door.reached(1).await;
    let cost = held.now();
    stage.door.open();
    assert_eq!(stranger::status(stream).await, Some(200));
    cost
}

#[tokio::test(flavor = "multi_thread")]
async fn short_frames_are_not_kept_as_they_came() {
    let _turn = turn::alone().await;
    let stage = Stage::new();
    let app =
        Router::new().route("/", post(save)).layer(DefaultBodyLimit::disable()).with_state(stage.clone());
    let world = World::of(app).await;
    let saved = cost(&world.origin, &stage).await;
    let stage = Stage::new();
    let app =
        Router::new().route("/", post(plain)).layer(DefaultBodyLimit::disable()).with_state(stage.clone());
    let (origin, _server) = serve(app).await;
    let plain = cost(&origin, &stage).await;
    // The frames take some hundred times their bytes.
    assert!(saved < plain + 1024 * 1024, "{saved} bytes, and plain axum {plain}");
}
