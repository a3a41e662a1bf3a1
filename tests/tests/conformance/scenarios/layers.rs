//! Layers around the handler that answer in its place, and what stands outside of the app's layer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::post;
use inngest::{Step, StepError};
use tower_http::timeout::TimeoutLayer;

use super::NAP;
use crate::scenario::{Expect, Need, Scenario, scenario, visit};
use crate::stage::Effects;

const NOT_THE_HANDLER: &str = "which re-entry the layer rejects is another one after a death";

/// How a layer rejects requests, and how that looks in the run's error.
const STATUSES: [(StatusCode, &str); 4] = [
    (StatusCode::UNAUTHORIZED, "401"),
    (StatusCode::REQUEST_TIMEOUT, "408"),
    (StatusCode::TOO_MANY_REQUESTS, "429"),
    (StatusCode::SERVICE_UNAVAILABLE, "503"),
];

pub(super) fn all() -> Vec<Scenario> {
    let once = STATUSES.map(|(status, code)| {
        scenario::<patient>(post(patient))
            .named(format!("layers-reject-once-{code}"))
            .gets(visit(Method::POST, "/"))
            .inside(|app| rejecting(app, status, 1))
            .says("done")
            .did(["before", "after"])
            .shows(["before", "nap", "after"])
            .rejects()
            .not_swept(NOT_THE_HANDLER)
    });
    let always = STATUSES.map(|(status, code)| {
        scenario::<impatient>(post(impatient))
            .named(format!("layers-reject-always-{code}"))
            .gets(visit(Method::POST, "/"))
            .inside(|app| rejecting(app, status, usize::MAX))
            .with_status(500)
            .says_something_with([code, "layer"])
            .fails()
            .did(["before"])
            .shows(["before", "nap"])
            .rejects()
            .not_swept(NOT_THE_HANDLER)
    });
    // The answer comes before a long body has been read.
    let refused = [("", 0), ("-of-a-long-body", 3_000_000)].map(|(name, bytes)| {
        scenario::<impatient>(post(impatient))
            .named(format!("layers-spoil-the-signature{name}"))
            .gets(visit(Method::POST, "/").body("text/plain", "x".repeat(bytes)))
            .outside(|app, _| app.layer(from_fn(spoil)))
            .with_status_in(400..=599)
            .says_something_with(["signature"])
            .fails()
            .did(["before"])
            .shows(["before", "nap"])
            .needs(Need::Signature)
    });
    // A guard around all of it, which `verify` is around.
    let outside = [
        scenario::<patient>(post(patient))
            .named("layers-reject-once-outside")
            .gets(visit(Method::POST, "/"))
            .outside(|app, inngest| rejecting(app, StatusCode::TOO_MANY_REQUESTS, 1).layer(inngest.verify()))
            .says("done")
            .did(["before", "after"])
            .shows(["before", "nap", "after"])
            .rejects()
            .not_swept(NOT_THE_HANDLER),
        scenario::<impatient>(post(impatient))
            .named("layers-reject-always-outside")
            .gets(visit(Method::POST, "/"))
            .outside(|app, inngest| {
                rejecting(app, StatusCode::UNAUTHORIZED, usize::MAX).layer(inngest.verify())
            })
            .with_status(500)
            .says_something_with(["401", "outside of `inngest.layer()`"])
            .fails()
            .did(["before"])
            .shows(["before", "nap"])
            .rejects()
            .not_swept(NOT_THE_HANDLER),
    ];
    let cut_off = scenario::<held_up>(post(held_up))
        .named("layers-cut-off-once")
        .gets(visit(Method::POST, "/"))
        .inside(|app| app.layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIMEOUT)))
        .says("done")
        .did(["before", "saved", "after"])
        .shows(["before", "nap", "saved", "after"])
        .rejects()
        .not_swept(NOT_THE_HANDLER);
    once.into_iter().chain(always).chain(refused).chain(outside).chain([cut_off]).collect()
}

/// A layer that rejects the first re-entries of each run, as one for authentication, limits or
/// timeouts does.
fn rejecting<S>(app: Router<S>, status: StatusCode, times: usize) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let rejected: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    app.layer(from_fn(move |request: Request, next: Next| {
        let rejects = run_of(&request).is_some_and(|run| {
            let mut rejected = rejected.lock().unwrap_or_else(PoisonError::into_inner);
            let so_far = rejected.entry(run).or_default();
            *so_far += 1;
            *so_far <= times
        });
        async move { if rejects { (status, "not you").into_response() } else { next.run(request).await } }
    }))
}

/// Only a re-entry has one.
fn run_of(request: &Request) -> Option<String> {
    Some(request.headers().get("x-run-id")?.to_str().ok()?.to_owned())
}

/// A proxy that changes what is signed.
async fn spoil(mut request: Request, next: Next) -> impl IntoResponse {
    if run_of(&request).is_some() {
        request.headers_mut().insert("x-inngest-signature", HeaderValue::from_static("t=1&s=00"));
    }
    next.run(request).await
}

#[inngest::api_fn(id = "layers-patient", retries = 3)]
async fn patient(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok("done")
}

/// Far more than its steps take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The first re-entry goes no further.
#[inngest::api_fn(id = "layers-held-up", retries = 3)]
async fn held_up(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", NAP).await;
    step.run("saved", effects.does("saved")).await?;
    if effects.passes("held up") == 1 {
        std::future::pending::<()>().await;
    }
    step.run("after", effects.does("after")).await?;
    Ok("done")
}

#[inngest::api_fn(id = "layers-impatient", retries = 1)]
async fn impatient(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok("done")
}
