//! Inngest cannot be reached, or answers with an error, while a client's request is handled.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use inngest::{Step, StepError};
use reqwest::Response;
use serde_json::Value;
use stephttp_dev::{Call, Clock, InjectedFault, RunStatus, RunView};
use stephttp_tests::{Logs, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

// ===== Handlers that finish =====

#[inngest::api_fn(id = "api-down-finishes", retries = 1)]
async fn finishes(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    Ok(format!("one ran {one} time"))
}

/// Sends the request of a handler that finishes.
async fn finished(world: &World) {
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "one ran 1 time");
}

#[tokio::test]
async fn a_handler_that_finishes_answers_its_client_and_is_reported_once_when_inngest_is_back() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(finishes))).await;
    world.inngest.go_down();
    finished(&world).await;
    world.inngest.wait_for_call(Call::NewRun, 1).await;
    world.inngest.come_up();

    let run = world.ended().await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, "one ran 1 time"));
    let delivered = world.inngest.calls().into_iter().filter(|call| call.status.is_some()).count();
    assert_eq!(delivered, 1);
    assert_eq!(stage.effects.all(), ["one", "two"]);
    world.assert_clean();
}

#[tokio::test]
async fn what_is_not_delivered_is_reported_by_wait() {
    let world = World::of(Stage::new().app(post(finishes))).await;
    world.inngest.go_down();
    finished(&world).await;
    let call = world.inngest.wait_for_call(Call::NewRun, 1).await.json();
    let run_id = call["run_id"].as_str().unwrap();

    let undelivered = world.provider.wait(Duration::from_millis(20)).await.unwrap_err();
    let pending: Vec<String> = undelivered.pending().iter().map(ToString::to_string).collect();
    assert_eq!(pending, [run_id]);
    assert_eq!(undelivered.lost_count(), 0);

    // Waiting changed nothing: what is under way goes on.
    world.inngest.come_up();
    assert_eq!(world.ended().await.id, run_id);
    world.assert_clean();
}

#[tokio::test]
async fn what_inngest_refuses_for_good_is_lost_and_that_is_logged_and_reported() {
    let logs = Logs::collect();
    for status in [400, 403, 413] {
        let world = World::of(Stage::new().app(post(finishes))).await;
        world.inngest.inject(
            InjectedFault::on(Call::NewRun).every().respond(status).body(r#"{"error":"not this one"}"#),
        );
        finished(&world).await;
        let undelivered = world.provider.wait(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(world.inngest.calls().len(), 1, "{status} will not change");

        let run_id = world.inngest.calls()[0].json()["run_id"].as_str().unwrap().to_owned();
        let lost: Vec<_> =
            undelivered.lost().map(|(id, reason)| (id.to_string(), reason.to_owned())).collect();
        assert_eq!((lost.len(), undelivered.lost_count(), undelivered.pending().len()), (1, 1, 0));
        assert_eq!(lost[0].0, run_id);
        assert!(
            lost[0].1.contains(&status.to_string()) && lost[0].1.contains("not this one"),
            "{}",
            lost[0].1
        );
        let report = undelivered.to_string();
        assert!(report.contains("1 lost") && report.contains(&run_id), "{report}");
        logs.assert_line_with(&["ERROR", &run_id, "are lost", "not this one"]);
    }
}

/// Reported in several calls, since the first request goes on: `meet` is held by the test.
#[inngest::api_fn(id = "api-down-slow")]
async fn slow(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    step.run("meet", async {
        stage.door.pass().await;
        Ok(())
    })
    .await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    Ok(format!("one ran {one} time"))
}

/// While the handler is under way the first step's checkpoint meets a fault. The run is whole in
/// the end.
async fn slow_despite(stage: &Stage, fault: InjectedFault) -> RunView {
    let world = World::builder().opts(|opts, url| opts.dev_server(url).linger(Duration::ZERO));
    let world = world.start(stage.app(post(slow))).await;
    world.inngest.inject(fault);
    let client = tokio::spawn(world.post("/").send());
    // The fault has struck before the handler goes on.
    world.inngest.wait_for_call(Call::NewRun, 1).await;
    stage.door.open();
    let mut response = client.await.unwrap().unwrap();
    if response.status() == 303 {
        response = world.follow(response).await;
    }
    assert_eq!(response.text().await.unwrap(), "one ran 1 time");
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert!(run.step("one").is_some() && run.step("meet").is_some());
    assert_eq!(world.inngest.runs().len(), 1);
    world.assert_clean();
    run
}

#[tokio::test]
async fn a_checkpoint_that_fails_while_the_handler_is_under_way_comes_with_the_next() {
    slow_despite(&Stage::new(), InjectedFault::on(Call::NewRun).respond(500)).await;
    slow_despite(&Stage::new(), InjectedFault::on(Call::NewRun).refuse()).await;
}

#[tokio::test]
async fn a_checkpoint_whose_answer_is_lost_while_the_handler_is_under_way_does_no_harm() {
    slow_despite(&Stage::new(), InjectedFault::on(Call::NewRun).drop_response()).await;
    slow_despite(&Stage::new(), InjectedFault::on(Call::Steps).drop_response()).await;
    slow_despite(&Stage::new(), InjectedFault::on(Call::Steps).respond(503)).await;
}

#[tokio::test]
async fn the_same_holds_for_a_run_that_is_then_handed_over() {
    for fault in [
        InjectedFault::on(Call::NewRun).respond(500),
        InjectedFault::on(Call::NewRun).drop_response(),
        InjectedFault::on(Call::Steps).drop_response(),
        InjectedFault::on(Call::Steps).respond(503),
    ] {
        let stage = Stage::new();
        stage.effects.happen("hand over");
        let run = slow_despite(&stage, fault).await;
        assert!(run.step("pause").is_some());
    }
}

// ===== Handlers that hand over =====

#[inngest::api_fn(id = "api-down-hands-over", retries = 1)]
async fn hands_over(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen("entered");
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok(format!("one ran {one} time"))
}

/// The run could not be handed over: the client must try again, and is not sent to an output that
/// never comes.
async fn assert_unavailable(response: Response) {
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("location"));
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds > 0);
    let answer: Value = response.json().await.unwrap();
    assert!(answer["error"].as_str().unwrap().contains("Inngest"), "{answer}");
}

/// A client that was told to try again begins another run: the one that Inngest has learnt of must
/// be over.
async fn assert_given_up(world: &World, stage: &Stage) {
    let run = world.ended().await;
    assert_eq!((run.status, run.response.unwrap().status), (RunStatus::Failed, 503));
    assert_eq!(run.outstanding, 0);
    assert!(world.inngest.dispatches().is_empty());
    assert_eq!(stage.effects.all(), ["entered", "one"]);
    world.assert_clean();
}

#[tokio::test]
async fn a_handler_that_must_hand_over_while_inngest_is_down_answers_503() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(hands_over))).await;
    world.inngest.go_down();
    assert_unavailable(world.post("/").send().await.unwrap()).await;
    world.inngest.come_up();
    assert_given_up(&world, &stage).await;
}

/// A client that tries again when Inngest is back gets its answer.
#[tokio::test]
async fn the_next_request_after_an_outage_is_as_any() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(hands_over))).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).respond(400));
    assert_unavailable(world.post("/").send().await.unwrap()).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "one ran 2 time");
    world.delivered().await;
    world.assert_clean();
}

/// One call fails; the run is handed over all the same.
async fn hands_over_despite(fault: InjectedFault) {
    let stage = Stage::new();
    let world = World::of(stage.app(post(hands_over))).await;
    world.inngest.inject(fault);
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "one ran 1 time");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(world.inngest.dispatches().len(), 1);
    assert_eq!(stage.effects.all(), ["entered", "one", "entered"]);
    world.assert_clean();
}

#[tokio::test]
async fn handing_over_is_tried_again_after_a_server_error() {
    hands_over_despite(InjectedFault::on(Call::NewRun).first(2).respond(500)).await;
}

#[tokio::test]
async fn handing_over_is_tried_again_after_a_refused_connection() {
    hands_over_despite(InjectedFault::on(Call::NewRun).refuse()).await;
}

#[tokio::test]
async fn handing_over_is_tried_again_after_a_rate_limit_and_not_before_it_is_over() {
    let begun = tokio::time::Instant::now();
    hands_over_despite(InjectedFault::on(Call::NewRun).respond(429).retry_after(Duration::from_secs(1)))
        .await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn handing_over_is_tried_again_when_the_answer_is_lost_and_the_run_goes_on_once() {
    hands_over_despite(InjectedFault::on(Call::NewRun).drop_response()).await;
}

#[tokio::test]
async fn handing_over_waits_for_a_slow_answer() {
    hands_over_despite(InjectedFault::on(Call::NewRun).delay(Duration::from_millis(150))).await;
}

#[tokio::test]
async fn handing_over_is_not_tried_again_when_that_cannot_help() {
    for status in [400, 401, 409] {
        let stage = Stage::new();
        let world = World::of(stage.app(post(hands_over))).await;
        world.inngest.inject(InjectedFault::on(Call::NewRun).respond(status));
        assert_unavailable(world.post("/").send().await.unwrap()).await;
        assert_given_up(&world, &stage).await;
        let statuses: Vec<_> = world.inngest.calls().iter().map(|call| call.status.unwrap()).collect();
        assert_eq!(statuses, [StatusCode::from_u16(status).unwrap(), StatusCode::OK]);
    }
}

/// Inngest has the run and its sleep, but all its answers are lost, so the client was told to try
/// again.
#[tokio::test]
async fn a_run_that_was_handed_over_without_anybody_knowing_is_ended() {
    let stage = Stage::new();
    let world = World::builder().inngest(|inngest| inngest.clock(Clock::Manual));
    let world = world.start(stage.app(post(hands_over))).await;
    // The call that hands over is made once, the one without that up to four times.
    world.inngest.inject(InjectedFault::on(Call::NewRun).first(5).drop_response());
    assert_unavailable(world.post("/").send().await.unwrap()).await;
    world.inngest.wait_for_call(Call::NewRun, 6).await;
    world.delivered().await;
    world.inngest.advance(2 * PAUSE).await;
    assert_given_up(&world, &stage).await;
}
