//! `POST /v1/realtime/publish/tee`

use stephttp_dev::{Call, PartState, ViolationKind};

use super::*;

#[tokio::test]
async fn what_is_published_comes_out_as_it_arrives_and_in_order_at_all_that_listen() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut first = Listener::open(&client, &server, &run_id).await;
    let mut second = Listener::open(&client, &server, &run_id).await;
    let mut elsewhere = Listener::open(&client, &server, &new_id()).await;
    assert_eq!(server.subscribers(&run_id), 2);

    let mut tee = Tee::open(&server, &run_id).await;
    let mut sent = String::new();
    for chunk in [metadata(&run_id), stream("a", "x"), stream("a", "\u{1f980}"), commit("a")] {
        tee.send(&chunk).await;
        sent += &chunk;
        // Before the next is sent.
        assert_eq!(first.heard(sent.len()).await, sent);
        assert_eq!(second.heard(sent.len()).await, sent);
    }
    let part = server.published(&run_id).remove(0);
    assert_eq!((part.state, part.bytes), (PartState::Open, sent.len()));
    let answer = tee.end().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");

    // The next part comes after it, and both are there to be looked at.
    let mut tee = Tee::open(&server, &run_id).await;
    tee.send(metadata(&run_id) + &response()).await;
    tee.end().await;
    sent += &(metadata(&run_id) + &response());
    assert_eq!(first.heard(sent.len()).await, sent);
    assert_eq!(second.heard(sent.len()).await, sent);
    let parts = server.published(&run_id);
    let names: Vec<_> = parts.iter().map(|part| (part.names(), part.has_ended())).collect();
    let metadata = "inngest.metadata";
    let steps = vec![metadata, "inngest.stream", "inngest.stream", "inngest.commit"];
    assert_eq!(names, [(steps, true), (vec![metadata, "inngest.response"], true)]);
    let names = |events: Vec<Event>| events.iter().map(Event::name).collect::<Vec<_>>();
    assert_eq!(names(events(&first.text)), names(parts.into_iter().flat_map(|part| part.events).collect()));

    // The call has the whole body, and others heard nothing.
    let calls = server.calls_of(Call::Tee);
    let bodies: Vec<_> = calls.iter().map(|call| String::from_utf8_lossy(&call.body)).collect();
    assert_eq!(bodies.concat(), sent);
    assert!(calls.iter().all(|call| call.status == Some(http::StatusCode::OK)));
    elsewhere.hears(":\n\n").await;
    assert_eq!(elsewhere.text, ":\n\n");
    server.assert_no_violations();
}

#[tokio::test]
async fn a_chunk_of_which_an_event_ends_later_is_forwarded_all_the_same() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut listener = Listener::open(&client, &server, &run_id).await;
    let mut tee = Tee::open(&server, &run_id).await;
    let (whole, rest) = (metadata(&run_id) + &stream("a", "one"), "two\"}\n\n");
    let sent = format!("{whole}event: inngest.stream\ndata: {{\"data\":\"");
    tee.send(&sent).await;
    assert_eq!(listener.heard(sent.len()).await, sent);
    tee.send(rest).await;
    let sent = sent + rest;
    assert_eq!(listener.heard(sent.len()).await, sent);
    tee.end().await;
    assert_eq!(server.published(&run_id)[0].events.len(), 3);
    // No other part could be torn by it.
    server.assert_no_violations();
}

#[tokio::test]
async fn a_part_of_over_1_024_000_bytes_is_forwarded_up_to_there_and_refused() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut listener = Listener::open(&client, &server, &run_id).await;
    let mut tee = Tee::open(&server, &run_id).await;
    let mut sent = metadata(&run_id);
    tee.send(&sent).await;
    while sent.len() <= 1_024_000 {
        let chunk = stream("a", &"x".repeat(8_000));
        tee.send(&chunk).await;
        sent += &chunk;
    }
    let answer = tee.answer().await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nError forwarding data\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
    let heard = listener.heard(1_024_000).await;
    assert_eq!(heard, sent[..1_024_000]);
    assert_eq!(server.published(&run_id)[0].state, PartState::TooLarge);
    assert_eq!(kinds(&server), [ViolationKind::TooLarge]);
}

#[tokio::test]
async fn exactly_1_024_000_bytes_are_taken() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut body = metadata(&run_id);
    while body.len() < 1_000_000 {
        body += &stream("a", &"x".repeat(8_000));
    }
    let last = stream("a", "").len();
    body += &stream("a", &"x".repeat(1_024_000 - body.len() - last - 10_000));
    body += &stream("a", &"x".repeat(10_000 - last));
    assert_eq!(body.len(), 1_024_000);
    let path = format!("/v1/realtime/publish/tee?channel={run_id}");
    let got = client.post(&path, &body).await;
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    assert!(server.published(&run_id)[0].has_ended());
    server.assert_no_violations();
}

#[tokio::test]
async fn a_part_whose_connection_breaks_off_has_come_as_far_as_it_came() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut listener = Listener::open(&client, &server, &run_id).await;
    let mut tee = Tee::open(&server, &run_id).await;
    let sent = metadata(&run_id) + &stream("a", "x") + "event: inngest.str";
    tee.send(&sent).await;
    assert_eq!(listener.heard(sent.len()).await, sent);
    drop(tee);
    let parts = server.wait_for_published(&run_id, |parts| parts[0].state != PartState::Open).await;
    assert_eq!((parts[0].state, parts[0].events.len()), (PartState::BrokenOff, 2));
    // A process may die.
    server.assert_no_violations();
}

#[tokio::test]
async fn a_channel_is_needed_and_need_not_be_a_run() {
    let Scene { server, client, .. } = scene().await;
    for path in ["/v1/realtime/publish/tee", "/v1/realtime/publish/tee?channel="] {
        let got = client.post(path, "x").await;
        assert_eq!((got.status, got.text.as_str()), (400, "channel query parameter required\n"));
    }
    let mut listener = Listener::open(&client, &server, "news").await;
    assert_eq!(client.post("/v1/realtime/publish/tee?channel=news", "no events").await.status, 200);
    assert_eq!(listener.heard(9).await, "no events");
    server.assert_no_violations();
}
