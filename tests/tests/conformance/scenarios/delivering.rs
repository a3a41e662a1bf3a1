//! Runs that Inngest has before their clients have all of the response.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream;
use inngest::{Step, StepError};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario::<text>(post(text)).at_once().says("one two").did_and_shows(["work"]),
        scenario::<streamed>(post(streamed)).at_once().says("one two").did_and_shows(["work"]),
        scenario::<empty>(post(empty)).at_once().with_status(204).did_and_shows(["work"]),
        scenario::<later>(post(later)).says("one two").did(["work", "rest"]).shows(["work", "nap", "rest"]),
    ]
}

#[inngest::api_fn(id = "delivering-text", deliver = before_response_ends)]
async fn text(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("work", effects.does("work")).await?;
    Ok("one two")
}

#[inngest::api_fn(id = "delivering-stream", deliver = before_response_ends)]
async fn streamed(step: Step, effects: Effects) -> Result<Response, StepError> {
    step.run("work", effects.does("work")).await?;
    Ok(Body::from_stream(stream::iter(["one ", "two"].map(Ok::<_, Infallible>))).into_response())
}

#[inngest::api_fn(id = "delivering-nothing", deliver = before_response_ends)]
async fn empty(step: Step, effects: Effects) -> Result<StatusCode, StepError> {
    step.run("work", effects.does("work")).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[inngest::api_fn(id = "delivering-later", deliver = before_response_ends)]
async fn later(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("work", effects.does("work")).await?;
    step.sleep("nap", NAP).await;
    step.run("rest", effects.does("rest")).await?;
    Ok("one two")
}
