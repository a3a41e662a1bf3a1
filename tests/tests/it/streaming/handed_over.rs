//! What the client reads once its run goes on at Inngest.

use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use inngest::wire::realtime::Event;
use inngest::{Failure, Live, Step, StepError};
use stephttp_dev::{Call, Clock, InjectedFault};
use stephttp_tests::events::EventReader;
use stephttp_tests::{Stage, World};

use super::{parts, reads, texts};

#[inngest::api_fn(id = "streaming-waits")]
async fn waits(step: Step, live: Live) -> Result<String, StepError> {
    live.push("begins");
    step.run("a", live.pipe(texts(&["before"]))).await?;
    step.sleep("pause", Duration::from_secs(3_600)).await;
    live.push("goes on");
    step.run("b", live.pipe(texts(&["after ", "all"]))).await
}

#[tokio::test]
async fn one_response_has_it_all() {
    let world = World::of(Stage::new().app(post(waits))).await;
    let response = reads(world.post("/")).send().await.unwrap();
    let events = EventReader::of(response).rest().await;
    assert_eq!(
        events,
        [
            "metadata",
            "stream \"begins\"",
            "stream 86 \"before\"",
            "commit 86",
            "stream \"goes on\"",
            "stream e9 \"after \"",
            "stream e9 \"all\"",
            "commit e9",
            "response 200 after all"
        ]
    );
    let parts = parts(&world).await;
    assert_eq!(parts.concat().iter().filter(|line| *line == "metadata").count(), parts.len());
    world.assert_clean();
}

#[tokio::test]
async fn nothing_is_published_for_a_client_that_does_not_ask() {
    let world = World::of(Stage::new().app(post(waits))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "after all");
    assert_eq!(world.inngest.calls_of(Call::Tee).len() + world.inngest.calls_of(Call::Subscribe).len(), 0);
    world.assert_clean();
}

#[inngest::api_fn(id = "streaming-retried")]
async fn retried(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    step.run("a", async {
        let attempt = stage.effects.happen("attempt");
        live.push(&attempt);
        if attempt < 3 { Err(Failure::new("again")) } else { Ok("done".to_owned()) }
    })
    .await
}

#[tokio::test]
async fn failed_attempts_are_rolled_back() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(retried))).await;
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    let shown: Vec<_> = events.iter().filter(|event| !event.starts_with("metadata")).collect();
    assert_eq!(
        shown,
        [
            "stream 86 1",
            "rollback 86",
            "stream 86 2",
            "rollback 86",
            "rollback 86",
            "stream 86 3",
            "commit 86",
            "response 200 done"
        ]
    );
    world.assert_clean();
}

#[inngest::api_fn(id = "streaming-for-long")]
async fn for_long(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    step.run("a", async { Ok(()) }).await?;
    step.run("b", async {
        live.push("begins");
        stage.door.pass().await;
        Ok(())
    })
    .await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    live.push("goes on");
    Ok("done".to_owned())
}

/// The token that comes with the run's creation is valid for 16 minutes.
#[tokio::test]
async fn a_first_request_may_outlast_its_token() {
    let stage = Stage::new();
    let world =
        World::builder().inngest(|engine| engine.clock(Clock::Manual)).start(stage.app(post(for_long))).await;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    events.next().await.unwrap();
    // It is created while the step goes on.
    world.inngest.wait_for_run().await;
    world.inngest.advance(Duration::from_secs(20 * 60)).await;
    stage.door.open();
    world.inngest.wait_for_call(Call::Steps, 2).await;
    world.inngest.advance(Duration::from_secs(60)).await;
    let rest = events.rest().await;
    assert_eq!(rest.last().unwrap(), "response 200 done");
    assert!(rest.contains(&"stream \"goes on\"".to_owned()), "{rest:?}");
    assert!(world.inngest.calls_of(Call::RealtimeToken).len() == 1);
}

/// The run's end is told again.
#[tokio::test]
async fn a_part_that_is_not_taken_costs_what_it_held_alone() {
    let world = World::of(Stage::new().app(post(waits))).await;
    world.inngest.inject(InjectedFault::on(Call::Tee).refuse());
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    assert_eq!(events[..4], ["metadata", "stream \"begins\"", "stream 86 \"before\"", "commit 86"]);
    assert_eq!(events.last().unwrap(), "response 200 after all");
}

#[tokio::test]
async fn a_process_that_drains_says_where_the_stream_goes_on() {
    let stage = Stage::new();
    stage.door.open();
    let world = World::builder().inngest(|engine| engine.clock(Clock::Manual));
    let world = world.start(stage.app(post(for_long))).await;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    world.inngest.wait_for_call(Call::Steps, 1).await;
    world.provider.drain();
    let mut rest = Vec::new();
    while let Some(event) = events.next().await {
        rest.push(event);
    }
    let Some(Event::RedirectInfo(info)) = rest.last() else { panic!("{rest:?}") };
    let response = reqwest::get(&*info.url).await.unwrap();
    world.inngest.advance(Duration::from_secs(60)).await;
    let mut events = EventReader::of(response);
    let mut last = String::new();
    while let Some(event) = events.next().await {
        last = stephttp_tests::events::line(&event);
        if last.starts_with("response") {
            break;
        }
    }
    assert_eq!(last, "response 200 done");
}

#[inngest::api_fn(id = "streaming-pushed-outside")]
async fn outside(step: Step, live: Live) -> Result<&'static str, StepError> {
    for n in 0..4 {
        live.push(&n);
        step.run(format!("step-{n}"), live.pipe(texts(&["text"]))).await?;
        step.sleep(format!("pause-{n}"), Duration::from_secs(3_600)).await;
    }
    Ok("done")
}

#[tokio::test]
async fn what_is_pushed_outside_of_steps_comes_once() {
    let world = World::of(Stage::new().app(post(outside))).await;
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    let pushes: Vec<_> = events
        .iter()
        .filter(|line| line.starts_with("stream ") && !line.ends_with("\"text\""))
        .map(String::as_str)
        .collect();
    assert_eq!(pushes, ["stream 0", "stream 1", "stream 2", "stream 3"]);
    world.assert_clean();
}

/// What is published of the response is as it is stored.
#[tokio::test]
async fn a_sealed_response_is_opened_for_the_client() {
    let encryption = inngest::middleware::Encryption::new("a key for a test").unwrap();
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).middleware(encryption).stream_in_clear(true))
        .start(Stage::new().app(post(waits)))
        .await;
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    assert_eq!(events.last().unwrap(), "response 200 after all");
}
