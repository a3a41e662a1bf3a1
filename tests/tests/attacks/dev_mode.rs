//! Dev mode where there is a signing key: somebody left `INNGEST_DEV` in production.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::routing::post;
use inngest::signature::SigningKey;
use inngest::{Provider, SetupOpts, Step, StepError};
use stephttp_tests::{Logs, Stage, World};

use crate::turn;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[inngest::api_fn(id = "attacks-dev-mode")]
async fn secret(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen("entered");
    let secret = step.run("secret", async { Ok("classified".to_owned()) }).await?;
    step.sleep("pause", Duration::from_secs(3_600)).await;
    Ok(secret)
}

/// An app in dev mode with a key.
async fn with_key(stage: &Stage) -> World {
    let opts = |opts: SetupOpts, url: &str| opts.dev_server(url).signing_key(KEY);
    World::builder().opts(opts).start(stage.app(post(secret))).await
}

#[tokio::test]
async fn a_signature_that_is_there_is_checked() {
    let _turn = turn::beside_others().await;
    let stage = Stage::new();
    let world = with_key(&stage).await;
    world.inngest.hold_time();
    world.post("/").send().await.unwrap();
    world.delivered().await;
    let run = world.inngest.wait_for_run().await;

    let now = SystemTime::now();
    let key = SigningKey::parse(KEY).unwrap();
    let forged = SigningKey::parse("abcdef01").unwrap().sign(b"", now);
    let call_back = |signature: String| {
        world.post("/").header("x-run-id", &run.id).header("x-inngest-signature", signature).send()
    };
    for signature in
        [forged, key.sign(b"other", now), key.sign(b"", now - Duration::from_secs(600)), "x".to_owned()]
    {
        let response = call_back(signature).await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(!response.text().await.unwrap().contains("classified"));
    }
    // Nor does one pass that stands behind an empty one.
    let twice = world.post("/").header("x-run-id", &run.id).header("x-inngest-signature", "");
    let twice = twice.header("x-inngest-signature", key.sign(b"", now)).send().await.unwrap();
    assert_eq!(twice.status(), 401);
    assert_eq!(stage.effects.count("entered"), 1);
    // The dev server signs nothing, and a good signature is as good as none.
    for signature in [String::new(), key.sign(b"", now)] {
        assert_eq!(call_back(signature).await.unwrap().status(), 206);
    }
    assert_eq!(stage.effects.count("entered"), 3);
}

#[tokio::test]
async fn setting_up_says_so_in_one_line() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    // Nobody else has these.
    let lines = |host: &str| logs.lines_with(&[host, "dev mode"]);
    Provider::setup(SetupOpts::default().dev_server("http://127.0.0.2:1/secret/path").signing_key(KEY))
        .unwrap();
    let [line] = &lines("127.0.0.2")[..] else { panic!("{:?}", lines("127.0.0.2")) };
    assert!(line.contains("WARN") && line.contains("signing key") && line.contains("INNGEST_DEV"), "{line}");
    assert!(!line.contains("secret"), "{line}");
    Provider::setup(SetupOpts::default().dev_server("http://127.0.0.3:1")).unwrap();
    let [line] = &lines("127.0.0.3")[..] else { panic!("{:?}", lines("127.0.0.3")) };
    assert!(line.contains("INFO"), "{line}");
}

#[tokio::test]
async fn a_strangers_host_is_not_where_inngest_is_sent() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    let world = with_key(&Stage::new()).await;
    world.inngest.hold_time();
    let mut runs = 0;
    for (host, origin) in [
        ("evil-host.example".to_owned(), world.origin.clone()),
        ("localhost.evil-host.example:80".to_owned(), world.origin.clone()),
        ("evil@localhost".to_owned(), world.origin.clone()),
        ("169.254.169.254".to_owned(), world.origin.clone()),
        (format!("{}.example", "evil-host".repeat(6_000)), world.origin.clone()),
        ("localhost:3000".to_owned(), "http://localhost:3000".to_owned()),
        ("app:3000".to_owned(), "http://app:3000".to_owned()),
        ("host.docker.internal:3000".to_owned(), "http://host.docker.internal:3000".to_owned()),
        ("[::1]:3000".to_owned(), "http://[::1]:3000".to_owned()),
    ] {
        world.post("/").header("host", host).send().await.unwrap();
        runs += 1;
        let run = world.inngest.wait_for_runs(runs).await;
        assert_eq!(run.event["data"]["domain"], origin);
    }
    for _ in 0..100 {
        world.post("/").header("host", "flooding-host.example").send().await.unwrap();
    }
    world.delivered().await;
    logs.assert_line_with(&["WARN", "evil-host.example", "SetupOpts::dev_origin"]);
    let lines = logs.lines_with(&["SetupOpts::dev_origin"]);
    assert!(lines.iter().all(|line| line.len() < 1_000), "{lines:?}");
    let flood = logs.lines_with(&["flooding-host.example", "SetupOpts::dev_origin"]).len();
    assert!((1..=40).contains(&flood), "{flood} lines of 100 requests");
}
