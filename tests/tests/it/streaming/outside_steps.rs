//! What a handler pushes outside of its steps, and comes to again in each request of its run.

use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use inngest::{EventData, Failure, Live, Step, StepError};
use serde::{Deserialize, Serialize};
use stephttp_tests::events::EventReader;
use stephttp_tests::{Logs, Stage, World};

use super::reads;

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "test/answered")]
struct Answered {
    yes: bool,
}

/// Retries, a wait beside a step, and a sleep: each makes requests.
#[inngest::api_fn(id = "streaming-outside", retries = 3)]
async fn tells(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    live.push("begins");
    step.run("a", async {
        if stage.effects.happen("attempt") < 3 { Err(Failure::new("again")) } else { Ok(()) }
    })
    .await?;
    live.push("retried");
    tokio::try_join!(
        step.run("b", async { Ok(()) }),
        step.wait_for::<Answered>("answer").timeout(Duration::from_secs(60)),
    )?;
    live.push("waited");
    step.sleep("pause", Duration::from_secs(60)).await;
    Ok("done".to_owned())
}

#[tokio::test]
async fn it_comes_once() {
    let logs = Logs::collect();
    let world = World::of(Stage::new().app(post(tells))).await;
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    let told: Vec<_> = events.iter().filter(|event| event.starts_with("stream")).collect();
    assert_eq!(told, ["stream \"begins\"", "stream \"retried\"", "stream \"waited\""]);
    assert_eq!(events.last().unwrap(), "response 200 done");
    let run = world.ended().await;
    world.assert_clean();
    // Such as that the handler has not come to a step of the SDK's own.
    assert_eq!(logs.lines_with(&["WARN", &run.id]), [""; 0]);
}
