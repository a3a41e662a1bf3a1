//! `GET /v1/realtime/sse`

use std::time::Duration;

use stephttp_dev::{Clock, DevServer};

use super::*;

async fn publish(client: &Client, run_id: &str, text: &str) {
    let path = format!("/v1/realtime/publish/tee?channel={run_id}");
    assert_eq!(client.post(&path, text).await.status, 200);
}

#[tokio::test]
async fn a_subscription_is_there_when_its_headers_are() {
    let Scene { server, client, run_id, .. } = scene().await;
    publish(&client, &run_id, &metadata(&run_id)).await;
    let listener = Listener::open(&client, &server, &run_id).await;
    let header = |name: &str| listener.response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-cache");
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("access-control-expose-headers"), "Content-Type");
    let mut listener = listener;
    // What came before is lost.
    let sent = metadata(&run_id) + &response();
    publish(&client, &run_id, &sent).await;
    assert_eq!(listener.heard(sent.len()).await, sent);
    assert!(listener.text.starts_with(":\n\n"), "{}", listener.text);
    // It goes on after the response, until its client leaves.
    publish(&client, &run_id, &metadata(&run_id)).await;
    assert_eq!(listener.heard(sent.len() + 1).await, sent + &metadata(&run_id));
    drop(listener);
    server.wait_for_subscribers(&run_id, 0).await;
}

#[tokio::test]
async fn any_origin_may_listen() {
    let Scene { server, client, run_id, .. } = scene().await;
    let url = server.stream_url(&run_id);
    let path = &url[server.url().len()..];
    let request = client.request(http::Method::GET, path).header("origin", "https://example.com");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn comments_come_every_15_seconds_and_it_is_broken_off_after_15_minutes() {
    let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let client = Client::new(&server);
    let mut listener = Listener::open(&client, &server, "x").await;
    let mut expected = ":\n\n".to_owned();
    listener.hears(&expected).await;
    for seconds in [14, 1, 14, 1] {
        server.advance(Duration::from_secs(seconds)).await;
        if seconds == 1 {
            expected += ":\n\n";
            listener.hears(&expected).await;
        }
    }
    assert_eq!(listener.text, expected);
    server.advance(Duration::from_secs(15 * 60 - 31)).await;
    assert_eq!(server.subscribers("x"), 1);
    server.advance(Duration::from_secs(1)).await;
    assert_eq!(server.subscribers("x"), 0);
    // Without the body's end.
    assert!(listener.end().await.is_err());
}

#[tokio::test]
async fn skipped_time_ends_no_subscription_but_a_test_does() {
    let scene = Scene::held([sleep("s", "30d")], [result(200, "done")]).await;
    let listener = Listener::open(&scene.client, &scene.server, &scene.run_id).await;
    scene.server.release_time();
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.server.subscribers(&scene.run_id), 1);
    scene.server.end_subscriptions();
    assert!(listener.end().await.is_err());
    assert_eq!(scene.server.subscribers(&scene.run_id), 0);
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_says_so() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut listener = Listener::open(&client, &server, &run_id).await;
    server.announce_closing();
    listener.hears("data: {\"kind\":\"closing\",\"data\":\"\",\"created_at\":\"").await;
    assert_eq!(server.subscribers(&run_id), 1);
}
