//! Which key is shown.

use std::sync::{Arc, Mutex};

use inngest::client::{ApiClient, ApiErrorKind};
use inngest::signature::SigningKey;

use crate::server::{RUN_ID, Seen, Server, respond, run};

const MAIN: &str = "signkey-prod-0123456789abcdef0123456789abcdef";
const FALLBACK: &str = "signkey-prod-fedcba9876543210fedcba9876543210";

fn bearer(key: &str) -> String {
    format!("Bearer {}", SigningKey::parse(key).unwrap().bearer())
}

/// A server that takes one key, which can change.
async fn server(taken: &Arc<Mutex<&'static str>>) -> Server {
    let taken = taken.clone();
    Server::new(move |request, _| {
        let known = bearer(*taken.lock().unwrap());
        let admitted = request.header("authorization") == Some(&*known);
        Some(if admitted { respond(200, "{}") } else { respond(401, "Authentication failed\n") })
    })
    .await
}

fn client(server: &Server) -> ApiClient {
    let builder = ApiClient::builder().dev(false).base_url(&server.url);
    builder.signing_key(MAIN).signing_key_fallback(FALLBACK).build().unwrap()
}

/// Makes a call; gives the keys that were shown for it.
async fn shown(server: &Server, client: &ApiClient) -> Vec<&'static str> {
    let _ = client.checkpoint_steps(&run(), &[]).await;
    let name = |seen: &Seen| match seen.header("authorization").unwrap() {
        value if value == bearer(MAIN) => "main",
        value if value == bearer(FALLBACK) => "fallback",
        other => panic!("{other}"),
    };
    server.seen().iter().map(name).collect()
}

#[tokio::test]
async fn the_other_key_is_remembered_when_it_is_taken_and_so_is_the_first_again() {
    let taken = Arc::new(Mutex::new(MAIN));
    let server = server(&taken).await;
    let client = client(&server);
    assert_eq!(shown(&server, &client).await, ["main"]);
    *taken.lock().unwrap() = FALLBACK;
    assert_eq!(shown(&server, &client).await, ["main", "fallback"]);
    assert_eq!(shown(&server, &client).await, ["fallback"]);
    // A clone is the same client.
    assert_eq!(shown(&server, &client.clone()).await, ["fallback"]);
    *taken.lock().unwrap() = MAIN;
    assert_eq!(shown(&server, &client).await, ["fallback", "main"]);
    assert_eq!(shown(&server, &client).await, ["main"]);
}

#[tokio::test]
async fn two_refused_keys_are_an_error_that_says_what_to_check() {
    let taken = Arc::new(Mutex::new("aa"));
    let server = server(&taken).await;
    let client = client(&server);
    let error = client.get_steps(RUN_ID.parse().unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::KeyRefused, 2));
    assert_eq!((error.status().unwrap().as_u16(), error.message()), (401, "Authentication failed"));
    let text = error.to_string();
    for part in ["401", "INNGEST_SIGNING_KEY", "INNGEST_SIGNING_KEY_FALLBACK"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!error.is_transient() && !error.is_outcome_unclear());
    // Neither was taken, so the first stays the first.
    assert_eq!(server.seen().len(), 2);
    assert_eq!(shown(&server, &client).await, ["main", "fallback"]);
}

#[tokio::test]
async fn without_a_fallback_a_refusal_is_final() {
    let taken = Arc::new(Mutex::new(FALLBACK));
    let server = server(&taken).await;
    let client = ApiClient::new(&server.url, MAIN).unwrap();
    assert_eq!(shown(&server, &client).await, ["main"]);
}

#[tokio::test]
async fn no_key_is_sent_where_none_is_set_and_the_headers_are_those_that_were_set() {
    let server = Server::answers(&[(200, "{}")]).await;
    let client = server.builder().env("branch").user_agent("reporter/1").build().unwrap();
    client.get_steps(RUN_ID.parse().unwrap()).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(seen.header("x-inngest-env"), Some("branch"));
    assert_eq!(seen.header("user-agent"), Some("reporter/1"));
}
