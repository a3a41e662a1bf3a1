//! What the first request streams.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use inngest::wire::realtime::Event;
use inngest::{Failure, Live, Step, StepError};
use stephttp_dev::{Call, InjectedFault};
use stephttp_tests::events::EventReader;
use stephttp_tests::{Logs, Stage, World};

use super::{reads, texts};

#[inngest::api_fn(id = "streaming-first")]
async fn answers(step: Step, live: Live) -> Result<String, StepError> {
    live.push("begins");
    let a = step.run("a", live.pipe(texts(&["one ", "two"]))).await?;
    step.run("b", async { Ok(()) }).await?;
    Ok(a)
}

#[tokio::test]
async fn a_client_that_asks_reads_each_step_and_the_response() {
    let world = World::of(Stage::new().app(post(answers))).await;
    let response = reads(world.post("/")).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-cache, no-transform");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    assert_eq!(
        EventReader::of(response).rest().await,
        [
            "metadata",
            "stream \"begins\"",
            "stream 86 \"one \"",
            "stream 86 \"two\"",
            "commit 86",
            "commit e9",
            "response 200 one two"
        ]
    );
    let run = world.ended().await;
    assert_eq!(run.steps.len(), 2);
    assert!(world.inngest.published(&run.id).is_empty());
    world.assert_clean();
}

#[tokio::test]
async fn a_client_that_does_not_ask_gets_the_answer_alone() {
    let world = World::of(Stage::new().app(post(answers))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "one two");
    world.ended().await;
    assert_eq!(world.inngest.calls_of(Call::Tee).len(), 0);
    world.assert_clean();
}

#[inngest::api_fn(id = "streaming-held")]
async fn held(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    step.run("a", async {
        live.push("before");
        stage.door.pass().await;
        live.push("after");
        stage.effects.happen("done");
        Ok(())
    })
    .await?;
    Ok("done".to_owned())
}

#[tokio::test]
async fn what_is_pushed_comes_at_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(held))).await;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    assert_eq!(events.next().await.unwrap().name(), "inngest.metadata");
    assert_eq!(events.next().await.unwrap().name(), "inngest.stream");
    assert_eq!(stage.effects.count("done"), 0);
    stage.door.open();
    assert_eq!(events.rest().await, ["stream 86 \"after\"", "commit 86", "response 200 done"]);
}

#[tokio::test]
async fn a_client_that_leaves_changes_nothing_of_its_run() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(held))).await;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    events.next().await.unwrap();
    drop(events);
    stage.door.open();
    let run = world.ended().await;
    assert_eq!((stage.effects.count("done"), run.response.unwrap().status), (1, 200));
    world.assert_clean();
}

#[inngest::api_fn(id = "streaming-caught", retries = 0)]
async fn catches(step: Step, live: Live) -> String {
    let failed = step
        .run("a", async {
            live.push(&1);
            Err::<(), _>(Failure::non_retriable("no"))
        })
        .await;
    format!("caught {}", failed.is_err())
}

/// JS's handler ends the client's stream there.
#[tokio::test]
async fn a_permanent_failure_that_is_caught_is_rolled_back_and_the_run_goes_on() {
    let world = World::of(Stage::new().app(post(catches))).await;
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    assert_eq!(events, ["metadata", "stream 86 1", "rollback 86", "response 200 caught true"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "streaming-failing", retries = 0)]
async fn fails(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    step.run("a", async {
        if stage.effects.count("pushes") > 0 {
            live.push(&1);
        }
        Err(Failure::non_retriable("no"))
    })
    .await
}

#[tokio::test]
async fn a_failure_is_an_ordinary_answer_unless_something_was_pushed() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(fails))).await;
    let response = reads(world.post("/")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    stage.effects.happen("pushes");
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    assert_eq!(events[..3], ["metadata", "stream 86 1", "rollback 86"]);
    assert!(events[3].starts_with("response 500 "), "{events:?}");
}

#[inngest::api_fn(id = "streaming-panics")]
async fn panics(step: Step, live: Live) -> String {
    live.push("begins");
    step.run("a", async { Ok(()) }).await.unwrap();
    panic!("a test's panic");
}

#[tokio::test]
async fn a_panic_after_the_first_push_is_a_failed_response() {
    let world = World::of(Stage::new().app(post(panics))).await;
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(events[3].starts_with("response 500 ") && events[3].contains("panicked"), "{events:?}");
    assert_eq!(world.ended().await.response.unwrap().status, 500);
}

#[tokio::test]
async fn an_inngest_that_cannot_be_reached_changes_nothing_for_the_client() {
    let world = World::of(Stage::new().app(post(answers))).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).every().refuse());
    let events = EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    assert_eq!(events.last().unwrap(), "response 200 one two");
}

#[inngest::api_fn(id = "streaming-much")]
async fn pushes_much(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    step.run("a", async {
        live.push("begins");
        stage.door.pass().await;
        let much = "x".repeat(10_000);
        for _ in 0..1_000 {
            live.push(&much);
        }
        live.push(&"x".repeat(20_000));
        Ok(())
    })
    .await?;
    Ok("done".to_owned())
}

#[tokio::test]
async fn what_a_client_does_not_read_is_bounded_and_logged() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(post(pushes_much))).await;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    assert_eq!(events.next().await.unwrap().name(), "inngest.metadata");
    stage.door.open();
    let run = world.ended().await;
    let whose = [&*format!("run_id={}", run.id), r#"function="streaming-much""#];
    logs.assert_line_with(&[&whose[..], &["pushes are dropped"]].concat());
    logs.assert_line_with(&[&whose[..], &["a push is not sent", "20002 bytes"]].concat());
    let rest = events.rest().await;
    assert!(rest.len() < 1_000, "{}", rest.len());
    assert_eq!(rest[rest.len() - 2..], ["commit 86", "response 200 done"]);
}

#[inngest::api_fn(id = "streaming-pipes-on")]
async fn pipes_on(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    let source = futures_util::stream::unfold(0, |n| {
        let stage = stage.clone();
        async move {
            if n == 1 {
                stage.door.pass().await;
            }
            (n < 500).then(|| (Ok::<_, std::io::Error>("0123456789".repeat(1_000)), n + 1))
        }
    });
    let text = step.run("a", async { Ok(live.pipe(source).await?.len()) }).await?;
    Ok(text.to_string())
}

/// JS's `pipe` stops there, and stores what it had.
#[tokio::test]
async fn a_pipe_is_whole_whoever_listens() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(pipes_on))).await;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    events.next().await.unwrap();
    drop(events);
    stage.door.open();
    assert_eq!(world.ended().await.response.unwrap().body, "5000000");
    let mut text = 0;
    let mut events = EventReader::of(reads(world.post("/")).send().await.unwrap());
    while let Some(event) = events.next().await {
        if let Event::Stream(stream) = event {
            text += serde_json::from_str::<String>(stream.data.get()).unwrap().len();
        }
    }
    assert_eq!(text, 5_000_000, "a client that reads has all of it");
}
