//! Who may listen, and publish.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use stephttp_dev::{Call, Clock, DevServer};

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn claims(token: &str) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, _] = parts.as_slice() else { panic!("{token}") };
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(read(header), json!({"alg": "HS256", "typ": "JWT"}));
    read(claims)
}

async fn status(client: &Client, token: &str) -> u16 {
    let path = format!("/v1/realtime/sse?token={token}");
    client.request(Method::GET, &path).send().await.unwrap().status().as_u16()
}

/// The tokens of a run's first call.
async fn created(client: &Client, run_id: &str, steps: Vec<Value>) -> Value {
    client.post("/v1/checkpoint", report(run_id, "http://127.0.0.1:1", steps)).await.json()["data"].clone()
}

#[tokio::test]
async fn a_runs_token_is_for_its_stream_and_for_16_minutes() {
    let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let client = Client::new(&server);
    let run_id = new_id();
    let data = created(&client, &run_id, Vec::new()).await;
    // Also without steps.
    assert_eq!(data.get("token"), None);
    let token = data["realtime_token"].as_str().unwrap();
    let claims = claims(token);
    let now = server.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(now), Some(now + 960)));
    assert_eq!((&claims["iss"], &claims["publish"]), (&json!("rt.inngest.com"), &json!(false)));
    let environment = "00000000-0000-4000-b000-000000000000";
    let topic = json!({"kind": "run", "env_id": environment, "channel": run_id, "name": "$stream"});
    assert_eq!((&claims["env"], &claims["topics"]), (&json!(environment), &json!([topic])));

    let url = format!("/v1/realtime/sse?token={token}");
    let _first = Listener::at(&client, &url).await;
    server.advance(Duration::from_secs(958)).await;
    // It can be used again.
    let mut listener = Listener::at(&client, &url).await;
    server.advance(Duration::from_secs(2)).await;
    let got = client.get(&url).await;
    assert_eq!((got.status, got.header("content-type")), (401, "application/json"));
    assert_eq!(got.json(), json!({"error": "Not authenticated", "data": null, "status": 401}));
    // Who is connected stays so.
    client.post(&format!("/v1/realtime/publish/tee?channel={run_id}"), metadata(&run_id)).await;
    assert_eq!(listener.heard(1).await, metadata(&run_id));
    let refused: Vec<_> = server.calls_of(Call::Subscribe).iter().map(|call| call.status.unwrap()).collect();
    assert_eq!(refused, [200, 200, 401]);
}

#[tokio::test]
async fn a_fresh_token_is_for_what_it_was_asked_for_and_for_a_minute() {
    let server = DevServer::builder().clock(Clock::Manual).signing_key(KEY).start().await.unwrap();
    let client = Client::new(&server);
    let bearer = format!("Bearer {KEY}");
    let ask = |body: &str| {
        let request = client.request(Method::POST, "/v1/realtime/token").header("authorization", &bearer);
        client.send(request.body(body.to_owned()))
    };
    let refused = client.post("/v1/realtime/token", "[]").await;
    assert_eq!((refused.status, refused.text.as_str()), (401, "Authentication failed\n"));
    for wrong in ["", "{}", "[1]", "[{\"kind\":1}]"] {
        let got = ask(wrong).await.unwrap();
        assert_eq!(got.status, 400, "{wrong}");
        assert_eq!(got.json()["error"], "Invalid request: must provide a list of topics");
    }
    let topics =
        r#"[{"kind":"run","channel":"orders","name":"news"},{"kind":"run","channel":"x","name":"$stream"}]"#;
    let got = ask(topics).await.unwrap();
    assert_eq!(got.status, 201);
    let token = got.json()["jwt"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token)["topics"][0]["channel"], "orders");
    // A token is as good as the key, which docs/protocol.md 13.4 warns of.
    let request =
        client.request(Method::POST, "/v1/realtime/token").header("authorization", format!("Bearer {token}"));
    assert_eq!(client.send(request.body("[]")).await.unwrap().status, 201);
    let mut listener = Listener::at(&client, &format!("/v1/realtime/sse?token={token}")).await;
    let path = "/v1/realtime/publish?channel=orders&topic=news";
    let request = client.request(Method::POST, path).header("authorization", &bearer).body("1");
    assert_eq!(client.send(request).await.unwrap().status, 200);
    listener.hears("\"data\":1,").await;
    server.advance(Duration::from_secs(59)).await;
    assert_eq!(status(&client, &token).await, 200);
    server.advance(Duration::from_secs(1)).await;
    assert_eq!(status(&client, &token).await, 401);
}

#[tokio::test]
async fn a_token_that_somebody_has_made_up_or_changed_is_none() {
    let Scene { server, client, run_id, .. } = scene().await;
    let url = server.stream_url(&run_id);
    let token = url.split_once("token=").unwrap().1;
    assert_eq!(status(&client, token).await, 200);
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut other = claims(token);
    other["topics"][0]["channel"] = "another".into();
    let unsigned = encode(json!({"alg": "none", "typ": "JWT"}));
    let foreign = DevServer::start().await.unwrap().stream_url(&run_id);
    for wrong in [
        String::new(),
        "REALTIME_TOKEN".to_owned(),
        token[..token.len() - 1].to_owned(),
        format!("{}.{}.{}", parts[0], encode(other), parts[2]),
        format!("{unsigned}.{}.", parts[1]),
        format!("{unsigned}.{}.{}", parts[1], parts[2]),
        foreign.split_once("token=").unwrap().1.to_owned(),
    ] {
        assert_eq!(status(&client, &wrong).await, 401, "{wrong}");
    }
}

#[tokio::test]
async fn an_authorization_goes_before_the_query() {
    let server = DevServer::builder().signing_key(KEY).start().await.unwrap();
    let client = Client::new(&server);
    let url = server.stream_url("x");
    let token = url.split_once("token=").unwrap().1;
    let listen = |query: &str, authorization: &str| {
        let path = format!("/v1/realtime/sse?token={query}");
        client.request(Method::GET, &path).header("authorization", authorization).send()
    };
    assert_eq!(listen("", &format!("Bearer {token}")).await.unwrap().status(), 200);
    // Too short to be one.
    assert_eq!(listen(token, "Bearer x").await.unwrap().status(), 200);
    let keyed = listen(token, &format!("Bearer {KEY}")).await.unwrap();
    assert_eq!(keyed.status(), 401);
    assert!(keyed.text().await.unwrap().contains("Not authenticated"));
    let strange = listen(token, "Bearer xx").await.unwrap();
    assert_eq!(strange.status(), 401);
    assert_eq!(strange.text().await.unwrap(), "Authentication failed\n");
}

#[tokio::test]
async fn publishing_needs_the_key_and_a_token_does_not_do() {
    let server = DevServer::builder().signing_key(KEY).start().await.unwrap();
    let client = Client::new(&server);
    let url = server.stream_url("x");
    let token = format!("Bearer {}", url.split_once("token=").unwrap().1);
    for path in ["/v1/realtime/publish/tee?channel=x", "/v1/realtime/publish?channel=x&topic=y"] {
        let post = |authorization: Option<String>| {
            let mut request = client.request(Method::POST, path).body("1");
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            client.send(request)
        };
        let refused = post(None).await.unwrap();
        assert_eq!((refused.status, refused.text.as_str()), (401, "Authentication failed\n"));
        let refused = post(Some(token.clone())).await.unwrap();
        let expected = if path.contains("/tee") {
            "Not authenticated for publishing\n"
        } else {
            "{\"error\":\"Not authenticated for publishing\",\"data\":null,\"status\":401}\n"
        };
        assert_eq!((refused.status, refused.text.as_str()), (401, expected));
        assert_eq!(post(Some(format!("Bearer {KEY}"))).await.unwrap().status, 200);
    }
    assert_eq!(server.published("x").len(), 1);
}
