//! `Tracing` where nobody exports traces: the client's context is handed on, and in the log.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::routing::post;
use inngest::middleware::Tracing;
use inngest::{Failure, SetupOpts, Step, StepError};
use stephttp_dev::Call;
use stephttp_tests::{Logs, Stage, World};

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
pub(crate) const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

const PAUSE: Duration = Duration::from_secs(86_400);

#[inngest::api_fn(id = "without-opentelemetry")]
async fn handler(step: Step) -> Result<&'static str, StepError> {
    step.run("a", async {
        tracing::info!(target: "inngest", "in the step a");
        Ok::<_, Failure>(())
    })
    .await?;
    step.sleep("pause", PAUSE).await;
    step.run("b", async {
        tracing::info!(target: "inngest", "in the step b");
        Ok::<_, Failure>(())
    })
    .await?;
    Ok("done")
}

/// The calls' headers, and the run's id.
async fn run(logs: &Logs, headers: HeaderMap) -> (Vec<HeaderMap>, String) {
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Tracing::new()))
        .start(Stage::new().app(post(handler)))
        .await;
    let response = world.post("/").headers(headers).send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    let run = world.ended().await;
    world.assert_clean();
    let first = r#"request="first""#;
    logs.assert_line_with(&["execution{", &run.id, first, r#"step{otel.name="a""#, "in the step a"]);
    let reentry = r#"request="re-entry" generation=1"#;
    logs.assert_line_with(&["execution{", &run.id, reentry, r#"step{otel.name="b""#, "in the step b"]);
    let mut calls = world.inngest.calls_of(Call::NewRun);
    calls.append(&mut world.inngest.calls_of(Call::Async));
    assert_eq!(calls.len(), 2);
    (calls.into_iter().map(|call| call.headers).collect(), run.id)
}

#[tokio::test]
async fn the_clients_context_is_handed_on() {
    let logs = Logs::collect();
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", PARENT.parse().unwrap());
    headers.insert("tracestate", STATE.parse().unwrap());
    headers.insert("baggage", "customer=7".parse().unwrap());
    let (calls, run_id) = run(&logs, headers).await;
    for call in calls {
        assert_eq!(
            (call["traceparent"].to_str().unwrap(), call["tracestate"].to_str().unwrap()),
            (PARENT, STATE)
        );
        assert!(!call.contains_key("baggage"));
    }
    let (trace, parent) = (format!("trace_id={TRACE:?}"), format!("traceparent={PARENT:?}"));
    for step in ["in the step a", "in the step b"] {
        logs.assert_line_with(&[&run_id, &trace, &parent, step]);
    }
}

#[tokio::test]
async fn without_a_good_context_there_is_none() {
    let logs = Logs::collect();
    for bad in [None, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331")] {
        let mut headers = HeaderMap::new();
        if let Some(bad) = bad {
            headers.insert("traceparent", bad.parse().unwrap());
        }
        headers.insert("tracestate", STATE.parse().unwrap());
        let (calls, run_id) = run(&logs, headers).await;
        for call in calls {
            assert!(!call.contains_key("traceparent") && !call.contains_key("tracestate"), "{call:?}");
        }
        assert!(logs.lines_with(&[&run_id, "trace_id"]).is_empty());
    }
}
