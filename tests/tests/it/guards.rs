//! Layers around durable routes: what each kind does to a re-entry, on either side of the layer.

mod branches;
mod cut_off;
mod inside;
mod mark;
mod outside;
mod twice;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use inngest::{Reentry, Step, StepError};
use stephttp_dev::{RunStatus, RunView};
use stephttp_tests::{Effects, World};

const DAY: Duration = Duration::from_secs(86_400);

/// What the handler says when its body was `hello`.
const DONE: &str = "hello, 1 and 1";

#[inngest::api_fn(id = "guards-order", retries = 3)]
async fn order(State(effects): State<Effects>, step: Step, body: String) -> Result<String, StepError> {
    let before = step.run("before", async { Ok(effects.happen("before")) }).await?;
    step.sleep("pause", DAY).await;
    let after = step.run("after", async { Ok(effects.happen("after")) }).await?;
    Ok(format!("{body}, {before} and {after}"))
}

fn app(effects: &Effects) -> Router {
    Router::new().route("/", post(order)).with_state(effects.clone())
}

/// The client's request, with all that guards ask for; what it ends with, and its run.
async fn ordered(world: &World) -> (String, RunView) {
    let request = world.post("/").header("authorization", "Bearer alice").header("cookie", "session=alice");
    let request = request.header("x-csrf-token", "t").header("origin", &world.origin).body("hello");
    let response = request.send().await.unwrap();
    let text = world.follow(response).await.text().await.unwrap();
    (text, world.ended().await)
}

#[track_caller]
fn assert_done((text, run): &(String, RunView)) {
    assert_eq!((text.as_str(), run.status), (DONE, RunStatus::Completed), "{run:?}");
}

/// A login, which lets Inngest's calls pass if it knows of them.
async fn login(request: Request, next: Next) -> Response {
    if request.extensions().get::<Reentry>().is_some() || request.headers().contains_key("authorization") {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, "who are you?").into_response()
}

/// The same by the extractor.
async fn extracting_login(reentry: Option<Reentry>, request: Request, next: Next) -> Response {
    if reentry.is_some() || request.headers().contains_key("authorization") {
        return next.run(request).await;
    }
    StatusCode::UNAUTHORIZED.into_response()
}

/// One that does not know of them.
async fn strict_login(request: Request, next: Next) -> Response {
    if request.headers().contains_key("authorization") {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, "who are you?").into_response()
}
