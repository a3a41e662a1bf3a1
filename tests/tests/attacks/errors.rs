//! Long texts from outside, on their way into errors and the log.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use inngest::{Step, StepError};
use serde::Deserialize;
use serde_json::json;
use stephttp_tests::{Logs, World, serve};

use crate::turn;

/// More than any line says of a text from outside, and what is said beside it.
const LINE: usize = 2_000;

#[inngest::api_fn(id = "attacks-unlayered")]
async fn unlayered(step: Step) -> String {
    step.run_id().to_string()
}

#[tokio::test]
async fn a_forgotten_layer_is_not_said_as_often_and_as_long_as_a_stranger_likes() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    let (origin, server) = serve(Router::new().route("/unlayered/{rest}", get(unlayered))).await;
    let client = reqwest::Client::new();
    for _ in 0..200 {
        let url = format!("{origin}/unlayered/{}", "x".repeat(50_000));
        assert_eq!(client.get(url).send().await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    server.abort();
    let lines = logs.lines_with(&["its route has no stephttp layer", "/unlayered/"]);
    assert!((1..=60).contains(&lines.len()), "{} lines of 200 requests", lines.len());
    assert!(lines.iter().all(|line| line.len() < LINE), "{} bytes", lines[0].len());
}

#[derive(Debug, Deserialize)]
struct Paid {
    #[allow(dead_code, reason = "it is what cannot be read")]
    amount: u64,
}

#[inngest::api_fn(id = "attacks-paid")]
async fn paid(step: Step) -> Result<String, StepError> {
    let error = step.wait_for_event::<Paid>("wait-to-be-paid", "attacks/paid").await.unwrap_err();
    let _ =
        step.wait_for_event::<Paid>("name", "a").matching(&"data.x-".repeat(10_000), 1).await.unwrap_err();
    let _ = step.wait_for_event::<Paid>("filter", "a").filter("async.y ".repeat(10_000)).await.unwrap_err();
    Err(error)
}

#[tokio::test]
async fn what_an_event_says_in_a_numbers_place_is_cut() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    let world = World::of(Router::new().route("/", post(paid))).await;
    world.inngest.hold_time();
    let response = world.post("/").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "wait-to-be-paid").await;
    let amount = "lots\n".repeat(20_000);
    world.inngest.send_event("attacks/paid", json!({ "amount": amount }));
    let response = world.follow(response).await;
    assert_eq!(response.status(), 500);
    let answer = response.text().await.unwrap();
    assert!(answer.contains("lots") && answer.len() < LINE, "{} bytes", answer.len());
    world.ended().await;
    let lines = logs.lines_with(&["wait-to-be-paid", "lots"]);
    assert!(!lines.is_empty() && lines.iter().all(|line| line.len() < LINE), "{}", lines.len());
    for texts in [["step=name", "no path"], ["step=filter", "is not valid"]] {
        let lines = logs.lines_with(&texts);
        assert!(!lines.is_empty() && lines.iter().all(|line| line.len() < LINE), "{texts:?}");
    }
}
