//! A client's request whose run goes on at Inngest.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::rejection::HEAD_ALONE;
use super::{answer, async_answer};
use crate::checkpoint;
use crate::client::ApiErrorKind;
use crate::delivery::DeliveryError;
use crate::exchange::BodyFault;
use crate::journal::Outstanding;
use crate::middleware::Outcome;
use crate::run::Run;
use crate::untrusted::{Complaint, shown};
use crate::wire::ApiResult;

/// Hands a run over, and gives the client's answer, which says where the run's output will be.
pub(super) async fn from_first(run: Arc<Run>, outstanding: Vec<Outstanding>) -> Response {
    // In a task of its own: a client that goes away now must not cut it in half.
    let task = run
        .clone()
        .in_background(async move { to_its_end(run, outstanding).await.unwrap_or_else(|refusal| refusal) });
    match task {
        Some(task) => task.await.unwrap_or_else(|_| answer::unavailable("the server is shutting down")),
        None => answer::unavailable("the server is shutting down"),
    }
}

/// The same, in a task that ends by itself. The error is the answer to give when the run was given
/// up.
pub(super) async fn to_its_end(run: Arc<Run>, outstanding: Vec<Outstanding>) -> Result<Response, Response> {
    let response = hand_over(run.clone(), outstanding).await;
    run.end_execution(
        match &response {
            Ok(_) => Outcome::HandedOver,
            Err(_) => Outcome::Failed("the run could not be handed over".to_owned()),
        },
        None,
    )
    .await;
    run.request_over();
    response
}

/// The error is the answer to give when the run was given up.
async fn hand_over(run: Arc<Run>, outstanding: Vec<Outstanding>) -> Result<Response, Response> {
    let parts = run.parts.take();
    // The first re-entry may not come to its handler.
    run.learn_route();
    if let (Some(app), Some(head)) = (run.app(), run.head())
        && app.routes().takes_head_alone(head)
    {
        if let Some(left_out) = run.admits_line(Complaint::Method) {
            tracing::error!(run_id = %run.id(), function = run.log_name(), left_out, "{HEAD_ALONE}");
        }
        return Err(give_up(&run, answer::error(StatusCode::METHOD_NOT_ALLOWED, HEAD_ALONE)).await);
    }
    if let Err(fault) = run.body.complete().await {
        let (status, reason) = match fault {
            BodyFault::TooLong(reason) => (StatusCode::PAYLOAD_TOO_LARGE, reason),
            BodyFault::Lost(reason) => (StatusCode::INTERNAL_SERVER_ERROR, reason),
            BodyFault::Incomplete => {
                let reason = "something that outlives the handler still reads the request's body";
                (StatusCode::INTERNAL_SERVER_ERROR, reason.to_owned())
            }
        };
        if let Some(left_out) = run.admits_line(Complaint::RequestBody) {
            let why = shown(&reason);
            tracing::error!(run_id = %run.id(), function = run.log_name(), left_out, "the run cannot go on at Inngest without its request's body: {why}");
        }
        let message = format!("the request cannot be carried on: {reason}");
        return Err(give_up(&run, answer::error(status, &message)).await);
    }
    match checkpoint::hand_over(&run, outstanding).await {
        Ok(output) => {
            tracing::debug!(run_id = %run.id(), function = run.log_name(), "the run goes on at Inngest");
            match async_answer::answer(&run, parts, output).await {
                Ok(response) => Ok(response),
                Err(fault) => Err(unanswered(&run, &fault).await),
            }
        }
        Err(error) => {
            if let Some(left_out) = run.admits_line(Complaint::HandOver) {
                let error = error.report();
                tracing::error!(run_id = %run.id(), function = run.log_name(), error, left_out, "the run could not be handed over to Inngest");
            }
            // Trying again would not help.
            let hopeless = match &error {
                DeliveryError::OverLimit(reason) => Some((StatusCode::INTERNAL_SERVER_ERROR, reason)),
                DeliveryError::TooLarge(reason) => Some((StatusCode::PAYLOAD_TOO_LARGE, reason)),
                _ => None,
            };
            if let Some((status, reason)) = hopeless {
                let message = format!("the request cannot be carried on: {reason}");
                return Err(give_up(&run, answer::error(status, &message)).await);
            }
            let kind = if let DeliveryError::Api(error) = &error { Some(error.kind()) } else { None };
            let message = match (&error, kind) {
                (_, Some(ApiErrorKind::KeyRefused)) => "Inngest refused this server; try again later",
                (DeliveryError::NoToken, _) | (_, Some(ApiErrorKind::Answer)) => {
                    "Inngest's answer could not be used; try again later"
                }
                (DeliveryError::Middleware(_), _) => "the request cannot be carried on; try again later",
                _ => "Inngest cannot be reached; try again later",
            };
            Err(give_up(&run, answer::unavailable(message)).await)
        }
    }
}

/// The application's own response could not be made.
async fn unanswered(run: &Arc<Run>, fault: &str) -> Response {
    tracing::error!(
        run_id = %run.id(), function = run.log_name(),
        "the function's `async_response` gives no response: {fault}. Its client gets a 500, and the run is given up"
    );
    let message = "the request cannot be carried on: its log says why";
    give_up(run, answer::error(StatusCode::INTERNAL_SERVER_ERROR, message)).await
}

/// The client gets an error. Should Inngest know of the run, or learn of it later, it must not go
/// on: a client that tries again begins another one.
async fn give_up(run: &Arc<Run>, response: Response) -> Response {
    let status = response.status().as_u16();
    if let Some(taken) = checkpoint::report_finished(run, 0, move || ApiResult::new(status)) {
        taken.await;
    }
    response
}
