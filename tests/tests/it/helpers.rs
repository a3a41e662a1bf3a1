//! Functions that run steps for handlers.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use inngest::function::registered_helpers;
use inngest::steps_lock::{StepsLockError, check};
use inngest::{Failure, Step, StepError};
use stephttp_tests::{Effects, Stage, World};

async fn paid(effects: &Effects, what: String) -> Result<String, Failure> {
    let count = effects.happen(what.clone());
    Ok(format!("{what} {count}"))
}

/// Generic, with `?` in a bare block.
#[inngest::step_fn]
async fn charge<T>(effects: &Effects, step: &Step, what: T) -> Result<String, StepError>
where
    T: Display + Send,
{
    step.run("helpers-charge", async { Ok(paid(effects, format!("charge {what}")).await? + "!") }).await
}

struct Shop(Effects);

impl Shop {
    #[inngest::step_fn]
    async fn ship(&self, step: Step, parcel: &str) -> Result<String, StepError> {
        let shipped = step.run("helpers-ship", paid(&self.0, parcel.to_owned())).await?;
        step.sleep("helpers-on-its-way", Duration::from_secs(60)).await;
        Ok(shipped)
    }
}

#[inngest::api_fn(id = "helpers-order")]
async fn order(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen("began");
    let mut done = vec![charge(&stage.effects, &step, 1).await?, charge(&stage.effects, &step, "two").await?];
    let shop = Shop(stage.effects.clone());
    done.push(shop.ship(step.clone(), "a box").await?);
    done.push(shop.ship(step, "a bag").await?);
    Ok(done.join(", "))
}

#[tokio::test]
async fn steps_of_helpers_are_found_again_in_re_entries() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(order))).await;
    let response = world.post("/").send().await.unwrap();
    let answer = world.follow(response).await.text().await.unwrap();
    assert_eq!(answer, "charge 1 1!, charge two 1!, a box 1, a bag 1");
    assert_eq!(stage.effects.count("began"), 3, "once, and after each wait");
    world.assert_clean();
}

#[test]
fn their_ids_are_registered() {
    let known = |path: &str| {
        let mut found = registered_helpers().filter(|helper| helper.function() == path);
        let helper = found.next().unwrap();
        assert!(found.next().is_none());
        assert!(helper.location().contains("helpers.rs:"), "{helper:?}");
        helper.steps().iter().map(|step| format!("{} {:?}", step.id(), step.kind())).collect::<Vec<_>>()
    };
    assert_eq!(known("it::helpers::charge"), ["helpers-charge Run"]);
    assert_eq!(known("it::helpers::ship"), ["helpers-ship Run", "helpers-on-its-way Sleep"]);
    let in_handler = inngest::function::registered().find(|function| function.opts().id() == "helpers-order");
    assert!(in_handler.unwrap().steps().is_empty());
}

/// What the lock says of this program, to which most is new, when it knows the helper with this
/// step.
fn lock_with(id: &str) -> StepsLockError {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{id}.lock"));
    let helper = format!(r#""it::helpers::charge": {{"steps": {{"{id}": "run"}}}}"#);
    let text = format!(r#"{{"about": "", "version": 1, "endpoints": {{}}, "helpers": {{{helper}}}}}"#);
    std::fs::write(&path, text).unwrap();
    check(&path).unwrap_err()
}

#[test]
fn another_id_in_a_helper_fails_the_lock() {
    let error = lock_with("helpers-pay");
    assert!(matches!(error, StepsLockError::Stranded { .. }), "{error}");
    for part in [
        "\nhelper `it::helpers::charge` (",
        "step `helpers-pay` (`run`) is gone",
        "`.renamed_from(\"helpers-pay\")`",
    ] {
        assert!(error.to_string().contains(part), "{part} is not in {error}");
    }
    let error = lock_with("helpers-charge");
    assert!(matches!(error, StepsLockError::OutOfDate { .. }), "{error}");
    assert!(!error.to_string().contains("it::helpers::charge"), "{error}");
}
