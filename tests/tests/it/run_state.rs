//! What a re-entry makes of a state that Inngest does not give, and of a run that is over.

use std::time::Duration;

use axum::extract::State;
use axum::routing::{head, post};
use inngest::{Step, StepError};
use reqwest::Method;
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Logs, Stage, World};

const PAUSE: Duration = Duration::from_secs(3_600);

#[inngest::api_fn(id = "run-state-charge", retries = 0)]
async fn charge(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("charge", async { Ok(stage.effects.happen("charge")) }).await?;
    step.sleep("pause", PAUSE).await;
    step.run("receipt", async { Ok(stage.effects.happen("receipt")) }).await?;
    Ok("done")
}

/// While a run is being finalized Inngest gives an empty state, and any failure of its own looks
/// like a run that is over. There is no attempt to spare in this function.
#[tokio::test]
async fn a_state_that_is_missing_for_a_while_is_waited_for() {
    for (times, status, body) in [(1, 200, "{}"), (2, 200, "{}"), (1, 410, ""), (4, 410, "")] {
        let stage = Stage::new();
        let world = World::of(stage.app(post(charge))).await;
        let fault = InjectedFault::on(Call::Actions).first(times);
        world.inngest.inject(if status == 200 { fault.body(body) } else { fault.respond(status) });
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "done", "{times} x {status}");
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        assert_eq!(stage.effects.all(), ["charge", "receipt"], "{times} x {status}");
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "run-state-branches", retries = 2)]
async fn branches(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    tokio::join!(step.sleep("a", PAUSE), step.sleep("b", PAUSE));
    stage.door.pass().await;
    Ok(format!("end {}", stage.effects.happen("end")))
}

/// What was to be the run's end comes when somebody has cancelled it.
#[tokio::test]
async fn the_end_of_a_cancelled_run_stays_its_end() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(branches))).await;
    world.post("/").send().await.unwrap();
    stage.door.reached(1).await;
    let run_id = world.inngest.wait_for_run().await.id;
    world.inngest.cancel(&run_id);
    stage.door.open();
    // One re-entry has left the rest to the other, which comes to the end.
    let (one, two) = tokio::join!(world.inngest.wait_for_answer(1), world.inngest.wait_for_answer(2));
    let ends = [&one, &two].map(|answer| answer.response_headers.get("x-inngest-no-retry").cloned());
    assert!(ends.iter().flatten().all(|no_retry| no_retry == "false"), "{one:?} {two:?}");
    assert!(ends.iter().any(Option::is_some), "{one:?} {two:?}");
    assert_eq!(world.inngest.run(&run_id).unwrap().status, RunStatus::Cancelled);
    world.assert_clean();
}

/// Two branches that end together have a re-entry each; the second comes when the first has ended
/// the run.
#[tokio::test]
async fn reentries_after_a_runs_end_change_nothing_of_it() {
    let stage = Stage::new();
    stage.door.open();
    let world = World::of(stage.app(post(branches))).await;
    world.inngest.reenter_after_end(3);
    let response = world.post("/").send().await.unwrap();
    let answer = world.follow(response).await.text().await.unwrap();
    assert!(answer.starts_with("end "), "{answer}");
    let run = world.ended().await;
    let known = world.inngest.dispatches().len();
    world.inngest.wait_for_answer(known).await;
    let after = world.inngest.run(&run.id).unwrap();
    assert_eq!((after.status, after.response.unwrap().body), (RunStatus::Completed, answer));
    world.assert_clean();
}

#[inngest::api_fn(id = "run-state-head", retries = 0)]
async fn headed(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", PAUSE).await;
    stage.effects.happen("after");
    Ok("done")
}

/// Inngest calls back by GET. That the route takes none is known from then on.
#[tokio::test]
async fn a_route_that_takes_head_alone_is_named_and_then_hands_over_no_more() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(head(headed))).await;
    let first = world.request(Method::HEAD, "/").send().await.unwrap();
    assert_eq!(first.status(), 303);
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.response.unwrap().body.contains("`get(..)`"));
    logs.assert_line_with(&["ERROR", &run.id, "takes no GET"]);
    world.assert_rejected();

    let second = world.request(Method::HEAD, "/").send().await.unwrap();
    assert_eq!(second.status(), 405);
    world.delivered().await;
    assert_eq!(world.inngest.dispatches().len(), 1, "the second run was not handed over");
    assert_eq!(stage.effects.count("after"), 0);
}
