//! Code that changes while runs are in flight.

use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use inngest::{Step, StepError};
use stephttp_tests::{Logs, Stage, World};

#[inngest::api_fn(id = "changed-code-removed")]
async fn loses_a_step(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    if stage.effects.happen("began") == 1 {
        step.run("old", async { Ok(stage.effects.happen("old")) }).await?;
    }
    step.sleep("one", Duration::from_secs(60)).await;
    step.sleep("two", Duration::from_secs(60)).await;
    Ok("done")
}

#[tokio::test]
async fn a_finished_step_that_the_handler_does_not_come_to_is_logged_once() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(post(loses_a_step))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    let run = world.ended().await;
    let logged = logs.lines_with(&["WARN", &run.id, "did not come to", "count=1"]);
    assert_eq!(logged.len(), 1, "{logged:?}");
    world.assert_clean();
}

#[inngest::api_fn(id = "changed-code-renamed")]
async fn renames_a_step(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    const CHARGE_CARD: &str = "charge-card";
    let charges = |name: &'static str| {
        let stage = stage.clone();
        async move { Ok::<_, inngest::Failure>(format!("{name} {}", stage.effects.happen(name))) }
    };
    let mut charged = Vec::new();
    let is_old = stage.effects.happen("began") == 1;
    for _ in 0..2 {
        charged.push(if is_old {
            step.run("charge", charges("old")).await?
        } else {
            step.run(CHARGE_CARD, charges("new")).renamed_from("charge").await?
        });
    }
    step.sleep("pause", Duration::from_secs(60)).await;
    // There was no third under the old id.
    if !is_old {
        charged.push(step.run(CHARGE_CARD, charges("new")).renamed_from("charge").await?);
    }
    Ok(charged.join(", "))
}

#[tokio::test]
async fn a_renamed_step_finds_what_it_came_to_under_its_old_id() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(post(renames_a_step))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "old 1, old 2, new 1");
    let run = world.ended().await;
    assert!(logs.lines_with(&["WARN", &run.id, "did not come to"]).is_empty());
    world.assert_clean();
}

#[inngest::api_fn(id = "changed-code-gone", retries = 1)]
async fn loses_a_claimed_step(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    let branch = async |name: &str, seconds| {
        step.sleep(name, Duration::from_secs(seconds)).await;
        if stage.effects.happen(name) == 1 {
            step.run(format!("after {name}"), async { Ok(stage.effects.happen("after")) }).await?;
        }
        Ok::<_, StepError>(())
    };
    tokio::try_join!(branch("a", 10), branch("b", 20))?;
    Ok("done")
}

/// A step that one request comes to, and no other does, holds none of them.
#[tokio::test]
async fn a_step_that_is_gone_does_not_hold_the_run() {
    let stage = Stage::new();
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).replay_patience(Duration::from_millis(20)))
        .start(stage.app(post(loses_a_claimed_step)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(stage.effects.count("after"), 2, "once for each branch");
}

#[inngest::api_fn(id = "changed-code-both")]
async fn has_old_and_new(step: Step) -> Result<String, StepError> {
    let old = step.run("price", async { Ok("old".to_owned()) }).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    let new = step.run("new-price", async { Ok("new".to_owned()) }).renamed_from("price").await?;
    Ok(format!("{old} {new}"))
}

#[tokio::test]
async fn a_step_does_not_take_what_another_step_of_the_handler_came_to() {
    let world = World::of(axum::Router::new().route("/", post(has_old_and_new))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "old new");
}

const DAY: Duration = Duration::from_secs(86_400);

/// Its steps make sense in the first request alone.
#[inngest::api_fn(id = "changed-code-nonsense")]
async fn makes_sense_at_first(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let is_first = stage.effects.happen("began") == 1;
    let (days, name) = if is_first { (1, "shop/paid") } else { (400, "") };
    let paid = step.wait_for_event::<()>("paid", "shop/paid").timeout(days * DAY);
    let named = step.wait_for_event::<()>("named", name).timeout(DAY);
    let (paid, named) = tokio::join!(paid, named);
    let new = step.wait_for_event::<()>("new", name).await.unwrap_err();
    Ok(format!("{} {} {}", paid?.is_some(), named?.is_some(), new.name()))
}

#[tokio::test]
async fn what_is_stored_of_a_wait_counts_whatever_its_arguments_say_now() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(makes_sense_at_first))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "false false InvalidEventName");
    world.assert_clean();
}
