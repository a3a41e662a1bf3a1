//! Responses that go on after a step, and clients that read slowly.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{self, StreamExt as _};
use inngest::{Step, StepError};
use stephttp_tests::{Stage, World, serve};

use crate::turn;

const MIB: usize = 1024 * 1024;
const CLIENTS: usize = 3;
const EVENTS: usize = 40_000;
static EVENT: &str = "data: something\n\n";
static LINE: [u8; 80] = [b'x'; 80];

/// Many short events, and then nothing for as long as the door is closed.
fn events(stage: Stage, content_type: &'static str, event: &'static [u8]) -> Response {
    let events = stream::iter(0..EVENTS).map(move |_| Bytes::from_static(event));
    let rest = stream::once(async move {
        stage.door.pass().await;
        Bytes::new()
    });
    let body = Body::from_stream(events.chain(rest).map(Ok::<_, Infallible>));
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

#[inngest::api_fn(id = "streams-events")]
async fn after_a_step(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("first", async { Ok(()) }).await?;
    Ok(events(stage, "text/event-stream; charset=utf-8", EVENT.as_bytes()))
}

#[inngest::api_fn(id = "streams-lines")]
async fn lines(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("first", async { Ok(()) }).await?;
    Ok(events(stage, "text/plain", &LINE))
}

async fn plain(State(stage): State<Stage>) -> Response {
    events(stage, "text/event-stream", EVENT.as_bytes())
}

#[inngest::api_fn(id = "streams-step")]
async fn step_only(step: Step) -> Result<String, StepError> {
    step.run("only", async { Ok("done".to_owned()) }).await
}

fn app(stage: &Stage) -> Router {
    let app = Router::new()
        .route("/events", get(after_a_step))
        .route("/lines", get(lines))
        .route("/plain", get(plain))
        .route("/step", get(step_only));
    app.with_state(stage.clone())
}

/// What clients cost that have read all events and wait for more.
async fn cost(origin: &str, path: &str, event: usize, stage: &Stage) -> (usize, Vec<reqwest::Response>) {
    let held = turn::Held::since_now();
    let client = reqwest::Client::new();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut response = client.get(format!("{origin}{path}")).send().await.expect("a response");
        let mut read = 0;
        while read < EVENTS * event {
            read += response.chunk().await.expect("it goes on").expect("there is more").len();
        }
        clients.push(response);
    }
    stage.door.reached(CLIENTS).await;
    (held.now(), clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_a_stream_of_events() {
    let _turn = turn::alone().await;
    let stage = Stage::new();
    let world = World::of(app(&stage)).await;
    let (bytes, clients) = cost(&world.origin, "/events", EVENT.len(), &stage).await;
    let none = Stage::new();
    let (origin, _server) = serve(app(&none)).await;
    let (plain, plain_clients) = cost(&origin, "/plain", EVENT.len(), &none).await;
    // The runs and the engine's view of their steps.
    assert!(bytes < plain + 2 * MIB, "{bytes} bytes, and plain axum {plain}");
    drop((clients, plain_clients));
    stage.door.open();
    world.delivered().await;
    let run = world.inngest.runs().pop().expect("a run");
    let response = run.response.expect("its response");
    let why = response.headers.iter().find(|(name, _)| name == "x-stephttp-body-not-stored");
    assert_eq!(response.body, "");
    assert_eq!(why.map(|(_, why)| why.as_str()), Some("it is a stream of events"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_responses_is_bounded_and_no_step_waits_for_it() {
    let _turn = turn::alone().await;
    let stage = Stage::new();
    let world = World::of(app(&stage)).await;
    // Three million bytes each, of which four MiB can be kept: the first response.
    let (bytes, clients) = cost(&world.origin, "/lines", LINE.len(), &stage).await;
    assert!(bytes < 12 * MIB, "{bytes} bytes");
    let kept = world.provider.backlog_bytes();
    assert!((2 * MIB..=4 * MIB + 64 * 1024).contains(&kept), "{kept} bytes are counted");
    let step = tokio::time::timeout(Duration::from_secs(5), world.get("/step").send());
    assert_eq!(step.await.expect("no step waits").unwrap().text().await.unwrap(), "done");
    drop(clients);
    stage.door.open();
    world.delivered().await;
    assert_eq!(world.provider.backlog_bytes(), 0);
}
