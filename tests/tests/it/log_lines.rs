//! Lines of the SDK's own: whose they are, and that they are whole.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use inngest::{Failure, SetupOpts, Step, StepError};
use stephttp_dev::{Call, InjectedFault};
use stephttp_tests::{Logs, Stage, World};

#[inngest::api_fn(id = "lines-of-a-failing-step", retries = 0)]
async fn fails(step: Step) -> Result<(), StepError> {
    step.run("charge", async { Err::<(), _>(Failure::new(std::io::Error::other("no money"))) }).await
}

#[inngest::api_fn(id = "lines-of-a-failing-step-behind-a-wait", retries = 0)]
async fn fails_later(step: Step) -> Result<(), StepError> {
    step.sleep("pause", Duration::from_secs(86_400)).await;
    step.run("charge", async { Err::<(), _>(Failure::new(std::io::Error::other("no money"))) }).await
}

async fn without_an_id(step: Step) -> Result<(), StepError> {
    step.run("charge", async { Err::<(), _>(Failure::non_retriable("no money at the route")) }).await
}

#[tokio::test]
async fn of_a_step_that_fails_say_whose_it_is() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(post(fails))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let run_id = format!("run_id={}", world.ended().await.id);
    let function = r#"function="lines-of-a-failing-step""#;
    logs.assert_line_with(&["step failed", "for_good=true", &run_id, function]);
    // The response that comes of it.
    logs.assert_line_with(&["step `charge` failed: no money", &run_id, function]);
}

#[tokio::test]
async fn of_a_step_that_fails_in_a_re_entry_say_whose_it_is() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(post(fails_later))).await;
    let response = world.post("/").send().await.unwrap();
    world.follow(response).await;
    let run_id = format!("run_id={}", world.ended().await.id);
    let function = r#"function="lines-of-a-failing-step-behind-a-wait""#;
    logs.assert_line_with(&["the run goes on at Inngest", &run_id, function]);
    logs.assert_line_with(&["step `charge` failed: no money", &run_id, function]);
}

#[tokio::test]
async fn of_a_function_without_an_id_name_its_route() {
    let logs = Logs::collect();
    let world = World::of(Stage::new().app(post(without_an_id))).await;
    world.post("/").send().await.unwrap();
    let run_id = format!("run_id={}", world.ended().await.id);
    logs.assert_line_with(&["no money at the route", &run_id, r#"function="POST /""#]);
}

#[inngest::api_fn(id = "lines-of-a-lost-run")]
async fn ends(step: Step) -> Result<(), StepError> {
    step.run("one", async { Ok(()) }).await
}

#[tokio::test]
async fn of_a_run_that_is_lost_say_whose_it_is() {
    let logs = Logs::collect();
    let world = World::of(Stage::new().app(post(ends))).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).every().respond(400));
    world.post("/").send().await.unwrap();
    world.provider.wait(Duration::from_secs(30)).await.unwrap_err();
    logs.assert_line_with(&["are lost", "run_id=", r#"function="lines-of-a-lost-run""#]);
}

/// The address is in the line of each attempt, and in the one that says that calls fail.
#[tokio::test]
async fn of_an_inngest_that_is_out_of_reach_say_where_it_was_looked_for() {
    let logs = Logs::collect();
    // Nobody listens there.
    let nobody = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}");
    let world = World::builder()
        .opts(move |opts: SetupOpts, _: &str| opts.dev_server(url))
        .start(Stage::new().app(post(ends)))
        .await;
    world.post("/").send().await.unwrap();
    let reached = format!("could not be reached at {nobody}: does the server run");
    logs.wait_for_line_with(&["calling Inngest again", &reached]).await;
    logs.assert_line_with(&["calls to Inngest fail", &reached]);
    for line in logs.lines_with(&["could not be reached"]) {
        assert!(!line.contains("at :"), "{line}");
    }
}

#[inngest::api_fn(id = "lines-of-two-methods")]
async fn by_two_methods(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(60)).await;
    "rested"
}

#[tokio::test]
async fn a_function_under_two_methods_is_told_once() {
    let logs = Logs::collect();
    let world = World::of(Stage::new().app(get(by_two_methods).post(by_two_methods))).await;
    for _ in 0..2 {
        for begin in [world.get("/"), world.post("/")] {
            let response = begin.send().await.unwrap();
            world.follow(response).await;
        }
    }
    let about = ["under two methods, GET and POST", r#"function="lines-of-two-methods""#];
    assert_eq!(logs.lines_with(&about).len(), 1);
}

#[inngest::api_fn(id = "lines-of-a-fallback")]
async fn as_a_fallback(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(60)).await;
    "rested"
}

#[tokio::test]
async fn a_function_that_is_a_fallback_is_told_once() {
    let logs = Logs::collect();
    let world = World::of(Router::new().fallback(as_a_fallback)).await;
    for path in ["/a", "/b"] {
        let response = world.post(path).send().await.unwrap();
        world.follow(response).await;
    }
    let about = ["no route has matched", r#"function="lines-of-a-fallback""#];
    assert_eq!(logs.lines_with(&about).len(), 1);
}
