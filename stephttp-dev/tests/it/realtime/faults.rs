//! What a test lets go wrong with streams.

use std::time::Duration;

use stephttp_dev::{Call, Gate, InjectedFault, PartState};

use super::*;

#[tokio::test]
async fn a_part_is_refused_in_each_way() {
    let Scene { server, client, run_id, .. } = scene().await;
    let path = format!("/v1/realtime/publish/tee?channel={run_id}");
    let mut listener = Listener::open(&client, &server, &run_id).await;
    server.inject(InjectedFault::on(Call::Tee).respond(503));
    assert_eq!(client.post(&path, metadata(&run_id)).await.status, 503);
    server.inject(InjectedFault::on(Call::Tee).refuse());
    assert!(client.try_post(&path, metadata(&run_id)).await.is_err());
    server.inject(InjectedFault::on(Call::Tee).hang());
    let hanging = client.request(http::Method::POST, &path).body("x").timeout(Duration::from_millis(100));
    assert!(client.send(hanging).await.unwrap_err().is_timeout());
    server.go_down();
    assert!(client.try_post(&path, metadata(&run_id)).await.is_err());
    server.come_up();
    assert!(server.published(&run_id).is_empty());
    // The answer is lost, but not what was sent.
    server.inject(InjectedFault::on(Call::Tee).drop_response());
    assert!(client.try_post(&path, metadata(&run_id)).await.is_err());
    assert_eq!(listener.heard(1).await, metadata(&run_id));
    assert!(server.published(&run_id)[0].has_ended());
    assert_eq!(server.calls_of(Call::Tee).len(), 5);
}

#[tokio::test]
async fn a_part_breaks_off_in_the_middle() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut listener = Listener::open(&client, &server, &run_id).await;
    let text = metadata(&run_id) + &stream("a", "first") + &stream("a", "second");
    let until = text.len() - 10;
    server.inject(InjectedFault::on(Call::Tee).break_off(until));
    let path = format!("/v1/realtime/publish/tee?channel={run_id}");
    assert!(client.try_post(&path, &text).await.is_err());
    assert_eq!(listener.heard(until).await, text[..until]);
    let part = server.published(&run_id).remove(0);
    assert_eq!((part.state, part.events.len(), part.bytes), (PartState::BrokenOff, 2, until));
    server.assert_no_violations();
}

#[tokio::test]
async fn a_part_waits_at_a_gate() {
    let Scene { server, run_id, .. } = scene().await;
    let gate = Gate::new();
    server.inject(InjectedFault::on(Call::Tee).hold(&gate));
    let mut tee = Tee::open(&server, &run_id).await;
    tee.send(metadata(&run_id)).await;
    gate.reached(1).await;
    assert!(server.published(&run_id).is_empty());
    gate.release();
    assert!(tee.end().await.starts_with("HTTP/1.1 200 "));
    assert!(server.published(&run_id)[0].has_ended());
}

#[tokio::test]
async fn a_subscription_is_refused_or_breaks_off() {
    let Scene { server, client, run_id, .. } = scene().await;
    let url = server.stream_url(&run_id);
    let path = url[server.url().len()..].to_owned();
    server.inject(InjectedFault::on(Call::Subscribe).respond(500));
    assert_eq!(client.get(&path).await.status, 500);
    server.inject(InjectedFault::on(Call::Subscribe).refuse());
    assert!(client.request(http::Method::GET, &path).send().await.is_err());
    server.inject(InjectedFault::on(Call::Subscribe).drop_response());
    assert!(client.request(http::Method::GET, &path).send().await.is_err());
    assert_eq!(server.subscribers(&run_id), 0);
    let text = metadata(&run_id) + &stream("a", "first");
    server.inject(InjectedFault::on(Call::Subscribe).break_off(":\n\n".len() + 20));
    let mut listener = Listener::at(&client, &path).await;
    listener.hears(":\n\n").await;
    client.post(&format!("/v1/realtime/publish/tee?channel={run_id}"), &text).await;
    assert_eq!(listener.heard(20).await, text[..20]);
    assert!(listener.end().await.is_err());
    server.wait_for_subscribers(&run_id, 0).await;
}

#[tokio::test]
async fn tokens_and_messages_fail() {
    let Scene { server, client, .. } = scene().await;
    server.inject(InjectedFault::on(Call::RealtimeToken).respond(500));
    assert_eq!(client.post("/v1/realtime/token", "[]").await.status, 500);
    assert_eq!(client.post("/v1/realtime/token", "[]").await.status, 201);
    server.inject(InjectedFault::on(Call::Publish).respond(429));
    assert_eq!(client.post("/v1/realtime/publish?channel=c&topic=t", "1").await.status, 429);
    assert_eq!(client.post("/v1/realtime/publish?channel=c&topic=t", "1").await.status, 200);
}
