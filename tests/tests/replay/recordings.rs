//! Recordings as files: what is taken out of them, and what they must not hold.

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::post;
use inngest::{Step, StepError};
use serde_json::json;
use stephttp_dev::{Recording, Redaction, Replay};
use stephttp_tests::{Effects, Stage, World};

use super::functions;

fn sequence() -> Recording {
    Recording::read("tests/replay/fixtures/plain/sequence.json").unwrap()
}

#[tokio::test]
async fn what_is_redacted_is_gone_and_the_recording_still_holds() {
    let redaction = Redaction::parse("body.card,steps.charge.id,response.id").unwrap();
    let json = sequence().redact(&redaction).unwrap().to_json().unwrap();
    assert!(!json.contains("4242") && !json.contains("ch_4"), "{json}");
    assert!(json.contains(r#"\"card\":\"1111\""#) && json.contains(r#""id":"aa_1""#), "{json}");
    let replay = Replay::of_recordings([Recording::from_json(&json).unwrap()]);
    let replayed = replay.app(functions::app(Effects::new())).check().await.unwrap();
    assert_eq!(replayed.notes.len(), 1, "the response's body was redacted: {replayed:?}");

    let everywhere = Redaction::parse("cents").unwrap();
    let json = sequence().redact(&everywhere).unwrap().to_json().unwrap();
    assert!(!json.contains("990"), "{json}");
    let large = Recording::read("tests/replay/fixtures/plain/large.json").unwrap();
    let json = large.redact(&Redaction::parse("steps.numbers.unsigned").unwrap()).unwrap().to_json().unwrap();
    assert!(json.contains("11111111111111111111"), "within what is stored as text: {json}");
}

#[test]
fn a_path_at_which_there_is_nothing_is_refused() {
    let sealed = || Recording::read("tests/replay/fixtures/sealed/sealed.json").unwrap();
    for (recording, path) in [
        (sequence(), "body.crad"),
        (sequence(), "steps.chrage.id"),
        (sequence(), "response.card"),
        (sequence(), "iban"),
        (sealed(), "steps.charge.cents"),
    ] {
        let error = recording.redact(&Redaction::parse(path).unwrap()).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains("sealed"), "{error}");
    }
    let error = sequence().redact(&Redaction::parse("step.charge").unwrap()).unwrap_err().to_string();
    assert!(error.contains("`steps`"), "{error}");
}

#[test]
fn secrets_of_inngests_stay_out_of_files_and_other_versions_are_named() {
    let json = sequence().to_json().unwrap();
    let with = |secret: &str| Recording::from_json(&json.replace("4242", secret)).unwrap().to_json();
    let error = with("signkey-prod-0123456789abcdef").unwrap_err().to_string();
    assert!(error.contains("signing key"), "{error}");
    // {"alg":"HS256"} and {"iss":"api.inngest.com","RunID":"01M8"}
    let error =
        with("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhcGkuaW5uZ2VzdC5jb20iLCJSdW5JRCI6IjAxTTgifQ.c2ln").unwrap_err();
    assert!(error.to_string().contains("token"), "{error}");
    assert!(with("signkey- of the shop").is_ok());

    for (from, to, says) in [
        ("\"stephttp-recording\": 1", "\"stephttp-recording\": 2", "version 2"),
        ("\"stephttp-recording\": 1,", "", "`stephttp-recording`"),
        ("5ea9c348e59fe73a4b15cb287e33e4546dcef782", "5ea9", "`charge` has the hash `5ea9`"),
    ] {
        assert!(json.contains(from), "{json}");
        let error = Recording::from_json(&json.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[inngest::api_fn(id = "replay-shows-key")]
async fn shows_key(State(stage): State<Stage>, step: Step) -> Result<impl IntoResponse, StepError> {
    let seen = step.run("seen", async { Ok(stage.effects.happen("seen")) }).await?;
    Ok(([("x-api-key", "hunter2"), ("x-seen", "yes")], seen.to_string()))
}

#[tokio::test]
async fn headers_that_hold_secrets_are_not_recorded() {
    let world = World::of(Stage::new().app(post(shows_key))).await;
    world.post("/").header("authorization", "Bearer hunter3").send().await.unwrap();
    let json = world.inngest.record(&world.ended().await.id).unwrap().to_json().unwrap();
    assert!(!json.contains("hunter"), "{json}");
    assert!(json.contains(r#""x-api-key": "aaaaaa1""#) && json.contains(r#""x-seen": "yes""#), "{json}");
    assert!(world.inngest.record("01M817NZCZ3BTTPY1FEX7T2M4B").unwrap_err().to_string().contains("no run"));
}

#[tokio::test]
async fn a_servers_recording_of_a_run_in_flight_is_the_engines_own() {
    let world = World::of(functions::routes(Effects::new())).await;
    world.inngest.hold_time();
    let order = json!({ "cents": 990, "card": "4242" });
    world.post("/sequence?secs=60").json(&order).send().await.unwrap();
    let run = world.inngest.wait_for_run().await.id;
    world.inngest.wait_until(&run, |run| run.step("cool-off").is_some()).await;
    let (engine, server) =
        (world.inngest.record(&run).unwrap(), Recording::of_server(world.inngest.url(), None, &run).await);
    assert_eq!(server.unwrap().to_json().unwrap(), engine.to_json().unwrap());
    let nobody = Recording::of_server(world.inngest.url(), Some("no key"), &run).await.unwrap_err();
    assert!(nobody.to_string().contains("signing key"), "{nobody}");
}
