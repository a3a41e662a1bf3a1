//! Requests and their runs.

use serde_json::{Value, json};
use stephttp_dev::{Clock, RunStatus, StepStatus, TestApp};

use super::{Charge, DAY, Shop, router, routes};

#[tokio::test]
async fn a_request_has_the_response_of_its_run_and_the_run_tells_what_was_executed() {
    let shop = Shop::default();
    let app = TestApp::new(routes(shop.clone())).await;
    let response = app.post("/orders/teapot").send().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Value>()["parcel"], "a teapot");

    let run = response.run().await;
    run.assert_completed();
    run.assert_ran_once("charge");
    run.assert_ran_once("ship");
    run.assert_not_ran("refund");
    assert_eq!(shop.charges(), 1);
    let steps = run.steps();
    let steps: Vec<_> = steps.iter().map(|step| (step.id(), step.kind(), step.attempts())).collect();
    let expected = [("charge", "run", 1), ("cool-off", "sleep", 0), ("ship", "run", 1)];
    assert_eq!(steps, expected.map(|(id, kind, attempts)| (id.to_owned(), kind, attempts)));
    assert_eq!(run.step("charge").output::<Charge>().cents, 990);
    assert_eq!(run.step("cool-off").status(), StepStatus::Completed);
    app.finish().await;
}

#[tokio::test]
async fn a_run_that_ends_in_its_first_request_is_known_too() {
    let app = TestApp::with(|inngest| router(Shop::default(), inngest)).await;
    let run = app.post("/quick").start().await;
    let response = run.response().await;
    assert_eq!(response.status(), 201);
    let cents = 1_234_567_890_123_456_789;
    assert_eq!(response.json::<Charge>().cents, cents);
    run.assert_completed();
    // Inngest keeps numbers as floats.
    assert_eq!(run.step("charge").output::<Charge>().cents, cents);
    assert_eq!(run.response().await.text(), response.text(), "asked for again");
    app.finish().await;
}

#[tokio::test]
async fn each_request_has_its_own_run() {
    let app = TestApp::new(routes(Shop::default())).await;
    app.engine().hold_time();
    let start = |item| app.post(&format!("/approvals/{item}")).start();
    let (tea, milk, sugar) = tokio::join!(start("tea"), start("milk"), start("sugar"));
    for run in [&sugar, &milk, &tea] {
        run.waits_at("approval").await;
        run.assert_not_ran("mail");
    }
    app.engine().send_event("shop/approved", json!({ "item": "milk" }));
    assert_eq!(milk.response().await.text(), "milk: approved");
    assert_eq!(tea.view().unwrap().status, RunStatus::Running);
    app.engine().send_event("shop/approved", json!({ "item": "tea" }));
    app.engine().release_time();
    assert_eq!(sugar.response().await.text(), "sugar: expired");
    assert_eq!(tea.response().await.text(), "tea: approved");
    assert_eq!(app.runs().len(), 3);
    assert_ne!(tea.id(), sugar.id());
    app.finish().await;
}

#[tokio::test]
async fn a_test_moves_the_time_of_a_run_that_it_holds() {
    let app = TestApp::builder().clock(Clock::Manual).start(routes(Shop::default())).await;
    let run = app.post("/orders/teapot").start().await;
    run.waits_at("cool-off").await;
    run.assert_ran_once("charge");
    run.assert_not_ran("ship");
    app.engine().advance(DAY).await;
    assert_eq!(run.response().await.status(), 200);
    app.finish().await;
}

#[tokio::test]
async fn all_uses_of_an_id_count_and_each_can_be_named() {
    let app = TestApp::new(routes(Shop::default())).await;
    let response = app.post("/turns").send().await;
    assert_eq!(response.text(), "[0, 1, 2]");
    let run = response.run().await;
    run.assert_ran("turn", 3);
    run.assert_ran_once("turn:2");
    assert_eq!(run.step("turn:2").output::<u32>(), 2);
    app.finish().await;
}

#[tokio::test]
async fn a_route_without_steps_has_a_response_and_no_run() {
    let app = TestApp::new(routes(Shop::default())).await;
    assert_eq!(app.get("/health").send().await.text(), "well");
    assert!(app.runs().is_empty());
    app.finish().await;
}

/// A client that was given a token polls; the test has the run's response all the same.
#[tokio::test]
async fn a_run_whose_client_has_a_token_has_a_response() {
    use inngest::AsyncResponse;
    for answer in [AsyncResponse::Token, AsyncResponse::Redirect, AsyncResponse::Proxy] {
        let app = TestApp::builder().setup(move |opts| opts.async_response(answer));
        let app = app.start(routes(Shop::default())).await;
        let run = app.post("/orders/teapot").start().await;
        let status = if matches!(answer, AsyncResponse::Token) { 200 } else { 303 };
        assert_eq!(run.first_answer().await.status(), status, "{answer:?}");
        assert_eq!(run.response().await.json::<Value>()["parcel"], "a teapot", "{answer:?}");
        app.finish().await;
    }
}
