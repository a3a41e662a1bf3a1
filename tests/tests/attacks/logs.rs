//! Log lines that strangers can cause.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{any, post};
use inngest::{Step, StepError};
use stephttp_tests::{Logs, Stage, World};

use crate::app::{RUN_ID, forged, signed};
use crate::turn;

#[inngest::api_fn(id = "logs-nap")]
async fn nap(State(stage): State<Stage>, step: Step, _body: Bytes) -> Result<(), StepError> {
    stage.effects.happen("entered");
    step.sleep("nap", std::time::Duration::from_secs(60)).await;
    Ok(())
}

fn app(stage: &Stage) -> Router {
    Router::new().route("/{id}", post(nap)).route("/any/{id}", any(nap)).with_state(stage.clone())
}

/// Bytes of the lines that hold this text, and how many there are.
fn size(logs: &Logs, text: &str) -> (usize, usize) {
    let lines = logs.lines_with(&[text]);
    (lines.iter().map(String::len).sum(), lines.len())
}

#[tokio::test]
async fn refused_requests_write_a_few_short_lines() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    let world = signed().start(app(&Stage::new())).await;
    let path = format!("/{}", "flood-of-paths-".repeat(3_500));
    for n in 0..300 {
        let signature = if n % 2 == 0 { String::new() } else { forged() };
        let request = world.get(&path).header("x-run-id", RUN_ID).header("x-inngest-signature", signature);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let (bytes, lines) = size(&logs, "flood-of-paths-");
    assert!((1..=40).contains(&lines) && bytes < 40_000, "{lines} lines, {bytes} bytes");
}

#[tokio::test]
async fn a_header_of_a_stranger_does_not_break_a_line_nor_fill_it() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    let world = signed().start(app(&Stage::new())).await;
    let run_id = format!("flood-of-ids-{}", "x".repeat(20_000));
    let request = world.post("/1").header("x-run-id", &run_id).header("x-inngest-signature", forged());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = answer.text().await.unwrap();
    assert!(answer.contains("a run id is a ULID") && answer.len() < 1_000, "{answer}");
    let (bytes, lines) = size(&logs, "flood-of-ids-");
    assert!(lines == 1 && bytes < 1_000, "{lines} lines, {bytes} bytes");
}

#[tokio::test]
async fn strange_methods_write_a_few_short_lines() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(app(&stage)).await;
    for n in 0..200 {
        let method = format!("FLOOD-OF-METHODS-{n}-{}", "X".repeat(2_000));
        let response = world.request(method.parse().unwrap(), "/any/1").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    let (bytes, lines) = size(&logs, "FLOOD-OF-METHODS-");
    assert!((1..=40).contains(&lines) && bytes < 40_000, "{lines} lines, {bytes} bytes");
    assert_eq!(stage.effects.count("entered"), 0);
}
