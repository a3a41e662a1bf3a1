//! Streams: each part as it comes, of any length, also those that fail.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use inngest::wire::limits::STEP_OUTPUT_BYTES;
use inngest::{Failure, Step, StepError};
use serde_json::Value;
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Logs, RawClient, Stage, World};

use super::assert_not_stored;

const PAUSE: Duration = Duration::from_secs(86_400);

async fn begin(stage: &Stage, step: &Step) -> Result<(), StepError> {
    step.run("before", async { Ok::<_, Failure>(()) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    Ok(())
}

/// A stage on which the handler hands its run over.
fn handing_over() -> Stage {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    stage
}

// ===== Long ones =====

const PART: usize = STEP_OUTPUT_BYTES / 2;

/// As much as is stored, then the door, then as much again.
#[inngest::api_fn(id = "streams-long")]
async fn long(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    begin(&stage, &step).await?;
    let parts = unfold(0, move |turn| {
        let door = stage.door.clone();
        async move {
            if turn == 2 {
                door.pass().await;
            }
            (turn < 4).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'a' + turn; PART])), turn + 1))
        }
    });
    Ok(Response::new(Body::from_stream(parts)))
}

#[tokio::test]
async fn a_stream_that_is_too_long_reaches_its_client_part_by_part_and_is_not_stored() {
    let (logs, stage) = (Logs::collect(), Stage::new());
    let world = World::of(stage.app(get(long))).await;
    let mut response = world.get("/").send().await.unwrap();
    let mut read = Vec::new();
    while read.len() < 2 * PART {
        read.extend_from_slice(&response.chunk().await.unwrap().unwrap());
    }
    stage.door.open();
    while let Some(chunk) = response.chunk().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert!(read == b"abcd".map(|letter| vec![letter; PART]).concat());

    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(assert_not_stored(&run, "over 4 MiB").status, 200);
    logs.assert_line_with(&[&run.id, "is not stored", "over 4 MiB", &format!("length={}", 4 * PART)]);
    world.assert_clean();
}

/// Takes six times its length as JSON.
#[inngest::api_fn(id = "streams-escaped")]
async fn escaped(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    begin(&stage, &step).await?;
    Ok("\u{1}".repeat(PART).into_response())
}

#[tokio::test]
async fn a_body_that_is_too_long_as_json_alone_is_noted_alike() {
    let (logs, world) = (Logs::collect(), World::of(Stage::new().app(get(escaped))).await);
    assert_eq!(world.get("/").send().await.unwrap().bytes().await.unwrap().len(), PART);
    let run = world.ended().await;
    assert_not_stored(&run, "as JSON it is over 4 MiB");
    logs.assert_line_with(&[&run.id, "is not stored", "as JSON", &format!("length={PART}")]);
    world.assert_clean();
}

// ===== Server-sent events =====

/// One event, the door, another one.
fn events(stage: Stage) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(0, move |turn| {
        let stage = stage.clone();
        async move {
            if turn == 1 {
                stage.door.pass().await;
            }
            (turn < 2).then(|| (Ok(Event::default().event("news").data(turn.to_string())), turn + 1))
        }
    })
}

#[inngest::api_fn(id = "streams-sse")]
async fn sse(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    begin(&stage, &step).await?;
    let keep_alive = KeepAlive::new().interval(Duration::from_millis(1)).text("still here");
    Ok(Sse::new(events(stage)).keep_alive(keep_alive).into_response())
}

#[tokio::test]
async fn events_and_signs_of_life_are_sent_as_they_come_and_steps_are_saved_before_the_stream_ends() {
    let stage = Stage::new();
    let builder = World::builder().opts(|opts, url| opts.dev_server(url).linger(Duration::ZERO));
    let world = builder.start(stage.app(post(sse))).await;
    let mut client = RawClient::begin(&world, "/", &[("content-length", "0"), ("connection", "close")]).await;
    let answer = client.read_until(": still here\n\n").await;
    assert!(answer.contains("event: news\ndata: 0\n\n"), "{answer}");

    let call = world.inngest.wait_for_call(Call::NewRun, 1).await.json();
    let run = world.inngest.wait_for_run().await;
    assert!(run.step("before").is_some(), "{call}");
    assert_eq!(run.status, RunStatus::Running);

    stage.door.open();
    let rest = client.read_to_end().await;
    assert!(rest.contains("event: news\ndata: 1\n\n"), "{rest}");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    let stored = run.response.unwrap();
    assert_eq!(stored.header("content-type"), Some("text/event-stream"));
    assert_eq!(stored.body, "");
    assert_eq!(stored.header("x-stephttp-body-not-stored"), Some("it is a stream of events"));
    assert_eq!(run.steps.len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn a_client_that_has_had_enough_ends_the_run_and_its_stream() {
    let (logs, stage) = (Logs::collect(), Stage::new());
    let world = World::of(stage.app(post(sse))).await;
    let mut client = RawClient::begin(&world, "/", &[("content-length", "0")]).await;
    client.read_until("data: 0\n\n").await;
    assert_eq!(world.provider.in_flight(), 1);
    drop(client);
    let run = world.ended().await;
    assert_eq!((run.status, world.provider.in_flight()), (RunStatus::Completed, 0));
    assert_not_stored(&run, "it is a stream of events");
    logs.assert_line_with(&[&run.id, "is not stored", "it is a stream of events"]);
    world.assert_clean();
}

#[tokio::test]
async fn the_events_of_a_run_that_was_handed_over_are_kept_until_the_last_of_them() {
    let stage = handing_over();
    stage.door.open();
    let world = World::of(stage.app(post(sse))).await;
    let response = world.post("/").send().await.unwrap();
    let output = world.follow(response).await;
    assert_eq!(output.headers()["content-type"], "text/event-stream");
    let text = output.text().await.unwrap();
    assert!(text.starts_with("event: news\ndata: 0\n\n"), "{text}");
    assert!(text.ends_with("event: news\ndata: 1\n\n"), "{text}");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}

// ===== Failing ones =====

/// A part, the door, then an error or a panic, as the stage says, or a second part.
async fn fails(stage: &Stage, step: &Step) -> Result<Response, StepError> {
    begin(stage, step).await?;
    let (passes, stage) = (stage.effects.happen("pass"), stage.clone());
    let parts = unfold(0, move |turn| {
        let stage = stage.clone();
        async move {
            let is_bad = |what| stage.effects.count(what) >= passes;
            if turn == 1 {
                stage.door.pass().await;
            }
            match turn {
                0 => Some((Ok(Bytes::from_static(b"one ")), 1)),
                1 if is_bad("panic") => panic!("as the test wants it"),
                1 if is_bad("break") => Some((Err("out of paper"), 2)),
                1 => Some((Ok(Bytes::from_static(b"two")), 2)),
                _ => None,
            }
        }
    });
    Ok((StatusCode::CREATED, Body::from_stream(parts)).into_response())
}

#[inngest::api_fn(id = "streams-fails", retries = 3)]
async fn fails_at_times(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    fails(&stage, &step).await
}

#[tokio::test]
async fn a_stream_that_fails_breaks_off_for_its_client_and_the_run_says_why_it_has_no_body() {
    for (fault, why) in
        [("break", "its stream failed: out of paper"), ("panic", "its stream failed: it panicked")]
    {
        let (logs, stage) = (Logs::collect(), Stage::new());
        stage.effects.happen(fault);
        let world = World::of(stage.app(post(fails_at_times))).await;
        let headers = [("content-length", "0"), ("connection", "close")];
        let mut client = RawClient::begin(&world, "/", &headers).await;
        let answer = client.read_until("one \r\n").await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        stage.door.open();
        // The last chunk, which would say that this was all, does not come.
        assert_eq!(client.read_to_end().await, "");
        let run = world.ended().await;
        assert_eq!((run.status, run.steps.len()), (RunStatus::Completed, 1));
        assert_eq!(assert_not_stored(&run, why).status, 201);
        logs.assert_line_with(&[&run.id, "is not stored", why]);
        assert_eq!(world.provider.in_flight(), 0);
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_stream_that_fails_once_in_a_reentry_is_made_again() {
    for fault in ["break", "panic"] {
        let stage = handing_over();
        stage.effects.happen(fault);
        stage.door.open();
        let world = World::of(stage.app(post(fails_at_times))).await;
        let response = world.post("/").send().await.unwrap();
        let output = world.follow(response).await;
        assert_eq!((output.status().as_u16(), output.text().await.unwrap().as_str()), (201, "one two"));
        let run = world.ended().await;
        assert_eq!((run.status, stage.effects.count("pass")), (RunStatus::Completed, 2));
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "streams-fails-for-good", retries = 1)]
async fn fails_for_good(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    fails(&stage, &step).await
}

#[tokio::test]
async fn a_stream_that_fails_in_every_reentry_fails_the_run() {
    let (logs, stage) = (Logs::collect(), handing_over());
    stage.door.open();
    for _ in 0..9 {
        stage.effects.happen("break");
    }
    let world = World::of(stage.app(post(fails_for_good))).await;
    let response = world.post("/").send().await.unwrap();
    let output = world.follow(response).await;
    assert_eq!(output.status(), 500);
    assert_eq!(output.json::<Value>().await.unwrap()["error"], "the response's body broke off");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    logs.assert_line_with(&["ERROR", &run.id, "the response's stream failed", "out of paper"]);
    world.assert_clean();
}
