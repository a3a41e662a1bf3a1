//! Clients that go away, and handlers that panic.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use inngest::{Failure, Step, StepError};
use stephttp_dev::{Call, Gate, InjectedFault, RunStatus};
use stephttp_tests::{Door, Logs, RawClient, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

/// Says in which run it is, and waits in a step.
#[inngest::api_fn(id = "client-gone-step")]
async fn in_a_step(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen(step.run_id().to_string());
    step.run("meet", async {
        stage.door.pass().await;
        Ok(stage.effects.happen("met"))
    })
    .await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    step.run("after", async { Ok(stage.effects.happen("after")) }).await?;
    assert!(stage.effects.count("panic") == 0, "as the test wants it");
    Ok("nobody reads this".to_owned())
}

/// A client comes, and goes away while a step of its run executes; then the step goes on.
async fn left_in_a_step(stage: &Stage) -> World {
    let logs = Logs::collect();
    let world = World::of(stage.app(post(in_a_step))).await;
    let client = RawClient::post(&world, "/").await;
    stage.door.reached(1).await;
    drop(client);
    let run_id = stage.effects.all().into_iter().find(|effect| effect.len() == 26).unwrap();
    logs.wait_for_line_with(&[&run_id, "the client is gone; its run goes on"]).await;
    stage.door.open();
    world
}

#[tokio::test]
async fn a_run_whose_client_goes_away_in_a_step_is_finished_and_recorded() {
    let stage = Stage::new();
    let world = left_in_a_step(&stage).await;
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    let response = run.response.unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "nobody reads this"));
    assert_eq!((stage.effects.count("met"), stage.effects.count("after")), (1, 1));
    assert_eq!(world.inngest.calls().len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn a_run_whose_client_goes_away_before_it_sleeps_is_handed_over_and_finishes_at_inngest() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    let world = left_in_a_step(&stage).await;
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(run.response.unwrap().body, "nobody reads this");
    assert_eq!((stage.effects.count("met"), stage.effects.count("after")), (1, 1));
    assert_eq!(world.inngest.dispatches().len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn a_run_that_panics_without_its_client_has_failed() {
    let stage = Stage::new();
    stage.effects.happen("panic");
    let world = left_in_a_step(&stage).await;
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(run.steps.len(), 2);
    world.assert_clean();
}

#[tokio::test]
async fn wait_waits_for_a_run_whose_client_is_gone() {
    let stage = Stage::new();
    let logs = Logs::collect();
    let world = World::of(stage.app(post(in_a_step))).await;
    let client = RawClient::post(&world, "/").await;
    stage.door.reached(1).await;
    drop(client);
    let run_id = stage.effects.all()[0].clone();
    logs.wait_for_line_with(&[&run_id, "the client is gone"]).await;
    let undelivered = world.provider.wait(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(undelivered.pending()[0].to_string(), run_id);
    stage.door.open();
    world.delivered().await;
    assert_eq!(world.inngest.runs().len(), 1);
    world.assert_clean();
}

/// Opens a door when it is dropped.
struct Dropped(Door);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[derive(Clone, Default)]
struct Leaving {
    stage: Stage,
    dropped: Door,
}

#[inngest::api_fn(id = "client-gone-early")]
async fn before_any_step(State(state): State<Leaving>, step: Step) -> Result<(), StepError> {
    let _dropped = Dropped(state.dropped.clone());
    state.stage.door.pass().await;
    step.run("never", async { Ok(state.stage.effects.happen("never")) }).await?;
    Ok(())
}

#[tokio::test]
async fn a_handler_whose_client_goes_away_before_its_first_step_is_dropped() {
    let state = Leaving::default();
    let app = axum::Router::new().route("/", post(before_any_step)).with_state(state.clone());
    let world = World::of(app).await;
    let client = RawClient::post(&world, "/").await;
    state.stage.door.reached(1).await;
    drop(client);
    state.dropped.pass().await;
    state.stage.door.open();
    world.delivered().await;
    assert!(world.inngest.calls().is_empty());
    assert_eq!(state.stage.effects.all(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_client_that_goes_away_while_its_run_is_handed_over_does_not_cut_that_in_half() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    stage.door.open();
    let world = World::of(stage.app(post(in_a_step))).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    let client = RawClient::post(&world, "/").await;
    gate.reached(1).await;
    drop(client);
    // Another request, so that the app has had its turn to see the connection close.
    assert_eq!(world.get("/").send().await.unwrap().status(), 405);
    gate.release();
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(stage.effects.count("met"), 1);
    world.assert_clean();
}

#[inngest::api_fn(id = "client-gone-stream")]
async fn endless(State(state): State<Leaving>, step: Step) -> Result<Response, StepError> {
    step.run("before", async { Ok(()) }).await?;
    let dropped = Dropped(state.dropped.clone());
    let frames = futures_util::stream::unfold((true, dropped), |(first, dropped)| async move {
        if !first {
            std::future::pending::<()>().await;
        }
        Some((Ok::<_, StepError>(Bytes::from_static(b"beginning")), (false, dropped)))
    });
    Ok(Response::new(Body::from_stream(frames)))
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_a_response_leaves_a_finished_run() {
    let logs = Logs::collect();
    let state = Leaving::default();
    let app = axum::Router::new().route("/", post(endless)).with_state(state.clone());
    let world = World::builder().opts(|opts, url| opts.dev_server(url).linger(PAUSE)).start(app).await;
    let mut client = RawClient::post(&world, "/").await;
    client.read_until("beginning").await;
    assert!(world.inngest.calls().is_empty());
    drop(client);
    state.dropped.pass().await;
    let run = world.ended().await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, ""));
    logs.assert_line_with(&["is not stored", "the client did not take all of it", "length=9"]);
    world.assert_clean();
}

// ===== Panics =====

#[inngest::api_fn(id = "client-gone-panics", retries = 3)]
async fn panics(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let entry = stage.effects.happen("entered");
    if stage.effects.count("before any step") > 0 {
        panic!("before any step, as the test wants it");
    }
    step.run("before", async { Ok(stage.effects.happen("before")) }).await?;
    assert!(entry > 1, "in the first request, as the test wants it");
    Ok("fine".to_owned())
}

#[tokio::test]
async fn a_panic_in_a_first_request_closes_the_connection_and_the_run_has_failed() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(panics))).await;
    let answer = RawClient::post(&world, "/").await.read_to_end().await;
    assert_eq!(answer, "");
    let run = world.ended().await;
    assert_eq!((run.status, run.response.as_ref().unwrap().status), (RunStatus::Failed, 500));
    assert_eq!(stage.effects.count("before"), 1);
    assert!(world.inngest.dispatches().is_empty());

    // The process is fine.
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "fine");
    world.delivered().await;
    world.assert_clean();
}

#[tokio::test]
async fn a_panic_before_the_first_step_is_no_run() {
    let stage = Stage::new();
    stage.effects.happen("before any step");
    let world = World::of(stage.app(post(panics))).await;
    assert_eq!(RawClient::post(&world, "/").await.read_to_end().await, "");
    world.delivered().await;
    assert!(world.inngest.calls().is_empty());
}

/// Panics in its re-entries, as often as the test wants.
async fn panics_later(stage: &Stage, step: &Step) -> Result<String, StepError> {
    step.sleep("pause", PAUSE).await;
    step.run("before", async { Ok::<_, Failure>(stage.effects.happen("before")) }).await?;
    let panics = stage.effects.count("panic");
    assert!(stage.effects.happen("came here") > panics, "in a re-entry, as the test wants it");
    Ok("fine".to_owned())
}

#[inngest::api_fn(id = "client-gone-panics-0", retries = 0)]
async fn panics_later_0(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    panics_later(&stage, &step).await
}

#[inngest::api_fn(id = "client-gone-panics-1", retries = 1)]
async fn panics_later_1(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    panics_later(&stage, &step).await
}

#[inngest::api_fn(id = "client-gone-panics-3", retries = 3)]
async fn panics_later_3(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    panics_later(&stage, &step).await
}

#[tokio::test]
async fn a_handler_that_panics_in_every_reentry_is_tried_again_while_there_is_room_and_then_has_failed() {
    let logs = Logs::collect();
    for (route, dispatches) in [(get(panics_later_0), 1), (get(panics_later_1), 1), (get(panics_later_3), 3)]
    {
        let stage = Stage::new();
        for _ in 0..9 {
            stage.effects.happen("panic");
        }
        let world = World::of(stage.app(route)).await;
        let response = world.get("/").send().await.unwrap();
        let output = world.follow(response).await;
        assert_eq!(output.status(), 500);
        assert_eq!(output.headers()["content-type"], "application/json");
        assert!(output.text().await.unwrap().contains("panicked"));

        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Failed);
        assert_eq!(world.inngest.dispatches().len(), dispatches);
        assert_eq!(stage.effects.count("came here"), dispatches);
        assert_eq!(stage.effects.count("before"), 1, "what had ended before the panic is saved");
        logs.assert_line_with(&["ERROR", &run.id, "panicked"]);
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_handler_that_panics_once_in_a_reentry_ends_in_the_next() {
    let stage = Stage::new();
    stage.effects.happen("panic");
    let world = World::of(stage.app(get(panics_later_3))).await;
    let response = world.get("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "fine");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    let dispatches = world.inngest.dispatches();
    assert_eq!((dispatches.len(), dispatches[0].generation, dispatches[1].generation), (2, 1, 2));
    assert_eq!(stage.effects.count("before"), 1);
    world.assert_clean();
}
