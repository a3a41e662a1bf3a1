//! Steps and handlers that fail.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use inngest::{Failure, NoRetry, ResultExt, Step, StepError};
use serde_json::{Value, json};

use super::NAP;
use crate::scenario::{Expect, Lenient, Scenario, scenario};
use crate::stage::Effects;

pub(super) const FAILS_LATER: &str = "a step that fails in a re-entry is shown to begin with the re-entry, before the steps that ran in it first";

pub(super) fn all() -> Vec<Scenario> {
    let unsure = Lenient::Status(
        "the call that ends the run at once carries a failed step or a status of 500 and above: a server shows either (docs/protocol.md 5.2)",
    );
    let begins_early = Lenient::Order(FAILS_LATER);
    let exhausts = "a crash uses up an attempt, and this is about how many there are";
    vec![
        scenario::<flaky_at_once>(post(flaky_at_once))
            .says("made it")
            .did(["before", "flaky", "flaky", "after"])
            .shows(["before", "flaky", "after"]),
        scenario::<flaky_later>(post(flaky_later))
            .says("made it")
            .did(["before", "flaky", "flaky", "after"])
            .shows(["nap", "before", "flaky", "after"])
            .lenient(begins_early),
        scenario::<full_budget_each>(post(full_budget_each))
            .says("made it")
            .did(["one", "one", "one", "two", "two", "two"])
            .shows(["one", "two"])
            .not_swept(exhausts),
        scenario::<exhausted_and_caught>(post(exhausted_and_caught))
            .says("step `charge` failed: charge failed")
            .did(["reserve", "charge", "charge", "release"])
            .shows(["reserve", "charge", "release"])
            .not_swept(exhausts),
        scenario::<exhausted>(post(exhausted))
            .with_status(500)
            .with_header("content-type", "application/json")
            .says_something_with(["a step failed", "charge"])
            .fails()
            .did(["charge", "charge"])
            .shows(["charge"])
            .not_swept(exhausts),
        scenario::<no_retries>(post(no_retries))
            .at_once()
            .says("made do")
            .did_and_shows(["charge | made-do"])
            .lenient(unsure),
        scenario::<final_and_caught>(post(final_and_caught))
            .at_once()
            .says("NonRetriableError: charge is broken")
            .did_and_shows(["charge | release"])
            .lenient(unsure),
        scenario::<extended>(post(extended))
            .says("ParseIntError: invalid digit found in string")
            .did(["parse", "limited", "limited"])
            .shows(["nap", "parse | limited"]),
        scenario::<final_then_sleep>(post(final_then_sleep))
            .says("charge is broken")
            .did(["charge", "after"])
            .shows(["charge", "nap", "after"]),
        scenario::<final_later>(post(final_later))
            .with_status(500)
            .says_something_with(["a step failed", "charge"])
            .fails()
            .did(["before", "charge"])
            .shows(["nap", "before", "charge"])
            .lenient(begins_early),
        scenario::<several_fail>(post(several_fail))
            .says("all three")
            .did(["a", "a", "b", "b", "c"])
            .shows(["a | b | c"])
            .not_swept("which of two failing steps is told first decides how often the other one runs"),
        scenario::<failure_beside_sleep>(post(failure_beside_sleep))
            .says("both")
            .did(["flaky", "flaky", "after"])
            .shows(["flaky | nap", "after"]),
        scenario::<retry_after>(post(retry_after))
            .says("waited")
            .did(["limited", "limited"])
            .shows(["nap", "limited"]),
        scenario::<causes>(post(causes))
            .says_json(json!({
                "step": "charge", "name": "Declined", "message": "the charge was declined",
                "causes": ["the bank said no", "the limit is reached"],
            }))
            .did(["charge"])
            .shows(["charge", "nap"])
            .not_swept("without retries a re-entry that dies is not repeated"),
        scenario::<rejects>(post(rejects))
            .at_once()
            .with_status(422)
            .says("not like this")
            .did_and_shows(["check"]),
        scenario::<rejects_later>(post(rejects_later))
            .with_status(404)
            .says("not there")
            .did(["check"])
            .shows(["nap", "check"]),
        scenario::<unavailable>(post(unavailable))
            .at_once()
            .with_status(503)
            .says("not today")
            .fails()
            .did_and_shows(["check"])
            .lenient(unsure),
        scenario::<unavailable_later>(post(unavailable_later))
            .with_status(503)
            .with_header("retry-after", "1")
            .says("not today")
            .fails()
            .did(["check"])
            .shows(["nap", "check"]),
        scenario::<errs_twice>(post(errs_twice))
            .says("recovered")
            .did(["before", "between", "after"])
            .shows(["nap", "before", "between", "after"])
            .not_swept(exhausts),
        scenario::<errs_always>(post(errs_always))
            .with_status(500)
            .with_header("x-why", "the database is down")
            .says("database down")
            .fails()
            .did(["before"])
            .shows(["nap", "before"])
            .not_swept(exhausts),
        scenario::<errs_in_branches>(post(errs_in_branches))
            .says("recovered")
            .did(["a", "b", "after"])
            .shows(["left | right", "a | b", "after"])
            .not_swept(exhausts),
        scenario::<errs_finally>(post(errs_finally))
            .with_status(500)
            .says("corrupt")
            .fails()
            .did(["before"])
            .shows(["nap", "before"]),
        scenario::<wraps_a_steps_error>(post(wraps_a_steps_error))
            .with_status(502)
            .says("no charge: charge is broken")
            .fails()
            .did(["charge"])
            .shows(["nap", "charge"])
            .lenient(begins_early),
        scenario::<panics_once>(post(panics_once))
            .says("recovered")
            .did(["before", "after"])
            .shows(["nap", "before", "after"]),
    ]
}

#[inngest::api_fn(id = "errors-flaky-at-once", retries = 3)]
async fn flaky_at_once(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.run("flaky", effects.fails(1, "flaky")).await?;
    step.run("after", effects.does("after")).await?;
    Ok("made it")
}

#[inngest::api_fn(id = "errors-flaky-later", retries = 3)]
async fn flaky_later(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    step.run("before", effects.does("before")).await?;
    step.run("flaky", effects.fails(1, "flaky")).await?;
    step.run("after", effects.does("after")).await?;
    Ok("made it")
}

#[inngest::api_fn(id = "errors-full-budget-each", retries = 2)]
async fn full_budget_each(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("one", effects.fails(2, "one")).await?;
    step.run("two", effects.fails(2, "two")).await?;
    Ok("made it")
}

#[inngest::api_fn(id = "errors-exhausted-and-caught", retries = 1)]
async fn exhausted_and_caught(step: Step, effects: Effects) -> Result<String, StepError> {
    step.run("reserve", effects.does("reserve")).await?;
    let error = step.run("charge", effects.fails(9, "charge")).await.unwrap_err();
    step.run("release", effects.does("release")).await?;
    Ok(error.to_string())
}

#[inngest::api_fn(id = "errors-exhausted", retries = 1)]
async fn exhausted(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("charge", effects.fails(9, "charge")).await?;
    Ok("never")
}

#[inngest::api_fn(id = "errors-no-retries", retries = 0)]
async fn no_retries(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("charge", effects.fails(9, "charge")).await.unwrap_err();
    step.run("made-do", effects.does("made-do")).await?;
    Ok("made do")
}

#[inngest::api_fn(id = "errors-final-and-caught")]
async fn final_and_caught(step: Step, effects: Effects) -> Result<String, StepError> {
    let error = step.run("charge", effects.breaks("charge")).await.unwrap_err();
    step.run("release", effects.does("release")).await?;
    Ok(format!("{}: {}", error.name(), error.message()))
}

/// Any error can say that it is final, or when to come back.
#[inngest::api_fn(id = "errors-extended", retries = 3)]
async fn extended(step: Step, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let parse = async {
        effects.does("parse").await?;
        "x".parse::<u8>().no_retry()
    };
    let error = step.run("parse", parse).await.unwrap_err();
    step.run("limited", async {
        match effects.happen("limited".to_owned()).await {
            1 => Err(io::Error::other("too many requests")).retry_after(Duration::from_secs(1)),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(format!("{}: {}", error.name(), error.message()))
}

#[inngest::api_fn(id = "errors-final-then-sleep")]
async fn final_then_sleep(step: Step, effects: Effects) -> Result<String, StepError> {
    let error = step.run("charge", effects.breaks("charge")).await.unwrap_err();
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(error.message().to_owned())
}

#[inngest::api_fn(id = "errors-final-later")]
async fn final_later(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    step.run("before", effects.does("before")).await?;
    step.run("charge", effects.breaks("charge")).await?;
    Ok("never")
}

#[inngest::api_fn(id = "errors-several-fail", retries = 3)]
async fn several_fail(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    tokio::try_join!(
        step.run("a", effects.fails(1, "a")),
        step.run("b", effects.fails(1, "b")),
        step.run("c", effects.does("c")),
    )?;
    Ok("all three")
}

#[inngest::api_fn(id = "errors-failure-beside-sleep", retries = 3)]
async fn failure_beside_sleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let (flaky, ()) = tokio::join!(step.run("flaky", effects.fails(1, "flaky")), step.sleep("nap", NAP));
    flaky?;
    step.run("after", effects.does("after")).await?;
    Ok("both")
}

#[inngest::api_fn(id = "errors-retry-after", retries = 3)]
async fn retry_after(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    step.run("limited", async {
        match effects.happen("limited".to_owned()).await {
            1 => Err(Failure::retry_after(Duration::from_secs(1), "too many requests")),
            _ => Ok(()),
        }
    })
    .await?;
    Ok("waited")
}

#[derive(Debug)]
struct Declined(Option<Box<Reason>>);

#[derive(Debug)]
struct Reason(&'static str, Option<Box<Reason>>);

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the charge was declined")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Declined {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|reason| reason as _)
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|reason| reason as _)
    }
}

/// An error is the same when it comes back from Inngest.
#[inngest::api_fn(id = "errors-causes", retries = 0)]
async fn causes(step: Step, effects: Effects) -> Json<Value> {
    let declined = async {
        effects.does("charge").await?;
        let limit = Reason("the limit is reached", None);
        Err::<(), Failure>(Declined(Some(Box::new(Reason("the bank said no", Some(Box::new(limit)))))).into())
    };
    let error = step.run("charge", declined).await.unwrap_err();
    step.sleep("nap", NAP).await;
    let causes: Vec<String> =
        std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source())
            .map(ToString::to_string)
            .collect();
    Json(
        json!({ "step": error.step_id(), "name": error.name(), "message": error.message(), "causes": causes }),
    )
}

#[inngest::api_fn(id = "errors-rejects")]
async fn rejects(step: Step, effects: Effects) -> Result<(StatusCode, &'static str), StepError> {
    step.run("check", effects.does("check")).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, "not like this"))
}

#[inngest::api_fn(id = "errors-rejects-later")]
async fn rejects_later(step: Step, effects: Effects) -> Result<(StatusCode, &'static str), StepError> {
    step.sleep("nap", NAP).await;
    step.run("check", effects.does("check")).await?;
    Ok((StatusCode::NOT_FOUND, "not there"))
}

fn not_today() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], "not today").into_response()
}

#[inngest::api_fn(id = "errors-unavailable")]
async fn unavailable(step: Step, effects: Effects) -> Result<Response, StepError> {
    step.run("check", effects.does("check")).await?;
    Ok(not_today())
}

#[inngest::api_fn(id = "errors-unavailable-later")]
async fn unavailable_later(step: Step, effects: Effects) -> Result<Response, StepError> {
    step.sleep("nap", NAP).await;
    step.run("check", effects.does("check")).await?;
    Ok(not_today())
}

/// As `anyhow::Error` and the like: whatever went wrong, and a 500.
struct Trouble(&'static str);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, [("x-why", "the database is down")], self.0).into_response()
    }
}

impl From<StepError> for Trouble {
    fn from(_: StepError) -> Self {
        Self("a step failed")
    }
}

/// A handler that fails in a re-entry is tried again, with its finished steps remembered.
#[inngest::api_fn(id = "errors-errs-twice", retries = 5)]
async fn errs_twice(step: Step, effects: Effects) -> Result<&'static str, Trouble> {
    step.sleep("nap", NAP).await;
    step.run("before", effects.does("before")).await?;
    if effects.passes("first") == 1 {
        return Err(Trouble("database down"));
    }
    step.run("between", effects.does("between")).await?;
    if effects.passes("second") == 1 {
        return Err(Trouble("database down"));
    }
    step.run("after", effects.does("after")).await?;
    Ok("recovered")
}

#[inngest::api_fn(id = "errors-errs-always", retries = 2)]
async fn errs_always(step: Step, effects: Effects) -> Result<&'static str, Trouble> {
    step.sleep("nap", NAP).await;
    step.run("before", effects.does("before")).await?;
    Err(Trouble("database down"))
}

/// Several re-entries may come to the end at once.
#[inngest::api_fn(id = "errors-errs-in-branches", retries = 5)]
async fn errs_in_branches(step: Step, effects: Effects) -> Result<&'static str, Trouble> {
    let branch = |nap: &'static str, effect: &'static str| {
        let (step, effects) = (&step, &effects);
        async move {
            step.sleep(nap, NAP).await;
            step.run(effect, effects.does(effect)).await
        }
    };
    tokio::try_join!(branch("left", "a"), branch("right", "b"))?;
    if effects.passes("joined") <= 2 {
        return Err(Trouble("database down"));
    }
    step.run("after", effects.does("after")).await?;
    Ok("recovered")
}

#[inngest::api_fn(id = "errors-errs-finally", retries = 5)]
async fn errs_finally(step: Step, effects: Effects) -> Result<&'static str, NoRetry<Trouble>> {
    step.sleep("nap", NAP).await;
    step.run("before", effects.does("before")).await.map_err(|error| NoRetry(error.into()))?;
    Err(NoRetry(Trouble("corrupt")))
}

/// A step's error is the same each time, also as another one: nobody waits for it.
#[inngest::api_fn(id = "errors-wraps-a-steps-error", retries = 5)]
async fn wraps_a_steps_error(step: Step, effects: Effects) -> Result<&'static str, (StatusCode, String)> {
    step.sleep("nap", NAP).await;
    let no_charge = |error: StepError| (StatusCode::BAD_GATEWAY, format!("no charge: {}", error.message()));
    step.run("charge", effects.breaks("charge")).await.map_err(no_charge)?;
    Ok("never")
}

/// A handler that panics in a re-entry is tried again, with its finished steps remembered.
#[inngest::api_fn(id = "errors-panics-once", retries = 5)]
async fn panics_once(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    step.run("before", effects.does("before")).await?;
    if effects.passes("between") == 1 {
        // Unlike `panic!` it leaves no message on the screen.
        std::panic::resume_unwind(Box::new("on purpose, once"));
    }
    step.run("after", effects.does("after")).await?;
    Ok("recovered")
}
