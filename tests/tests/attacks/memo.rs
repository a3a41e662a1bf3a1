//! Answers of Inngest with keys that were chosen to collide.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use inngest::client::ApiClient;
use stephttp_tests::serve;
use tokio::time::Instant;

use crate::turn;

const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

/// So many steps. Those that collide differ in their last bytes alone.
fn steps(count: usize, collide: bool) -> String {
    let step = |n: usize| {
        let first =
            if collide { 0x0123_4567_89ab_cdef } else { (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) };
        format!(r#""{first:016x}{n:024x}":null"#)
    };
    format!("{{{}}}", (0..count).map(step).collect::<Vec<_>>().join(","))
}

/// How long it takes to have a run's steps from an Inngest that gives these, and how many there
/// are.
async fn read(json: String) -> (Duration, Result<usize, String>) {
    let answer = move || {
        let json = json.clone();
        async move { json }
    };
    let (origin, server) = serve(Router::new().route("/v0/runs/{run_id}/actions", get(answer))).await;
    let client = ApiClient::builder().dev_server(origin).build().unwrap();
    let began = Instant::now();
    let steps = client.get_steps(RUN_ID.parse().unwrap()).await;
    let took = began.elapsed();
    server.abort();
    (took, steps.map(|steps| steps.len()).map_err(|error| error.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_collide_cost_what_others_do() {
    let _turn = turn::alone().await;
    let (spread, count) = read(steps(10_000, false)).await;
    assert_eq!(count, Ok(10_000));
    let (colliding, count) = read(steps(10_000, true)).await;
    assert_eq!(count, Ok(10_000));
    assert!(colliding < spread * 4 + Duration::from_millis(100), "{colliding:?}, others {spread:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_steps_than_a_run_can_have_are_refused_before_they_cost_much() {
    let _turn = turn::alone().await;
    let (allowed, _) = read(steps(10_000, false)).await;
    for collide in [false, true] {
        let (refused, error) = read(steps(80_000, collide)).await;
        assert!(error.unwrap_err().contains("at most 10000 steps"));
        // The answer is eight times as long.
        assert!(refused < allowed * 8 + Duration::from_millis(200), "{refused:?}, 10,000 took {allowed:?}");
    }
}
