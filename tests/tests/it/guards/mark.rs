//! Guards inside of the layer, which let Inngest's verified calls back pass.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::post;
use inngest::{Reentry, Step, StepError};
use stephttp_dev::RunStatus;
use stephttp_tests::{Stage, World};

const RUN: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

#[inngest::api_fn(id = "guards-guarded")]
async fn guarded(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    stage.effects.happen("entered");
    step.sleep("nap", Duration::from_secs(60)).await;
    Ok("rested")
}

/// Counts the calls back that it lets pass.
async fn login(
    State(stage): State<Stage>,
    call_back: Option<Reentry>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    assert_eq!(call_back.as_ref(), request.extensions().get());
    if let Some(call_back) = call_back {
        stage.effects.happen(format!("call back of {}", call_back.run_id()));
    } else if !request.headers().contains_key(AUTHORIZATION) {
        stage.effects.happen("turned away");
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(next.run(request).await)
}

async fn world(stage: &Stage) -> World {
    let app = Router::new().route("/", post(guarded)).layer(from_fn_with_state(stage.clone(), login));
    World::of(app.with_state(stage.clone())).await
}

#[tokio::test]
async fn a_login_lets_verified_calls_back_pass_by_their_mark() {
    let stage = Stage::new();
    let world = world(&stage).await;
    let response = world.post("/").header("authorization", "me").send().await.unwrap();
    let output = world.follow(response).await;
    assert_eq!((output.status().as_u16(), &*output.text().await.unwrap()), (200, "rested"));
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(stage.effects.count(&format!("call back of {}", run.id)), 1);
    assert_eq!((stage.effects.count("entered"), stage.effects.count("turned away")), (2, 0));
    world.assert_clean();
}

/// Nothing that a client sends brings the mark about.
#[tokio::test]
async fn a_client_without_a_login_is_turned_away_whatever_its_headers() {
    let stage = Stage::new();
    let world = world(&stage).await;
    for headers in [&[][..], &[("x-run-id", RUN)], &[("x-inngest-signature", "t=1&s=00")]] {
        let request =
            headers.iter().fold(world.post("/"), |request, (name, value)| request.header(*name, *value));
        assert_eq!(request.send().await.unwrap().status(), 401, "{headers:?}");
    }
    assert_eq!((stage.effects.count("entered"), stage.effects.count("turned away")), (0, 3));
}
