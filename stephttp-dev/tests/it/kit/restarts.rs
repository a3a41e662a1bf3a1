//! The app's process dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::post;
use inngest::{Failure, Step, StepError};
use stephttp_dev::{Clock, TestApp};
use tokio::sync::Notify;

use super::{DAY, Shop, router};

/// A step that hangs in the first process.
#[derive(Debug, Default)]
struct Bank {
    calls: AtomicUsize,
    called: Notify,
}

#[inngest::api_fn(id = "kit-dies")]
async fn dies(
    axum::extract::State(bank): axum::extract::State<Arc<Bank>>,
    step: Step,
) -> Result<String, StepError> {
    step.run("reserve", async { Ok::<_, Failure>(()) }).await?;
    step.sleep("pause", DAY).await;
    let pay = async {
        let call = bank.calls.fetch_add(1, Ordering::Relaxed);
        bank.called.notify_one();
        if call == 0 {
            std::future::pending::<()>().await;
        }
        Ok::<_, Failure>("paid".to_owned())
    };
    step.run("pay", pay).await
}

#[tokio::test]
async fn a_step_that_was_under_way_when_the_process_died_runs_again_and_the_client_gets_the_response() {
    let bank = Arc::new(Bank::default());
    let state = bank.clone();
    let app = TestApp::with(move |inngest| {
        let routes = Router::new().route("/pay", post(dies)).merge(inngest.output_route());
        routes.layer(inngest.layer()).with_state(state.clone())
    })
    .await;
    // The client waits at the process that dies.
    let client = tokio::spawn(app.post("/pay").send());
    bank.called.notified().await;
    let origin = app.origin().to_owned();
    app.restart().await;
    assert_eq!(app.origin(), origin);
    let response = client.await.unwrap();
    assert_eq!((response.status().as_u16(), response.text()), (200, "paid"));
    let run = response.run().await;
    run.assert_ran_once("reserve");
    run.assert_ran("pay", 2);
    assert!(run.history().contains("attempt 1: did not end"), "{}", run.history());
    app.finish().await;
}

#[tokio::test]
async fn a_run_outlives_its_process_and_its_state() {
    let app = TestApp::builder().clock(Clock::Manual);
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let app = app
        .start_with(move |inngest| {
            count.fetch_add(1, Ordering::Relaxed);
            router(Shop::default(), inngest)
        })
        .await;
    let run = app.post("/orders/teapot").start().await;
    app.restart().await;
    app.engine().advance(DAY).await;
    assert_eq!(run.response().await.status(), 200);
    run.assert_ran_once("charge");
    assert_eq!(made.load(Ordering::Relaxed), 2);
    app.finish().await;
}
