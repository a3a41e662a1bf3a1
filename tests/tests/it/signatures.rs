//! Who may call: requests in Inngest's name, and the keys of calls to it.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use inngest::signature::SigningKey;
use inngest::{Step, StepError};
use reqwest::Response;
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World, WorldBuilder};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const STRANGE_RUN: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

#[inngest::api_fn(id = "signatures-echo")]
async fn echo(State(stage): State<Stage>, step: Step, body: String) -> Result<String, StepError> {
    stage.effects.happen("entered");
    let first = step.run("first", async { Ok(body.clone()) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", Duration::from_secs(60)).await;
        step.run("second", async { Ok(()) }).await?;
    }
    Ok(format!("{first}|{body}"))
}

/// A stage on which the handler hands its run over.
fn handing_over() -> Stage {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    stage
}

/// An engine with this key, and an app outside of dev mode with these.
fn signed(engine: &str, key: &'static str, fallback: Option<&'static str>) -> WorldBuilder {
    World::builder().inngest(|inngest| inngest.signing_key(engine)).opts(move |opts, url| {
        let opts = opts.dev(false).signing_key(key).base_url(url);
        fallback.map_or(opts.clone(), |fallback| opts.signing_key_fallback(fallback))
    })
}

/// No request that the engine got shows any of these.
#[track_caller]
fn assert_never_sent(world: &World, secrets: &[&str]) {
    for call in world.inngest.calls() {
        let whole = format!("{} {:?} {}", call.path, call.headers, String::from_utf8_lossy(&call.body));
        let headers: Vec<_> =
            call.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        for secret in secrets {
            assert!(!whole.contains(secret) && !headers.concat().contains(secret), "{whole}");
        }
    }
}

#[tokio::test]
async fn a_signed_run_sleeps_and_resumes_and_the_key_itself_is_never_sent() {
    let stage = handing_over();
    let world = signed(KEY, KEY, None).start(stage.app(post(echo))).await;
    let json = r#"{ "b": 1, "a": "x y" }"#;
    let response =
        world.post("/").header("content-type", "application/json").body(json).send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), format!("{json}|{json}"));
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert!(world.inngest.calls().iter().all(|call| call.status == Some(StatusCode::OK)));
    assert_eq!(world.inngest.calls_of(Call::Async).len(), 1);
    assert_never_sent(&world, &[KEY]);
    world.assert_clean();
}

#[tokio::test]
async fn a_key_with_a_prefix_is_as_good() {
    let key = "signkey-prod-0123456789abcdef";
    let stage = handing_over();
    let world = signed(key, key, None).start(stage.app(post(echo))).await;
    let response = world.post("/").body("text").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "text|text");
    world.ended().await;
    assert_never_sent(&world, &["0123456789abcdef"]);
    world.assert_clean();
}

/// A request in Inngest's name.
async fn call_back(world: &World, signature: &str, body: &'static str) -> Response {
    let request = world.post("/").header("x-run-id", STRANGE_RUN).header("x-inngest-signature", signature);
    request.body(body).send().await.unwrap()
}

#[tokio::test]
async fn a_request_in_inngests_name_without_a_valid_signature_is_refused_and_runs_nothing() {
    let stage = Stage::new();
    let world = signed(KEY, KEY, Some(OTHER)).start(stage.app(post(echo))).await;
    let (key, stranger) = (SigningKey::parse(KEY).unwrap(), SigningKey::parse("abcdef01").unwrap());
    let now = SystemTime::now();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let good = key.sign(b"body", now);
    for (what, signature) in [
        ("empty", String::new()),
        ("garbage", "t=soon&s=please".to_owned()),
        ("forged", stranger.sign(b"body", now)),
        ("of another body", key.sign(b"other body", now)),
        ("expired", key.sign(b"body", now - minutes(6))),
        ("of the future", key.sign(b"body", now + minutes(6))),
        ("cut off", good[..good.len() - 2].to_owned()),
    ] {
        let response = call_back(&world, &signature, "body").await;
        assert_eq!(response.status(), 401, "{what}");
        // Without these Inngest would complete a run that it called for in good faith.
        assert!(response.headers().contains_key("x-inngest-sdk"), "{what}");
        assert_eq!(response.headers()["x-inngest-req-version"], "2", "{what}");
        assert!(response.headers().contains_key("x-inngest-no-retry"), "{what}");
    }
    assert_eq!(stage.effects.count("entered"), 0);
    assert!(world.inngest.calls().is_empty());

    // The same request with a good one gets further: there is no such run.
    assert_eq!(call_back(&world, &good, "body").await.status(), 503);
    let by_fallback = SigningKey::parse(OTHER).unwrap().sign(b"body", now - minutes(4));
    assert_eq!(call_back(&world, &by_fallback, "body").await.status(), 503);
    assert_eq!(stage.effects.count("entered"), 0);
}

#[tokio::test]
async fn a_run_id_without_a_signature_header_begins_an_ordinary_run_with_an_id_of_its_own() {
    let dev = World::builder();
    for builder in [signed(KEY, KEY, None), dev] {
        let stage = Stage::new();
        let world = builder.start(stage.app(post(echo))).await;
        let request = world.post("/").header("x-run-id", STRANGE_RUN).header("x-inngest-step-id", "zzz");
        assert_eq!(request.body("x").send().await.unwrap().text().await.unwrap(), "x|x");
        let run = world.ended().await;
        assert_ne!(run.id, STRANGE_RUN);
        assert_eq!(run.status, RunStatus::Completed);
        assert!(world.inngest.calls_of(Call::Actions).is_empty());
        world.assert_clean();
    }
}

#[tokio::test]
async fn outside_of_dev_mode_inngest_is_told_the_configured_origin_whatever_the_client_says() {
    let world = signed(KEY, KEY, None).start(handing_over().app(post(echo))).await;
    let request = world.post("/").header("host", "evil.example").header("x-forwarded-host", "evil.example");
    let response = request.send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "|");
    let run = world.ended().await;
    assert_eq!(run.event["data"]["domain"], world.origin);
    world.assert_clean();
}

/// Inngest has the new key, the app still has the old one and the new one as its fallback.
#[tokio::test]
async fn while_keys_are_rotated_the_fallback_verifies_reentries_and_is_used_once_the_other_is_refused() {
    let stage = handing_over();
    let world = signed(OTHER, KEY, Some(OTHER)).start(stage.app(post(echo))).await;
    let response = world.post("/").body("text").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "text|text");
    assert_eq!(world.ended().await.status, RunStatus::Completed);

    let statuses: Vec<_> = world.inngest.calls().iter().map(|call| call.status.unwrap().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 1, "{statuses:?}");
    assert_eq!(statuses[..2], [401, 200], "it is refused once, and the other key is used from then on");
    assert_never_sent(&world, &[KEY, OTHER]);
    world.assert_clean();
}

#[tokio::test]
async fn a_key_that_is_refused_for_a_moment_is_gone_back_to_when_the_fallback_is_refused() {
    let stage = handing_over();
    let world = signed(KEY, KEY, Some(OTHER)).start(stage.app(post(echo))).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).respond(401));
    let response = world.post("/").body("text").send().await.unwrap();
    // Both keys were refused for this call; it cannot be told from an app whose keys are wrong.
    assert_eq!(response.status(), 503);
    let run = world.ended().await;
    assert_eq!((run.status, run.steps[0].id.as_str()), (RunStatus::Failed, "first"));

    let response = world.post("/").body("text").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "text|text");
    let run = world.inngest.wait_for_runs(2).await;
    assert_eq!(world.inngest.wait_for_end(&run.id).await.status, RunStatus::Completed);
    world.assert_clean();
}
