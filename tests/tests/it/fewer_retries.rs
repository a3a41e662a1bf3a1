//! Steps that are tried again fewer times than their function's others.

use axum::extract::State;
use axum::routing::post;
use inngest::{Event, Failure, Step, StepError};
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World};

#[inngest::api_fn(id = "fewer-none", retries = 3)]
async fn without_any(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let attempt = async { Err::<(), _>(Failure::new(stage.effects.happen("one").to_string())) };
    let error = step.run("one", attempt).retries(0).await.unwrap_err();
    step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    Ok(error.to_string())
}

#[tokio::test]
async fn without_any_the_handler_gets_the_error_at_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(without_any))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), &*response.text().await.unwrap()), (200, "step `one` failed: 1"));
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.all(), ["one", "two"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "fewer-more", retries = 1)]
async fn with_more(State(stage): State<Stage>, step: Step) -> &'static str {
    let retries = 9;
    let attempt = async {
        stage.effects.happen("one");
        Err::<(), _>(Failure::new("as the test wants it"))
    };
    step.run("one", attempt).retries(retries).await.map_or("failed", |()| "ended well")
}

#[tokio::test]
async fn of_a_steps_retries_and_its_functions_the_smaller_number_counts() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(with_more))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "failed");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.count("one"), 2);
    world.assert_clean();
}

#[inngest::api_fn(id = "fewer-sends", retries = 3)]
async fn sends(step: Step) -> String {
    let sent = step.send_event("send", Event::new("a", ())).retries(0).await;
    sent.map_or_else(|error| error.name().to_owned(), |_| "sent".to_owned())
}

#[tokio::test]
async fn steps_that_send_have_theirs_too() {
    let world = World::of(Stage::new().app(post(sends))).await;
    world.inngest.inject(InjectedFault::on(Call::Events).every().respond(503));
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), &*response.text().await.unwrap()), (200, "ApiError"));
    world.ended().await;
}
