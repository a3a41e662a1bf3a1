//! Many requests at once, and an API that hangs.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use inngest::{Provider, SetupOpts, Step, StepError};
use stephttp_tests::Stage;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt;

const REQUESTS: usize = 1_000;
/// Of a step's output, and of a response.
const BYTES: usize = 4 * 1_024;
/// Each request's share may be as much again, with what it takes beside.
const OVERHEAD: usize = 8 * 1_024;
const LIMIT: usize = 256 * 1_024;

/// Takes connections and never answers; says where.
async fn hanging_api() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.push(stream);
        }
    });
    url
}

#[inngest::api_fn(id = "load-steps")]
async fn steps(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.door.pass().await;
    step.run("one", async { Ok("x".repeat(BYTES)) }).await
}

#[inngest::api_fn(id = "load-hands-over")]
async fn hands_over(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(60)).await;
    "done"
}

/// So many requests at once; how they are answered. Without sockets: there are fewer of them than
/// requests on many machines.
fn send(app: &Router, path: &'static str, requests: usize) -> JoinSet<(StatusCode, usize)> {
    let mut sent = JoinSet::new();
    for _ in 0..requests {
        let answer = app.clone().oneshot(Request::post(path).body(Body::empty()).unwrap());
        sent.spawn(async {
            let response = answer.await.unwrap();
            let status = response.status();
            (status, axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().len())
        });
    }
    sent
}

#[tokio::test]
async fn a_thousand_requests_are_answered_while_inngest_hangs_and_the_process_can_end() {
    let opts = SetupOpts::default().dev_server(hanging_api().await);
    let opts = opts.backlog_bytes(LIMIT).backlog_wait(Duration::from_millis(50));
    let inngest = Provider::setup(opts).unwrap();
    let stage = Stage::new();
    let app = Router::new().route("/steps", post(steps)).route("/over", post(hands_over));
    let app = app.layer(inngest.layer()).with_state(stage.clone());

    let sent = send(&app, "/steps", REQUESTS);
    stage.door.reached(REQUESTS).await;
    assert_eq!((inngest.in_flight(), inngest.backlog_bytes()), (REQUESTS, 0));
    stage.door.open();
    assert_eq!(sent.join_all().await, vec![(StatusCode::OK, BYTES); REQUESTS]);
    // What was under way when the limit was reached.
    let first = inngest.backlog_bytes();
    assert!((LIMIT..LIMIT + REQUESTS * (2 * BYTES + OVERHEAD)).contains(&first), "{first}");

    // By now it is full, and what comes is answered all the same, and not kept.
    for _ in 0..2 {
        assert_eq!(send(&app, "/steps", REQUESTS).join_all().await, vec![(StatusCode::OK, BYTES); REQUESTS]);
        assert!(inngest.backlog_bytes() <= first, "{} > {first}", inngest.backlog_bytes());
    }

    let begun = Instant::now();
    let undelivered = inngest.shutdown(Duration::from_millis(200)).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(undelivered.requests(), 0);
    assert!((1..=REQUESTS).contains(&undelivered.pending().len()), "{undelivered}");
    assert!(undelivered.lost_count() >= 2 * REQUESTS, "{undelivered}");

    // Nor is what must be handed over kept: clients are told to try again, when patience is at its
    // end.
    tokio::time::pause();
    let answers = send(&app, "/over", 200).join_all().await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE), "{answers:?}");
    assert!(inngest.backlog_bytes() <= first);
}
