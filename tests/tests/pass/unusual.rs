//! Right, though it looks like a mistake.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use inngest::{EventData, Failure, Step, StepError};
use serde::{Deserialize, Serialize};

/// Runs what it is given where it is.
struct Together;

impl Together {
    async fn spawn<T>(&self, future: impl Future<Output = T>) -> T {
        future.await
    }
}

async fn spawn<T>(future: impl Future<Output = T>) -> T {
    future.await
}

#[inngest::api_fn(id = "unusual-spawn")]
async fn spawns(step: Step) -> Result<u32, StepError> {
    let together = Together;
    together.spawn(step.run("spawned", async { Ok(1) })).await
}

#[inngest::api_fn(id = "unusual-spawn-allowed", allow(spawn))]
async fn spawns_by_name(step: Step) -> Result<u32, StepError> {
    spawn(step.run("spawned", async { Ok(1) })).await
}

#[inngest::step_fn(allow(spawn))]
async fn helper(step: &Step) -> Result<u32, StepError> {
    spawn(step.run("spawned", async { Ok(1) })).await
}

#[inngest::api_fn(id = "unusual-cfg")]
async fn configured(step: Step) -> Result<u32, StepError> {
    #[cfg(windows)]
    let charge = step.run("charge", async { Ok(1) }).await?;
    #[cfg(not(windows))]
    let charge = step.run("charge", async { Ok(2) }).await?;
    Ok(charge)
}

/// A boxed error is none, and is made one.
#[inngest::api_fn(id = "unusual-boxed-error")]
async fn boxed(step: Step) -> Result<u32, StepError> {
    async fn charge() -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
        Ok(3)
    }
    step.run("charge", async { charge().await.map_err(Failure::new) }).await
}

#[inngest::api_fn(id = "unusual-pause", allow(sleep))]
async fn pauses(step: Step) -> Result<u32, StepError> {
    tokio::time::sleep(std::time::Duration::ZERO).await;
    step.run("charge", async { Ok(4) }).await
}

/// rustc asked to remove its braces.
#[rustfmt::skip]
#[deny(unused_braces)]
mod in_one_line {
    #[inngest::api_fn(id = "unusual-one-line")]
    pub(super) async fn one_line(step: inngest::Step) -> Result<u32, inngest::StepError> { super::helper(&step).await }
}

/// axum takes several extractors as one argument.
#[inngest::api_fn(id = "unusual-tuple")]
async fn tuples(
    (State(factor), Path(number)): (State<u32>, Path<u32>),
    (method, Json(offset)): (Method, Json<u32>),
    step: Step,
) -> Result<u32, StepError> {
    let _ = method;
    step.run("charge", async { Ok(factor * number + offset) }).await
}

#[derive(Serialize, EventData)]
#[event(name = "shop/paid")]
struct Paid<'a> {
    order: &'a str,
    note: Cow<'a, str>,
}

/// An event that is sent alone need not own its data.
#[inngest::api_fn(id = "unusual-borrowed-event")]
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

/// Rust's operators beside the filter's fields, and a wait's result that is handled in several ways.
#[inngest::api_fn(id = "unusual-wait")]
async fn waits(step: Step) -> Result<u32, StepError> {
    let (least, late) = (2_u32, true);
    let counted = step
        .wait_for::<Counted>("count")
        .matching(|counted| {
            counted.count.ge(if late && least > 1 { least } else { 1 }).and(counted.open.eq(!late == false))
        })
        .timeout(Duration::from_secs(60))
        .await?;
    let open = counted.as_ref().is_some_and(|counted| counted.data.open);
    let Some(counted) = counted else { return Ok(0) };
    Ok(counted.data.count + u32::from(open))
}

/// `?` in an inner function, a block and a closure of a handler that gives no `Result`.
#[inngest::api_fn(id = "unusual-inner-question-marks")]
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
#[inngest::api_fn(id = "unusual-failure")]
async fn fails(step: Step) -> Result<u32, StepError> {
    let tried = step.run("try", async {
        if step_is_bad() {
            return Err(Failure::non_retriable("bad"));
        }
        Ok(5)
    });
    let checked: Result<u32, Failure> = if step_is_bad() { Err(Failure::new("bad")) } else { Ok(1) };
    Ok(tried.await? + checked.unwrap_or_default())
}

fn step_is_bad() -> bool {
    false
}

#[tokio::test]
async fn what_looks_like_a_mistake_runs() {
    use inngest::function::ApiFn;

    assert_eq!(spawns(Step::detached()).await.unwrap(), 1);
    assert_eq!(spawns_by_name(Step::detached()).await.unwrap(), 1);
    assert_eq!(helper(&Step::detached()).await.unwrap(), 1);
    assert_eq!(boxed(Step::detached()).await.unwrap(), 3);
    assert_eq!(pauses(Step::detached()).await.unwrap(), 4);
    configured(Step::detached()).await.unwrap();
    assert_eq!(in_one_line::one_line(Step::detached()).await.unwrap(), 1);
    sends_what_it_borrows(Step::detached()).await.unwrap();
    assert_eq!(waits(Step::detached()).await.unwrap(), 0);
    assert_eq!(asks_within(Step::detached()).await, "6");
    assert_eq!(fails(Step::detached()).await.unwrap(), 6);
    let (state, path) = (State(2), Path(3));
    assert_eq!(tuples((state, path), (Method::POST, Json(4)), Step::detached()).await.unwrap(), 10);
    // As many as there are in this program.
    assert_eq!(configured::STEPS.len(), 1);
}
