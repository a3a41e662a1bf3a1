//! Snapshots.

use inngest::Failure;
use serde_json::json;
use stephttp_dev::TestApp;

use super::{Shop, routes};

#[tokio::test]
async fn a_snapshot_is_the_same_in_each_run_of_a_test() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let app = TestApp::new(routes(Shop::default())).await;
        app.mock_with("ship", |attempt| match attempt {
            1 => Err(Failure::new("no carrier")),
            _ => Ok(json!("a parcel")),
        });
        let run = app.post("/orders/teapot").send().await.run().await;
        seen.push(run.snapshot());
        app.finish().await;
    }
    let key = r#""[run]-5ea9c348e59fe73a4b15cb287e33e4546dcef782""#;
    assert_eq!(seen[0], seen[1]);
    assert_eq!(
        seen[0].to_string(),
        format!(
            "kit-order: Completed\n\
             - charge (run): Completed: {{\"cents\":990,\"id\":{key}}}\n\
             - cool-off (sleep): Completed\n\
             - ship (run): Completed after 2 attempts: \"a parcel\"\n\
             response: 200 {{\"charge\":{key},\"parcel\":\"a parcel\"}}"
        )
    );
    let value = serde_json::to_value(&seen[0]).unwrap();
    assert_eq!(
        value["steps"][1],
        json!({ "step": "cool-off", "kind": "sleep", "status": "Completed", "output": null })
    );
}

#[tokio::test]
async fn a_snapshot_has_neither_the_ids_nor_the_times_of_events() {
    let app = TestApp::new(routes(Shop::default())).await;
    app.engine().hold_time();
    let run = app.post("/approvals/tea").start().await;
    run.waits_at("approval").await;
    app.engine().send_event("shop/approved", json!({ "item": "tea", "at": app.origin() }));
    run.response().await;
    let snapshot = serde_json::to_value(run.snapshot()).unwrap();
    let event = json!({ "name": "shop/approved", "data": { "item": "tea", "at": "[app]" } });
    assert_eq!(snapshot["steps"][0]["output"], event);
    app.finish().await;
}
