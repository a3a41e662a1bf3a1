//! Functions that have changed since their runs were recorded.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::routing::{MethodRouter, post};
use axum::{Json, Router};
use inngest::{Provider, Step, StepError};
use serde::{Deserialize, Serialize};
use stephttp_dev::Replay;
use stephttp_tests::Effects;

use super::functions::{Charge, Order, Pause, work};

/// What is said of a recording when its path has this handler now.
async fn report(recording: &str, path: &str, handler: MethodRouter<Effects>) -> String {
    let effects = Effects::new();
    let (path, seen) = (path.to_owned(), effects.clone());
    let app =
        move |inngest: &Provider| Router::new().route(&path, handler).with_state(seen).layer(inngest.layer());
    let replay = Replay::of(format!("tests/replay/fixtures/plain/{recording}.json")).app(app);
    let report = replay.check().await.map_or_else(|report| report.to_string(), |held| format!("{held:?}"));
    assert_eq!(effects.all(), Vec::<String>::new());
    report
}

/// Passes if the only thing that is said is this.
#[track_caller]
fn assert_says(report: &str, place: &str, message: &str) {
    let expected = format!(
        "the code does not hold to 1 of 1 recorded runs\n\ntests/replay/fixtures/plain/{place}:\n  - {message}\n\nRecord the \
         runs again if none like them are in flight any more."
    );
    assert_eq!(report, expected);
}

fn charge() -> Charge {
    Charge { id: "ch".to_owned(), cents: 1 }
}

#[inngest::api_fn(id = "replay-renamed")]
async fn renamed(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
    _: Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = step.run("charge-card", work(&effects, "charge", charge())).await?;
    step.sleep("cool-off", pause.time()).await;
    step.run("receipt", work(&effects, "receipt", ())).await?;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_renamed_step_is_told_with_what_to_write() {
    let message = "stranded: the step `charge` is not found, since no step of the handler has this id any more. It seems to be \
                   `charge-card` now, which comes next where `charge` stood: a run that has done it does it again. Write \
                   `step.run(\"charge-card\", ..).renamed_from(\"charge\")`";
    for recording in ["sequence", "sequence-in-flight"] {
        let report = report(recording, "/sequence", post(renamed)).await;
        let place = format!("{recording}.json (function `replay-sequence`), with no step stored");
        assert_says(&report, &place, message);
    }
}

#[inngest::api_fn(id = "replay-renamed-from")]
async fn renamed_from(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
    _: Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = step.run("charge-card", work(&effects, "charge", charge())).renamed_from("charge").await?;
    step.sleep("cool-off", pause.time()).await;
    step.run("receipt", work(&effects, "receipt", ())).await?;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_renamed_step_that_says_so_holds() {
    let report = report("sequence*", "/sequence", post(renamed_from)).await;
    assert_eq!(report, "Replayed { recordings: 2, states: 6, notes: [] }");
}

#[inngest::api_fn(id = "replay-removed")]
async fn removed(
    State(effects): State<Effects>,
    step: Step,
    Json(order): Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = step.run("charge", work(&effects, "charge", charge())).await?;
    step.run("receipt", work(&effects, "receipt", order.cents == charge.cents)).await?;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_removed_step_is_told() {
    let report = report("sequence", "/sequence", post(removed)).await;
    assert_says(
        &report,
        "sequence.json (function `replay-sequence`), with 1 step stored, the last of them `charge`",
        "stranded: the sleep `cool-off` has been removed: no step of the handler has this id any more, and `receipt` comes next \
         where it stood. What is stored of it is not used any more: make sure that nothing is left undone",
    );
}

/// What a charge has come to be.
#[derive(Serialize, Deserialize)]
struct DetailedCharge {
    id: String,
    cents: u64,
    currency: String,
}

#[inngest::api_fn(id = "replay-retyped")]
async fn retyped(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
    _: Json<Order>,
) -> Result<Json<DetailedCharge>, StepError> {
    let charge = DetailedCharge { id: String::new(), cents: 1, currency: "EUR".to_owned() };
    let charge = step.run("charge", work(&effects, "charge", charge)).await?;
    step.sleep("cool-off", pause.time()).await;
    step.run("receipt", work(&effects, "receipt", ())).await?;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_step_whose_type_cannot_read_what_is_stored_is_told_with_the_reason() {
    let report = report("sequence-in-flight", "/sequence", post(retyped)).await;
    assert_says(
        &report,
        "sequence-in-flight.json (function `replay-sequence`), with 1 step stored, the last of them `charge`",
        "stranded: what is stored of the step `charge` cannot be read as `replay::changed::DetailedCharge`: missing field \
         `currency`. Write `#[serde(default)]` at the field `currency`, or have it be an `Option`; a field \
         that is another's new name has `#[serde(alias = \"..\")]`",
    );
}

#[inngest::api_fn(id = "replay-moved")]
async fn moved(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
    _: Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = step.run("charge", work(&effects, "charge", charge())).await?;
    step.run("receipt", work(&effects, "receipt", ())).await?;
    step.sleep("cool-off", pause.time()).await;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_wait_that_has_moved_is_told() {
    let report = report("sequence", "/sequence", post(moved)).await;
    assert_says(
        &report,
        "sequence.json (function `replay-sequence`), with 1 step stored, the last of them `charge`",
        "the sleep `cool-off` has moved: the recording has it before `receipt`, and the handler comes to `receipt` first. A run \
         in flight that has passed the one passes the other with what is stored, or runs it late",
    );
}

#[inngest::api_fn(id = "replay-in-front")]
async fn in_front(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
    _: Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = step.run("charge", work(&effects, "charge", charge())).await?;
    step.run("screen", work(&effects, "screen", ())).await?;
    step.sleep("cool-off", pause.time()).await;
    step.run("receipt", work(&effects, "receipt", ())).await?;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_new_step_in_front_is_told() {
    let message = "the new step `screen` stands in front of the sleep `cool-off`: a run in flight comes to it first, also if it \
                   has done what comes after it. Make sure that it may run that late";
    let place = "(function `replay-sequence`), with 1 step stored, the last of them `charge`";
    let ended = report("sequence", "/sequence", post(in_front)).await;
    assert_says(&ended, &format!("sequence.json {place}"), message);
    // What waits has come to nothing that the new step could be tried with.
    let in_flight = report("sequence-in-flight", "/sequence", post(in_front)).await;
    assert_says(&in_flight, &format!("sequence-in-flight.json {place}"), message);
}

#[inngest::api_fn(id = "replay-new-branch")]
async fn new_branch(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<String, StepError> {
    let (stock, price, tax, _) = tokio::try_join!(
        step.run("stock", work(&effects, "stock", 3_u32)),
        step.run("price", work(&effects, "price", 990_u32)),
        step.run("tax", work(&effects, "tax", 19_u32)),
        step.run("discount", work(&effects, "discount", 1_u32)),
    )?;
    step.sleep("settle", pause.time()).await;
    let sum = step.run("sum", work(&effects, "sum", stock * price + tax)).await?;
    Ok(sum.to_string())
}

#[tokio::test]
async fn a_new_branch_is_told() {
    let report = report("fan-out", "/fan-out", post(new_branch)).await;
    let message = "as another branch, and the run waits for it before `settle`: a run in flight runs it late, when the others \
                   have ended. Make sure that it may";
    assert!(report.contains("with 3 steps stored") && report.contains(message), "{report}");
    assert!(report.contains("the new step `discount` runs beside `"), "{report}");
    for branch in ["`stock`", "`price`", "`tax`"] {
        assert!(report.contains(branch), "{report}");
    }
}

#[inngest::api_fn(id = "replay-other-kind")]
async fn other_kind(
    State(effects): State<Effects>,
    step: Step,
    _: Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = step.run("charge", work(&effects, "charge", charge())).await?;
    step.run("cool-off", work(&effects, "cool-off", ())).await?;
    step.run("receipt", work(&effects, "receipt", ())).await?;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_step_of_another_kind_is_told() {
    let report = report("sequence", "/sequence", post(other_kind)).await;
    let message = "stranded: the step `cool-off` was a `sleep` and is a `run` now, which finds a result of another kind: give it \
                   a new id";
    assert!(report.contains(message), "{report}");
}

#[inngest::api_fn(id = "replay-hangs")]
async fn hangs(
    State(effects): State<Effects>,
    step: Step,
    _: Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = step.run("charge", work(&effects, "charge", charge())).await?;
    std::future::pending::<()>().await;
    Ok(Json(charge))
}

#[tokio::test]
async fn a_handler_that_hangs_is_told_within_its_limit() {
    let app = |inngest: &Provider| {
        let app = Router::new().route("/sequence", post(hangs)).with_state(Effects::new());
        app.layer(inngest.layer())
    };
    let replay = Replay::of("tests/replay/fixtures/plain/sequence-in-flight.json").app(app);
    let report = replay.limit(Duration::from_millis(500)).check().await.unwrap_err().to_string();
    let message = "the handler does not come to `cool-off`, with which the recording goes on: for 500ms it did something that \
                   is no step (`Replay::limit` gives it more time)";
    assert!(report.contains(message), "{report}");
}

#[derive(Deserialize)]
struct StrictOrder {
    #[serde(rename = "currency")]
    _currency: String,
}

#[inngest::api_fn(id = "replay-strict")]
async fn strict(step: Step, _: Json<StrictOrder>) -> Result<(), StepError> {
    step.sleep("cool-off", Duration::from_secs(1)).await;
    Ok(())
}

#[tokio::test]
async fn requests_that_the_code_does_not_take_any_more_are_told() {
    let rejected = report("sequence", "/sequence", post(strict)).await;
    let message =
        "stranded: a layer or an extractor answers `POST /sequence` with 422 in the handler's place. ";
    assert!(rejected.contains(message) && rejected.contains("`Remember`"), "{rejected}");
    let nowhere = report("sequence", "/elsewhere", post(strict)).await;
    let message = "stranded: no route of the app takes `POST /sequence` (it answers 404). ";
    assert!(nowhere.contains(message) && nowhere.contains("keep the former route"), "{nowhere}");
}

#[inngest::api_fn(id = "replay-other-status")]
async fn other_status(
    State(effects): State<Effects>,
    step: Step,
) -> Result<(axum::http::StatusCode, Json<Vec<u32>>), StepError> {
    let one = step.run("one", work(&effects, "one", 1)).await?;
    let two = step.run("two", work(&effects, "two", one + 1)).await?;
    Ok((axum::http::StatusCode::CREATED, Json(vec![one, two])))
}

#[tokio::test]
async fn another_end_is_told_and_so_are_recordings_that_are_not_there() {
    let nothing = report("none-*", "/", post(other_status)).await;
    assert!(nothing.contains("no file matches `tests/replay/fixtures/plain/none-*.json`"), "{nothing}");
    let retried = report("retried", "/retried", post(other_status)).await;
    assert!(retried.contains("`first`"), "{retried}");
    let no_app = Replay::of("tests/replay/fixtures/plain").check().await.unwrap_err().to_string();
    assert!(no_app.contains("Replay::app"), "{no_app}");
}
