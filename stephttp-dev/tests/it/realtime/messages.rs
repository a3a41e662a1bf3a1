//! `POST /v1/realtime/publish`

use http::Method;
use serde_json::{Value, json};
use stephttp_dev::{Call, ViolationKind};

use super::*;

async fn listener(client: &Client, topics: Value) -> Listener {
    let token = client.post("/v1/realtime/token", topics).await.json()["jwt"].clone();
    Listener::at(client, &format!("/v1/realtime/sse?token={}", token.as_str().unwrap())).await
}

/// The messages of a stream, without their times.
fn messages(text: &str) -> Vec<String> {
    let blocks = text.split_terminator("\n\n").filter(|block| !block.starts_with(':'));
    blocks
        .map(|block| {
            let json = block.strip_prefix("data: ").unwrap();
            let at = json.find(",\"created_at\":\"").unwrap();
            let end = at + json[at..].find("\",").unwrap() + 1;
            format!("{}{}", &json[..at], &json[end..])
        })
        .collect()
}

#[tokio::test]
async fn a_message_comes_to_its_topic_in_the_servers_words() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut news = listener(&client, json!([{"kind": "run", "channel": "user:1", "name": "news"}])).await;
    let mut both = listener(
        &client,
        json!([{"kind": "run", "channel": "user:1", "name": "news"},
               {"kind": "run", "channel": "user:1", "name": "other"}]),
    )
    .await;
    let mut elsewhere =
        listener(&client, json!([{"kind": "run", "channel": "user:2", "name": "news"}])).await;
    let publish = |query: String, body: &str| {
        let path = format!("/v1/realtime/publish?channel=user:1&{query}");
        client.send(client.request(Method::POST, &path).body(body.to_owned()))
    };
    let got = publish("topic=news".to_owned(), "{ \"b\": \"<1>\", \"a\": [1.0] }").await.unwrap();
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    publish("topic=other".to_owned(), "no JSON").await.unwrap();
    publish(format!("topic=news&run_id={run_id}&metadata=%7B%22m%22%3A1%7D"), "").await.unwrap();

    let environment = "00000000-0000-4000-b000-000000000000";
    let of =
        |topic: &str| format!("\"channel\":\"user:1\",\"env_id\":\"{environment}\",\"topic\":\"{topic}\"");
    let first =
        format!("{{\"kind\":\"data\",\"data\":{{\"b\":\"\\u003c1\\u003e\",\"a\":[1.0]}},{}}}", of("news"));
    let other = format!("{{\"kind\":\"data\",\"data\":\"no JSON\",{}}}", of("other"));
    let last = format!(
        "{{\"kind\":\"data\",\"data\":\"\",\"metadata\":{{\"m\":1}},{},\"run_id\":\"{run_id}\"}}",
        of("news")
    );
    for listener in [&mut news, &mut both] {
        listener.hears(&run_id).await;
        listener.hears("\n\ndata: {\"kind\":\"data\",\"data\":\"\",").await;
    }
    assert_eq!(messages(&news.text), [first.clone(), last.clone()]);
    assert_eq!(messages(&both.text), [first, other, last]);
    elsewhere.hears(":\n\n").await;
    assert_eq!(elsewhere.text, ":\n\n");
    assert_eq!(server.calls_of(Call::Publish).len(), 3);
    assert_eq!(server.calls_of(Call::RealtimeToken).len(), 3);
    assert_eq!(server.subscribers("user:1"), 2);
}

#[tokio::test]
async fn a_message_is_cut_off_at_512_kib() {
    let Scene { server, client, .. } = scene().await;
    let mut listener = listener(&client, json!([{"kind": "run", "channel": "c", "name": "t"}])).await;
    let body = "x".repeat(512 * 1024 + 1);
    assert_eq!(client.post("/v1/realtime/publish?channel=c&topic=t", body).await.status, 200);
    listener.hears("\n\ndata: ").await;
    listener.hears("\"topic\":\"t\"}\n\n").await;
    assert_eq!(listener.text.matches('x').count(), 512 * 1024);
    let noted: Vec<_> = server.violations().into_iter().map(|violation| violation.kind).collect();
    assert_eq!(noted, [ViolationKind::TooLarge]);
}

#[tokio::test]
async fn a_stream_of_messages_comes_in_chunks() {
    let Scene { server: _server, client, .. } = scene().await;
    let mut listener = listener(&client, json!([{"kind": "run", "channel": "c", "name": "t"}])).await;
    let request = client.request(Method::POST, "/v1/realtime/publish?channel=c&topic=t");
    let request = request.header("content-type", "text/stream").body("y".repeat(1_500));
    assert_eq!(client.send(request).await.unwrap().status, 200);
    listener.hears("datastream-end").await;
    listener.hears("\"topic\":\"t\"}\n\n").await;
    let read = |block: &str| serde_json::from_str::<Value>(block.strip_prefix("data: ").unwrap()).unwrap();
    let blocks = listener.text.split_terminator("\n\n").filter(|block| !block.starts_with(':'));
    let seen: Vec<Value> = blocks.map(read).collect();
    let kinds: Vec<_> = seen.iter().map(|message| message["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["datastream-start", "chunk", "chunk", "datastream-end"]);
    let sizes: Vec<_> = seen[1..3].iter().map(|chunk| chunk["data"].as_str().unwrap().len()).collect();
    assert_eq!(sizes, [1_024, 476]);
    assert_eq!(seen[0]["data"], seen[1]["stream_id"]);
    assert_eq!(seen[0]["data"], seen[3]["data"]);
}
