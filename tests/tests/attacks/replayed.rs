//! Signatures of Inngest's that somebody has read, and sends again.
//!
//! They hold for five minutes, whatever the method, the path and the run are.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, post};
use futures_util::future::join_all;
use inngest::{Provider, Reentry, Step};
use stephttp_dev::{Dispatch, RunStatus};
use stephttp_tests::{Stage, World};

use crate::app::{RUN_ID, signed};
use crate::turn;

#[inngest::api_fn(id = "replayed-nap", retries = 3)]
async fn nap(State(stage): State<Stage>, step: Step) -> &'static str {
    stage.effects.happen("entered");
    step.sleep("nap", Duration::from_secs(60)).await;
    "rested"
}

fn durable(stage: &Stage) -> Router {
    Router::new().route("/nap", post(nap)).with_state(stage.clone())
}

fn ordinary(stage: &Stage) -> Router {
    let delete_user = async |State(stage): State<Stage>| {
        stage.effects.happen("deleted");
    };
    Router::new().route("/admin/users/{id}", delete(delete_user)).with_state(stage.clone())
}

fn is_logged_in(request: &Request) -> bool {
    request.headers().contains_key("authorization")
}

async fn login(request: Request, next: Next) -> Response {
    if is_logged_in(&request) { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() }
}

/// Lets Inngest's calls back pass.
async fn login_or_inngest(call_back: Option<Reentry>, request: Request, next: Next) -> Response {
    if call_back.is_some() || is_logged_in(&request) {
        return next.run(request).await;
    }
    StatusCode::UNAUTHORIZED.into_response()
}

/// Begins a run; its client goes away with where the output is.
async fn begin(world: &World) {
    let response = world.post("/nap").header("authorization", "me").send().await.unwrap();
    assert_eq!(response.status(), 303);
}

/// What somebody sends who has read a call back of Inngest's.
async fn replay(world: &World, read: &Dispatch, run_id: &str, job_id: &str, generation: &str) -> StatusCode {
    let request = world.request(reqwest::Method::DELETE, "/admin/users/7");
    let request = request.header("x-inngest-signature", &read.headers["x-inngest-signature"]);
    let request = request.header("x-run-id", run_id).header("x-inngest-job-id", job_id);
    request.header("x-inngest-generation-id", generation).send().await.unwrap().status()
}

/// The guard knows of no routes: it lets pass whatever has the mark.
#[tokio::test]
async fn a_replay_that_names_no_run_which_goes_on_comes_to_no_guard_and_no_handler() {
    let _turn = turn::beside_others().await;
    let stage = Stage::new();
    let guards = |app: Router, inngest: &Provider| {
        app.merge(ordinary(&stage)).layer(from_fn(login_or_inngest)).layer(inngest.verify())
    };
    let world = signed().start_wrapped(|_| durable(&stage), guards).await;
    begin(&world).await;
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    let read = world.inngest.dispatches().remove(0);
    let job_id = read.headers["x-inngest-job-id"].to_str().unwrap();

    let replays = [
        (RUN_ID, "", "1"),
        (RUN_ID, job_id, "1"),
        // After the last attempt it is asked more often.
        (RUN_ID, "", "9"),
        (&*run.id, "", "1"),
        (&*run.id, "", "9"),
        // The job that the signature belongs to, which was answered.
        (&*run.id, job_id, "1"),
        (&*run.id, job_id, "2"),
    ];
    join_all(replays.map(|(run_id, job_id, generation)| replay(&world, &read, run_id, job_id, generation)))
        .await;
    assert_eq!(stage.effects.all(), ["entered", "entered"]);
    // A login of the app's own still opens the door.
    let request = world.request(reqwest::Method::DELETE, "/admin/users/7").header("authorization", "me");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(stage.effects.count("deleted"), 1);
}

/// As the guide has it: ordinary routes have the guard without the exception.
#[tokio::test]
async fn one_that_names_a_run_which_goes_on_stops_at_the_guard_of_ordinary_routes() {
    let _turn = turn::beside_others().await;
    let stage = Stage::new();
    let guards = |app: Router, inngest: &Provider| {
        let ordinary = ordinary(&stage).layer(from_fn(login));
        app.layer(from_fn(login_or_inngest)).merge(ordinary).layer(inngest.verify())
    };
    let world = signed().start_wrapped(|_| durable(&stage), guards).await;
    begin(&world).await;
    world.ended().await;
    let read = world.inngest.dispatches().remove(0);
    world.inngest.hold_time();
    begin(&world).await;
    let sleeps = world.inngest.wait_for_runs(2).await.id;

    for generation in ["1", "9"] {
        replay(&world, &read, &sleeps, "", generation).await;
    }
    assert_eq!(stage.effects.count("deleted"), 0);
    world.inngest.release_time();
    assert_eq!(world.inngest.wait_for_end(&sleeps).await.status, RunStatus::Completed);
}
