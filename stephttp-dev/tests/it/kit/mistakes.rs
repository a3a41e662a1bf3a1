//! What tests do wrong, and what they are told.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::{Provider, SetupOpts, Step, StepError};
use serde_json::Value;
use stephttp_dev::TestApp;

use super::{Shop, panic_of, router, routes};

/// Short, since these tests wait for it to be over.
const PATIENCE: Duration = Duration::from_millis(300);

fn says(panic: &str, texts: &[&str]) {
    for text in texts {
        assert!(panic.contains(text), "`{text}` is not in:\n{panic}");
    }
}

#[tokio::test]
async fn a_mock_without_a_step_is_told_with_the_steps_that_ran() {
    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        app.mock("chrage", "ch_1");
        app.post("/quick").send().await;
        app.finish().await;
    });
    says(&panic.await, &["the mock of `chrage` was not used", "Steps that have: `charge`", "mistakes.rs"]);
}

#[tokio::test]
async fn a_mock_of_what_inngest_does_is_told() {
    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        app.mock("approval", "yes");
        app.post("/approvals/tea").send().await;
        app.finish().await;
    });
    says(
        &panic.await,
        &["the mock of `approval` was not used: the step is a WaitForEvent", "send the event"],
    );
}

#[tokio::test]
async fn a_mock_of_another_type_is_told_with_the_step_and_the_type() {
    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        app.mock("charge", "ch_1");
        let response = app.post("/quick").send().await;
        assert_eq!(response.status(), 500);
        says(response.text(), &["the mock of the step `charge`"]);
        let run = response.run().await;
        run.assert_failed();
        run.assert_ran_once("charge");
        app.finish().await;
    });
    says(&panic.await, &["the mock of the step `charge` gives", "Charge`", r#"It gives "ch_1""#]);
}

#[tokio::test]
async fn a_mock_that_panics_is_told() {
    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        app.mock_with("charge", |_| -> Result<Value, _> { panic!("nobody pays here") });
        assert_eq!(app.post("/quick").send().await.status(), 500);
        app.finish().await;
    });
    says(&panic.await, &["the mock of `charge` panicked: nobody pays here"]);
}

#[tokio::test]
async fn a_router_that_has_the_layer_already_is_told() {
    let own = || Provider::setup(SetupOpts::new("http://app").dev_server("http://127.0.0.1:1")).unwrap();
    let panic = panic_of(async move { TestApp::new(router(Shop::default(), &own())).await });
    says(&panic.await, &["has `output_route()` and `layer()` already", "TestApp::with"]);

    let panic = panic_of(async move {
        let app = TestApp::new(routes(Shop::default()).layer(own().layer())).await;
        app.post("/quick").send().await;
        app.finish().await;
    });
    says(&panic.await, &["two layers of Inngest's", "TestApp::with"]);
}

#[tokio::test]
async fn a_router_without_the_layer_is_told() {
    let panic = panic_of(async {
        let app = TestApp::with(|_| routes(Shop::default())).await;
        app.post("/quick").start().await;
    });
    says(
        &panic.await,
        &["POST /quick was answered with 500", "has begun no run", "`inngest.layer()` is not around"],
    );
}

#[tokio::test]
async fn a_request_that_begins_no_run_is_told() {
    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        app.post("/order/teapot").start().await;
    });
    says(&panic.await, &["POST /order/teapot was answered with 404", "has begun no run", "mistakes.rs"]);
    // What answered in the handler's place is known by what it said.
    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        app.get("/health").send().await.run().await;
    });
    says(&panic.await, &["GET /health was answered with 200", "has begun no run", "Its body is `well`"]);
    let panic = panic_of(async { TestApp::new(Router::new()).await.get("health").send().await });
    says(&panic.await, &["`GET health` is no request to the app", "begins with `/`"]);
}

#[inngest::api_fn(id = "kit-hangs")]
async fn hangs(step: Step) -> Result<String, StepError> {
    let limit = Duration::from_secs(60);
    step.wait_for_event::<Value>("answer", "shop/answered").timeout(limit).await?;
    Ok("answered".to_owned())
}

#[tokio::test]
async fn a_run_that_does_not_end_is_told_with_what_it_waits_for() {
    let app = || {
        let app = TestApp::builder().engine(|engine| engine.patience(PATIENCE));
        app.start(Router::new().route("/hangs", post(hangs)))
    };
    let texts =
        ["in vain", "`answer`: WaitingForEvent, for the event `shop/answered`", "held; `release_time()`"];
    let panic = panic_of(async move {
        let app = app().await;
        app.engine().hold_time();
        app.post("/hangs").send().await
    });
    says(&panic.await, &[&texts[..], &["the response to POST /hangs"]].concat());
    let panic = panic_of(async move {
        let app = app().await;
        app.engine().hold_time();
        let run = app.post("/hangs").start().await;
        run.response().await
    });
    says(&panic.await, &texts);
}

#[tokio::test]
async fn an_assertion_that_fails_tells_the_history_of_the_run() {
    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        let run = app.post("/orders/teapot").send().await.run().await;
        run.assert_not_ran("charge");
    });
    let texts = [
        "the code of the step `charge` has run 1 times, not 0 times",
        "of `kit-order`: Completed, after the first request and",
        "`charge` (run): Completed: {\"cents\":990",
        "`cool-off` (sleep): Completed",
        "response: 200",
        "+0 ms        client      POST http://127.0.0.1:",
        "sleep       `cool-off` sleeps until +",
    ];
    says(&panic.await, &texts);

    let panic = panic_of(async {
        let app = TestApp::new(routes(Shop::default())).await;
        app.engine().hold_time();
        app.post("/approvals/tea").start().await.assert_completed();
    });
    says(&panic.await, &["the run is Running, not Completed: it is still running. Await"]);
}
