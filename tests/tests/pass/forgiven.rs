//! Programs that are right, and near what is refused: the macro must know them apart.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::routing::post;
use inngest::{EventData, Failure, Step, StepError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::assert_answers;

/// rustc asked to remove its braces.
#[rustfmt::skip]
#[deny(unused_braces)]
mod in_one_line {
    #[inngest::api_fn(id = "forgiven-one-line")]
    pub(super) async fn one_line(step: inngest::Step) -> Result<axum::Json<u32>, inngest::StepError> { step.run("charge", async { Ok(1) }).await.map(axum::Json) }
}

/// axum takes several extractors as one argument.
#[inngest::api_fn(id = "forgiven-tuple")]
async fn tuples(
    (State(factor), Path(number)): (State<u32>, Path<u32>),
    step: Step,
    (method, offset): (Method, String),
) -> Result<String, StepError> {
    let sum = step.run("charge", async { Ok(factor * number) }).await?;
    Ok(format!("{method} {sum} {offset}"))
}

#[derive(Serialize, EventData)]
#[event(name = "shop/paid")]
struct Paid<'a> {
    order: &'a str,
    note: Cow<'a, str>,
}

/// An event that is sent alone need not own its data.
#[inngest::api_fn(id = "forgiven-borrowed-event")]
async fn sends_what_it_borrows(step: Step) -> Result<String, StepError> {
    let order = "o-7".to_owned();
    step.send("tell", Paid { order: &order, note: order.as_str().into() }).await
}

#[derive(Deserialize, EventData)]
#[event(name = "shop/counted")]
struct Counted {
    count: u32,
    open: bool,
}

/// Rust's operators beside the filter's fields, and a wait's result that is handled in several
/// ways.
#[inngest::api_fn(id = "forgiven-wait")]
async fn waits(step: Step) -> Result<Json<u32>, StepError> {
    let (least, late) = (2_u32, true);
    let counted = step
        .wait_for::<Counted>("count")
        .matching(|counted| {
            counted
                .count
                .ge(if late && least > 1 { least } else { 1 })
                .and(!counted.open.ne(!late || least > 2))
        })
        .timeout(Duration::from_secs(60))
        .await?;
    let open = counted.as_ref().is_some_and(|counted| counted.data.open);
    let Some(counted) = counted else { return Ok(Json(0)) };
    Ok(Json(counted.data.count + u32::from(open)))
}

/// `?` in an inner function, a block and a closure of a handler that gives no `Result`.
#[inngest::api_fn(id = "forgiven-inner-question-marks")]
async fn asks_within(step: Step) -> String {
    async fn inner(step: &Step) -> Result<u32, StepError> {
        let one = step.run("inner", async { Ok(1) }).await?;
        Ok(one)
    }
    let block = async {
        let two = step.run("block", async { Ok(2) }).await?;
        Ok::<u32, StepError>(two)
    };
    let closure = async |n: u32| Ok::<u32, StepError>(step.run("closure", async { Ok(n) }).await?);
    let sum = async { Ok::<u32, StepError>(inner(&step).await? + block.await? + closure(3).await?) };
    sum.await.map_or_else(|error| error.to_string(), |sum| sum.to_string())
}

/// A failure that becomes another error, and one that stays in its step.
#[inngest::api_fn(id = "forgiven-failure")]
async fn fails(step: Step) -> Result<Json<u32>, StepError> {
    let tried = step.run("try", async {
        if is_bad() {
            return Err(Failure::non_retriable("bad"));
        }
        Ok(5)
    });
    let checked: Result<u32, Failure> = if is_bad() { Err(Failure::new("bad")) } else { Ok(1) };
    Ok(Json(tried.await? + checked.unwrap_or_default()))
}

/// A closure with a type, an alias that is called `Response`, a time that is made of an `Instant`.
type Response = Result<Json<u32>, StepError>;

#[inngest::api_fn(id = "forgiven-closure", allow(clock))]
async fn closures(step: Step) -> Response {
    let check = |bad: bool| -> Result<u32, Failure> {
        if bad {
            return Err(Failure::new("bad"));
        }
        Ok(1)
    };
    let run = async |id: &str| -> Result<u32, StepError> {
        let one = step.run(id, async { check(is_bad()) }).await?;
        Ok(one)
    };
    step.sleep_until("a-moment", system_time(Instant::now())).await;
    Ok(Json(run("one").await? + step.run("two", async { Ok(2) }).await?))
}

fn system_time(instant: Instant) -> SystemTime {
    SystemTime::now() - instant.elapsed()
}

fn is_bad() -> bool {
    false
}

#[tokio::test]
async fn what_is_near_a_mistake_runs() {
    let app = axum::Router::new()
        .route("/one-line", post(in_one_line::one_line))
        .route("/tuples/{number}", post(tuples))
        .route("/borrows", post(sends_what_it_borrows))
        .route("/waits", post(waits))
        .route("/asks", post(asks_within))
        .route("/fails", post(fails))
        .with_state(2);
    let answers = [("/asks", "6"), ("/fails", "6"), ("/one-line", "1"), ("/tuples/3", "POST 6 body")];
    assert_answers(app, &answers).await;

    sends_what_it_borrows(Step::detached()).await.unwrap();
    assert_eq!(closures(Step::detached()).await.unwrap().0, 3);
    let counted = serde_json::json!({ "count": 3, "open": true });
    let step = Step::detached_with([("count", counted)]);
    assert_eq!(waits(step).await.unwrap().0, 4);
}
