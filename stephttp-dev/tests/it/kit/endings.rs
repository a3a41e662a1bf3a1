//! How tests end.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use stephttp_dev::{TestApp, ViolationKind};

use super::{Shop, panic_of, router};

/// A mistake of the program's: re-entries are refused.
async fn refuse_inngest(request: Request, next: Next) -> Response {
    if request.headers().contains_key("x-run-id") {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

async fn refusing() -> TestApp {
    TestApp::with(|inngest| -> Router { router(Shop::default(), inngest).layer(from_fn(refuse_inngest)) })
        .await
}

#[tokio::test]
async fn a_violation_fails_a_test_at_its_end_and_when_that_is_forgotten() {
    let finished = panic_of(async {
        let app = refusing().await;
        app.post("/orders/teapot").start().await.ended().await;
        app.finish().await;
    });
    let finished = finished.await;
    assert!(finished.contains("the SDK made a mistake: MissingSdkHeader"), "{finished}");

    let dropped = panic_of(async {
        let app = refusing().await;
        app.post("/orders/teapot").start().await.ended().await;
    });
    assert!(dropped.await.contains("MissingSdkHeader"));
}

#[tokio::test]
async fn a_violation_on_purpose_can_be_looked_at() {
    let app = refusing().await;
    app.post("/orders/teapot").start().await.ended().await;
    assert!(app.engine().violations().iter().any(|it| it.kind == ViolationKind::MissingSdkHeader));
    app.abandon();
}

/// A test that ends while a run is under way is told what becomes of it.
#[tokio::test]
async fn the_end_waits_for_runs_that_nobody_has_awaited() {
    let app = TestApp::with(|inngest| router(Shop::default(), inngest)).await;
    let run = app.post("/orders/teapot").start().await;
    app.finish().await;
    run.assert_completed();
    run.assert_ran_once("ship");
}
