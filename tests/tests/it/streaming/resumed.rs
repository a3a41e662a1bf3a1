//! Clients whose connections break, and who come back.

use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use inngest::wire::StepHash;
use inngest::wire::realtime::{Metadata, SseEvent, Stream as Event};
use inngest::{Failure, Live, Step, StepError};
use stephttp_dev::{Call, InjectedFault};
use stephttp_tests::events::EventReader;
use stephttp_tests::{Stage, World};

use super::{held_texts, own_world, reads, texts, until_handed_over};

const LAST: &str = "last-event-id";

#[inngest::api_fn(id = "streaming-resumed")]
async fn story(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    story_of(&stage, &step, &live).await
}

async fn story_of(stage: &Stage, step: &Step, live: &Live) -> Result<String, StepError> {
    step.run("a", live.pipe(texts(&["one"]))).await?;
    step.sleep("pause", Duration::from_secs(3_600)).await;
    live.push("goes on");
    step.run("b", live.pipe(held_texts(&["two ", "three "], &stage.door, &["four"]))).await
}

async fn again(world: &World, url: &str, last: &str) -> EventReader {
    EventReader::of(world.get(url).header(LAST, last).send().await.unwrap())
}

/// Reads into the middle of the second step.
async fn within_b(world: &World, stage: &Stage) -> (EventReader, String) {
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (before, url) = until_handed_over(&mut events).await;
    assert_eq!(before, ["metadata", "stream 86 \"one\"", "commit 86"]);
    stage.door.reached(1).await;
    assert_eq!(events.some(2).await, ["stream \"goes on\"", "stream e9 \"two \""]);
    (events, url)
}

const REST: [&str; 4] =
    ["stream e9 \"three \"", "stream e9 \"four\"", "commit e9", "response 200 two three four"];

#[tokio::test]
async fn who_comes_back_within_a_step_goes_on_with_the_next_piece() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    let (events, url) = within_b(&world, &stage).await;
    let last = events.last_id().unwrap().to_owned();
    drop(events);
    let mut back = again(&world, &url, &last).await;
    assert_eq!(back.some(1).await, REST[..1]);
    // Once more, and now nothing comes while the client is away but the end.
    let last = back.last_id().unwrap().to_owned();
    drop(back);
    stage.door.open();
    world.ended().await;
    assert_eq!(again(&world, &url, &last).await.rest().await, REST[1..]);
    // Nothing was subscribed to for it.
    assert_eq!(world.inngest.calls_of(Call::Subscribe).len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn two_who_come_back_at_once_have_a_stream_each() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    let (events, url) = within_b(&world, &stage).await;
    let last = events.last_id().unwrap().to_owned();
    let (one, two) = (again(&world, &url, &last).await, again(&world, &url, &last).await);
    stage.door.open();
    for reader in [events, one, two] {
        assert_eq!(reader.rest().await, REST);
    }
    world.assert_clean();
}

#[tokio::test]
async fn an_id_that_is_not_known_gets_the_whole_state() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    let (events, url) = within_b(&world, &stage).await;
    let last = events.last_id().unwrap().to_owned();
    let (name, number) = last.rsplit_once('-').unwrap();
    let far = format!("{name}-{}", number.parse::<u64>().unwrap() + 100);
    for unknown in ["x", "01M817QB1N98C1FRD955KWQZQ2.1-3", &far] {
        let mut back = again(&world, &url, unknown).await;
        assert_eq!(back.some(3).await, ["metadata", "stream 86 \"one\"", "commit 86"]);
    }
    // Another run's id is no right to that run.
    let mut other = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, other_url) = until_handed_over(&mut other).await;
    assert_eq!(again(&world, &other_url, &last).await.some(1).await, ["metadata"]);
    assert_eq!(world.get(&format!("{url}x")).header(LAST, &last).send().await.unwrap().status(), 401);
    stage.door.open();
}

/// Bytes that whoever subscribes has had when the second step comes to the door.
fn published_before_the_door() -> usize {
    let b = StepHash::of("b");
    let mut bytes = format!(":\n\n:begin {b}\n\n").into_bytes();
    let metadata = Metadata::new("01M817QB1N98C1FRD955KWQZQ2");
    metadata.write(&mut bytes).unwrap();
    Event::new("goes on").write(&mut bytes).unwrap();
    for text in ["two ", "three "] {
        Event::new(text).of_step(b).write(&mut bytes).unwrap();
    }
    bytes.len()
}

#[inngest::api_fn(id = "streaming-resumed-longer")]
async fn longer(State(stage): State<Stage>, step: Step, live: Live) -> Result<&'static str, StepError> {
    story_of(&stage, &step, &live).await?;
    step.sleep("and", Duration::from_secs(3_600)).await;
    Ok("done")
}

/// What may have been missed is rolled back, and told as a whole when it has ended.
#[tokio::test]
async fn a_subscription_that_breaks_leaves_no_text_in_halves() {
    let stage = Stage::new();
    let world = own_world(&stage, post(longer)).await;
    world.inngest.inject(InjectedFault::on(Call::Subscribe).break_off(published_before_the_door()));
    let (mut events, _) = within_b(&world, &stage).await;
    // What was under way when it broke may have come.
    if events.some(1).await == ["stream e9 \"three \""] {
        assert_eq!(events.some(1).await, ["rollback e9"]);
    }
    // When the run has ended, so has its state.
    world.inngest.hold_time();
    stage.door.open();
    assert_eq!(events.some(2).await, ["stream e9 \"two three four\"", "commit e9"]);
    world.inngest.release_time();
    assert_eq!(events.rest().await, ["response 200 done"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "streaming-resumed-retried", retries = 3)]
async fn retried(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    step.sleep("pause", Duration::from_secs(3_600)).await;
    step.run("a", async {
        let attempt = stage.effects.happen("attempt");
        let text = live.pipe(held_texts(&["it "], &stage.door, &["holds"])).await?;
        if attempt < 2 { Err(Failure::new("again")) } else { Ok(text) }
    })
    .await
}

#[tokio::test]
async fn who_was_away_when_a_step_failed_is_told_so() {
    let stage = Stage::new();
    let world = own_world(&stage, post(retried)).await;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut events).await;
    assert_eq!(events.some(1).await, ["stream 86 \"it \""]);
    let last = events.last_id().unwrap().to_owned();
    drop(events);
    stage.door.open();
    world.ended().await;
    let lines = again(&world, &url, &last).await.rest().await;
    let failed = lines.iter().position(|line| line == "rollback 86").unwrap();
    assert_eq!(lines[..failed], ["stream 86 \"holds\""]);
    let rest: Vec<_> = lines[failed..].iter().filter(|line| *line != "rollback 86").collect();
    assert_eq!(rest, ["stream 86 \"it \"", "stream 86 \"holds\"", "commit 86", "response 200 it holds"]);
    world.assert_clean();
}
