//! Keys and tokens are in no log, and in no `Debug`.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::{Provider, SetupOpts, Step};
use serde_json::Value;
use stephttp_tests::{Logs, World};

const KEY: &str = "5ec2e7000000000000000000000000000000000000000000000000000000aaaa";
const FALLBACK: &str = "5ec2e7000000000000000000000000000000000000000000000000000000bbbb";
const EVENT_KEY: &str = "5ec2e7-event-key";

#[inngest::api_fn(id = "secrets-sleeps", async_response = token)]
async fn sleeps(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(86_400)).await;
    "done"
}

fn opts(opts: SetupOpts, key: &str, fallback: &str) -> SetupOpts {
    opts.dev(false).signing_key(key).signing_key_fallback(fallback).event_key(EVENT_KEY)
}

#[tokio::test]
async fn keys_and_tokens_are_in_no_log_and_in_no_debug() {
    let logs = Logs::collect();
    // The first key is refused, and then the other one is used.
    let builder = World::builder()
        .inngest(|inngest| inngest.signing_key(KEY).event_key(EVENT_KEY))
        .opts(|own, url| opts(own, FALLBACK, KEY).base_url(url));
    let world = builder.start(Router::new().route("/", post(sleeps))).await;
    let answer: Value = world.post("/").send().await.unwrap().json().await.unwrap();
    world.ended().await;
    // A stranger, too.
    let stranger = world.post("/").header("x-run-id", answer["run_id"].as_str().unwrap());
    let stranger = stranger.header("x-inngest-signature", "t=1&s=5ec2e7").send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    logs.assert_line_with(&["WARN", "refused a signing key"]);

    let own = opts(SetupOpts::new("https://api.example.com"), KEY, FALLBACK);
    let shown = format!("{own:?} {:?} {:?}", Provider::setup(own.clone()).unwrap(), world.provider);
    assert!(shown.contains("signing_key"), "{shown}");
    for secret in ["5ec2e7", answer["token"].as_str().unwrap()] {
        assert!(!shown.contains(secret), "{shown}");
        assert_eq!(logs.lines_with(&[secret]), Vec::<String>::new());
    }
}
