//! `track = always`: requests without steps are recorded too.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use inngest::Step;
use serde_json::json;
use stephttp_dev::{Call, Gate, InjectedFault, RunStatus};
use stephttp_tests::{Door, Logs, RawClient, Stage, World};

use super::assert_never_sent;

const SECRET: &str = "a very secret text";

/// Takes no `Step`.
#[inngest::api_fn(id = "track-always", track = always)]
async fn tracked(body: Bytes) -> Response {
    ([("content-type", "application/json")], json!({ "bytes": body.len() }).to_string()).into_response()
}

fn app() -> Router {
    Router::new().route("/at/{place}", post(tracked)).layer(DefaultBodyLimit::disable())
}

/// The order of calls and their shapes are Go's (docs/protocol.md 11), in the words of
/// docs/protocol.md 5.7.
#[tokio::test]
async fn a_request_without_a_step_is_one_call_with_its_end_alone_once_it_is_answered() {
    let world = World::of(app()).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    let request =
        world.post("/at/home?a=1").header("content-type", "text/plain").header("x-forwarded-for", "1.2.3.4");
    let response = request.body("hello").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), r#"{"bytes":5}"#);
    gate.reached(1).await;
    let undelivered = world.provider.wait(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(undelivered.pending().len(), 1);
    gate.release();

    let run = world.ended().await;
    assert_eq!((run.status, run.function.as_str()), (RunStatus::Completed, "track-always"));
    assert_eq!(run.output, r#"{"bytes":5}"#);
    assert!(run.steps.is_empty());
    assert_eq!(world.inngest.calls().len(), 1);
    let mut call = world.inngest.calls()[0].json();
    assert_eq!(call["run_id"], run.id);
    let data = &mut call["event"]["data"];
    assert_eq!(data["domain"].take(), world.origin);
    assert_eq!(
        *data,
        json!({
            "domain": null, "method": "POST", "path": "/at/home", "fn": "track-always", "ip": "1.2.3.4",
            "content_type": "text/plain", "query_params": "a=1", "body": BASE64_STANDARD.encode("hello"),
        })
    );
    let op = &mut call["steps"][0];
    assert!(op["data"]["duration"].take().as_u64().unwrap() > 0);
    let result = json!({
        "status": 200, "headers": { "content-type": "application/json" }, "body": r#"{"bytes":5}"#, "duration": null,
    });
    assert_eq!(
        (&op["op"], &op["id"]),
        (&json!("RunComplete"), &json!("0737c22d3bfae812339732d14d8c7dbd6dc4e09c"))
    );
    assert_eq!(op["data"], result);
    assert_eq!(call["steps"].as_array().unwrap().len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn a_long_body_is_recorded_and_one_that_inngest_does_not_keep_is_left_out() {
    let limit = inngest::wire::limits::REQUEST_BODY_BYTES;
    for (length, recorded) in [(100_000, 100_000), (limit + 1, 0)] {
        let world = World::of(app()).await;
        world.post("/at/home").body("x".repeat(length)).send().await.unwrap();
        let run = world.ended().await;
        let body = BASE64_STANDARD.decode(run.event["data"]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body.len(), recorded);
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "track-with-steps")]
async fn untracked() {}

/// Has a `Step`, and calls a function that is tracked always.
#[inngest::api_fn(id = "track-calls-another")]
async fn calls_another(_: Step) -> Response {
    tracked(Bytes::new()).await
}

#[inngest::api_fn(id = "track-rejects", track = always)]
async fn rejects(_: axum::Json<u8>) {}

#[tokio::test]
async fn other_requests_are_not_recorded() {
    let app = Router::new()
        .route("/untracked", post(untracked))
        .route("/other", post(calls_another))
        .route("/rejects", post(rejects))
        .route("/plain", post(async || "plain"));
    let world = World::of(app).await;
    for (path, status) in
        [("/untracked", 200), ("/other", 200), ("/rejects", 415), ("/plain", 200), ("/none", 404)]
    {
        assert_eq!(world.post(path).body("hi").send().await.unwrap().status(), status, "{path}");
    }
    world.delivered().await;
    assert!(world.inngest.calls().is_empty());
}

#[tokio::test]
async fn without_the_layer_it_is_an_ordinary_function() {
    assert_eq!(tracked(Bytes::new()).await.status(), 200);
}

/// Runs no step, and answers or panics as the request says.
#[inngest::api_fn(id = "track-with-step", track = always)]
async fn tracked_with_step(State(stage): State<Stage>, step: Step, body: String) -> (StatusCode, String) {
    stage.effects.happen(step.run_id().to_string());
    assert_ne!(body, "panic", "as the test wants it");
    (StatusCode::from_u16(body.parse().unwrap()).unwrap(), format!("answers {body}"))
}

#[tokio::test]
async fn a_function_that_runs_none_of_its_steps_is_recorded_with_its_status() {
    for (body, status) in
        [("201", RunStatus::Completed), ("404", RunStatus::Completed), ("503", RunStatus::Failed)]
    {
        let stage = Stage::new();
        let world = World::of(stage.app(post(tracked_with_step))).await;
        let response = world.post("/").body(body).send().await.unwrap();
        assert_eq!(response.status().as_str(), body);
        assert_eq!(response.text().await.unwrap(), format!("answers {body}"));
        let run = world.ended().await;
        assert_eq!((run.status, [run.id]), (status, [stage.effects.all()[0].clone()]));
        let response = run.response.unwrap();
        assert_eq!(
            (response.status.to_string(), response.body),
            (body.to_owned(), format!("answers {body}"))
        );
        assert_eq!(world.inngest.calls().len(), 1);
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_panic_without_a_step_is_recorded_as_a_failure() {
    let world = World::of(Stage::new().app(post(tracked_with_step))).await;
    let mut client = RawClient::begin(&world, "/", &[("content-length", "5")]).await;
    client.send("panic").await;
    assert_eq!(client.read_to_end().await, "");
    let run = world.ended().await;
    assert_eq!((run.status, run.response.unwrap().status), (RunStatus::Failed, 500));
    world.assert_clean();
}

/// Opens a door when it is dropped.
struct Dropped(Door);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[inngest::api_fn(id = "track-waits", track = always)]
async fn waits(State((stage, dropped)): State<(Stage, Door)>) {
    let _dropped = Dropped(dropped);
    stage.door.pass().await;
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_dropped_and_recorded() {
    let (stage, dropped) = (Stage::new(), Door::default());
    let app = Router::new().route("/", post(waits)).with_state((stage.clone(), dropped.clone()));
    let world = World::of(app).await;
    let client = RawClient::post(&world, "/").await;
    stage.door.reached(1).await;
    drop(client);
    dropped.pass().await;
    let run = world.ended().await;
    assert_eq!(run.response.unwrap().status, 499);
    world.assert_clean();
}

#[inngest::api_fn(id = "track-omits", track = always, omit_request_body, omit_response_body)]
async fn keeps_all(body: Body) -> Response {
    Response::new(body)
}

#[tokio::test]
async fn bodies_that_are_omitted_are_not_recorded() {
    let world = World::of(Router::new().route("/", post(keeps_all))).await;
    let response = world.post("/").body(SECRET).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), SECRET);
    let run = world.ended().await;
    assert_eq!(
        (run.status, run.output.as_str(), &run.event["data"]["body"]),
        (RunStatus::Completed, "", &json!(""))
    );
    assert_never_sent(&world, SECRET);
    world.assert_clean();
}

// ===== When Inngest cannot be told =====

#[tokio::test]
async fn a_report_that_fails_is_counted_and_no_client_notices() {
    let logs = Logs::collect();
    let world = World::of(app()).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).respond(400).every());
    let response = world.post("/at/home").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.text().await.unwrap().as_str()),
        (200, r#"{"bytes":0}"#)
    );
    world.inngest.wait_for_call(Call::NewRun, 1).await;
    let undelivered = world.provider.wait(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!((undelivered.pending().len(), undelivered.lost_count()), (0, 1));
    let (run_id, _) = undelivered.lost().next().unwrap();
    logs.assert_line_with(&["ERROR", &run_id.to_string(), "are lost"]);
}

#[tokio::test]
async fn when_too_much_waits_runs_without_steps_are_counted_as_lost_and_no_client_waits() {
    let builder = World::builder().opts(|opts, url| opts.dev_server(url).backlog_bytes(1));
    let world = builder.start(app()).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate).every());
    for _ in 0..3 {
        assert_eq!(world.post("/at/home").send().await.unwrap().status(), 200);
    }
    gate.reached(1).await;
    gate.release();
    let undelivered = world.provider.wait(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!((undelivered.pending().len(), undelivered.lost_count()), (0, 2));
    assert_eq!(world.inngest.runs().len(), 1);
    world.assert_clean();
}
