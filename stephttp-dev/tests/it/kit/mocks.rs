//! Mocks in the place of steps.

use inngest::Failure;
use serde_json::{Value, json};
use stephttp_dev::TestApp;

use super::{Charge, Shop, routes};

#[tokio::test]
async fn a_mocked_steps_code_does_not_run_and_its_value_is_stored() {
    let shop = Shop::default();
    let app = TestApp::builder().mock("charge", json!({ "id": "ch_9", "cents": 1 }));
    let app = app.start(routes(shop.clone())).await;
    let response = app.post("/orders/teapot").send().await;
    assert_eq!(response.json::<Value>(), json!({ "charge": "ch_9", "parcel": "a teapot" }));
    let run = response.run().await;
    // The re-entry after the sleep has read it from Inngest.
    run.assert_ran_once("charge");
    assert_eq!(run.step("charge").output::<Charge>(), Charge { id: "ch_9".to_owned(), cents: 1 });
    assert_eq!(shop.charges(), 0);
    app.finish().await;
}

#[tokio::test]
async fn a_mock_that_fails_is_retried_as_the_code_is() {
    let shop = Shop::default();
    let app = TestApp::new(routes(shop.clone())).await;
    app.mock_with("charge", |attempt| match attempt {
        1 => Err(Failure::new("the bank does not answer")),
        attempt => Ok(json!({ "id": format!("ch_{attempt}"), "cents": 990 })),
    });
    let response = app.post("/orders/teapot").send().await;
    assert_eq!(response.json::<Value>()["charge"], "ch_2");
    let run = response.run().await;
    run.assert_ran("charge", 2);
    assert!(
        run.history().contains("attempt 1, by its mock: failed: the bank does not answer"),
        "{}",
        run.history()
    );

    // Each run counts for itself, and a failure for good is one.
    app.mock_with("charge", |_| Err(Failure::non_retriable("declined")));
    let run = app.post("/orders/kettle").start().await;
    assert_eq!(run.response().await.status(), 500);
    run.assert_failed();
    run.assert_ran_once("charge");
    run.assert_not_ran("ship");
    assert_eq!(run.step("charge").error(), Some("declined"));
    assert_eq!(shop.charges(), 0);
    app.finish().await;
}

#[tokio::test]
async fn one_use_of_an_id_can_be_mocked_alone() {
    let app = TestApp::new(routes(Shop::default())).await;
    app.mock("turn:1", 7);
    assert_eq!(app.post("/turns").send().await.text(), "[0, 7, 2]");
    app.mock("turn", 5);
    assert_eq!(app.post("/turns").send().await.text(), "[5, 7, 5]");
    app.finish().await;
}
