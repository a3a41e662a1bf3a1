//! With a signing key: docs/protocol.md 1.2 and 1.3.

use std::time::SystemTime;

use http::Method;
use inngest::signature::SigningKey;
use serde_json::json;
use stephttp_dev::DevServer;

use crate::support::*;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn calls_need_the_key_in_one_of_its_forms() {
    let server = DevServer::builder().signing_key(KEY).start().await.unwrap();
    let client = Client::new(&server);
    let hashed = SigningKey::parse(KEY).unwrap().bearer();
    let post = |authorization: Option<String>| {
        let body = report(&new_id(), "http://127.0.0.1:1", []).to_string();
        let mut request = client.request(Method::POST, "/v1/checkpoint").body(body);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        client.send(request)
    };
    for value in [None, Some("Bearer ".to_owned()), Some("Bearer deadbeef".to_owned()), Some(KEY.to_owned())]
    {
        let got = post(value.clone()).await.unwrap();
        assert_eq!((got.status, got.text.as_str()), (401, "Authentication failed\n"), "{value:?}");
        assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(got.header("x-inngest-server-kind"), "cloud");
    }
    for value in [
        format!("Bearer {KEY}"),
        format!("Bearer {hashed}"),
        format!("Bearer signkey-prod-{KEY}"),
        format!("Bearer signkey-prod-{hashed}"),
        format!("bearer {hashed}"),
    ] {
        assert_eq!(post(Some(value.clone())).await.unwrap().status, 200, "{value}");
    }
    for path in ["/v0/runs/x/actions", "/v0/runs/x/batch", "/v1/runs/x", "/api/v2/runs"] {
        assert_eq!(client.get(path).await.status, 401, "{path}");
    }
    // The output is protected by its token.
    assert_eq!(
        client.get("/v1/http/runs/x/output").await.header("content-type"),
        "text/plain; charset=utf-8"
    );
    assert!(client.get("/v1/http/runs/x/output").await.text.contains("auth token"));
}

// docs/protocol.md 1.3
#[tokio::test]
async fn re_entries_are_signed_over_the_raw_body() {
    let server = DevServer::builder().signing_key(format!("signkey-test-{KEY}")).start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering([result(200, "")]).await;
    let key = SigningKey::parse(KEY).unwrap();
    for (body, raw) in [("AP+A", &[0, 255, 128][..]), ("", &[])] {
        let run_id = new_id();
        let mut report = report(&run_id, &app.domain, [sleep("s", "2d")]);
        report["event"]["data"]["body"] = json!(body);
        let request = client.request(Method::POST, "/v1/checkpoint").body(report.to_string());
        let request = request.header("authorization", format!("Bearer {}", key.bearer()));
        assert_eq!(client.send(request).await.unwrap().status, 200);
        server.wait_for_end(&run_id).await;
        let seen = app.seen();
        let seen = seen.last().unwrap();
        assert_eq!(seen.body, raw);
        // Signed at the machine's time, even though the server's is two days ahead.
        assert!(key.verifies(seen.header("x-inngest-signature").unwrap(), raw, SystemTime::now()));
    }
    server.assert_no_violations();
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_at_the_start() {
    let error = DevServer::builder().signing_key("nonsense").start().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
