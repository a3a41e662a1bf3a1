//! Sealed values in places where they do not belong: nobody has them opened.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use inngest::middleware::Encryption;
use inngest::{Event, Provider, SetupOpts, Step, StepError};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use stephttp_tests::{Logs, Stage, World};

use crate::liar::{self, App, RUN_ID, responds};
use crate::turn;

const SECRET: &str = "the card of another customer";

fn encryption() -> Encryption {
    Encryption::new("the key of these tests").unwrap()
}

/// What a run of another customer's stores at Inngest, sealed: its request's body, a step's output,
/// its response.
async fn of_another_run() -> Vec<Vec<u8>> {
    #[inngest::api_fn(id = "attacks-sealed-other", async_response = proxy)]
    async fn other(step: Step, body: String) -> Result<String, StepError> {
        let charged = step.run("charge", async { Ok(body) }).await?;
        step.sleep("pause", Duration::from_secs(60)).await;
        Ok(charged)
    }
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).middleware(encryption()))
        .start_with(|provider| Router::new().route("/", post(other)).merge(provider.output_route()))
        .await;
    assert_eq!(world.post("/").body(SECRET).send().await.unwrap().status(), 303);
    let run = world.ended().await;
    let step = run.step("charge").unwrap().value.as_ref().unwrap().to_string();
    let response = run.response.unwrap().body;
    let request = world.inngest.dispatches()[0].body.clone();
    let sealed = vec![request.to_vec(), step.into_bytes(), response.into_bytes()];
    for sealed in &sealed {
        let text = String::from_utf8_lossy(sealed);
        assert!(text.starts_with("{\"__ENCRYPTED__\":true") && !text.contains(SECRET), "{text}");
        assert!(String::from_utf8_lossy(&encryption().open_body(sealed).unwrap()).contains(SECRET));
    }
    sealed
}

/// What a client gets whose run's response is this, if one believes Inngest.
async fn given_in_place(sealed: &[u8], encryption: Encryption) -> (u16, String) {
    let sealed = Bytes::copy_from_slice(sealed);
    let (url, _) = liar::inngest(move |_| responds(&[], sealed.clone())).await;
    let app = App::new(&url, |opts| opts.middleware(encryption)).await;
    let response = app.ask().send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn no_sealed_value_of_another_run_is_opened_at_the_output_route() {
    let _turn = turn::beside_others().await;
    let logs = Logs::collect();
    for sealed in of_another_run().await {
        let text = String::from_utf8_lossy(&sealed).into_owned();
        let (status, body) = given_in_place(&sealed, encryption()).await;
        assert_eq!(status, 500, "{body}");
        assert!(body.contains("could not be restored"), "{body}");
        // It may be what the handler has said: then nothing is wrong with it.
        for lenient in [encryption().decrypt_only(), encryption().readable_responses()] {
            assert_eq!(given_in_place(&sealed, lenient).await, (200, text.clone()));
        }
        let run_id = RUN_ID.parse().unwrap();
        assert!(encryption().open_response(run_id, &sealed).is_err());
    }
    logs.assert_line_with(&["ERROR", RUN_ID, "cannot be restored", "not sealed as the response of this run"]);
}

#[tokio::test]
async fn what_is_not_sealed_is_no_response_of_an_app_that_seals() {
    let _turn = turn::beside_others().await;
    let script = || Bytes::from_static(b"<script>alert(1)</script>");
    assert_eq!(given_in_place(&script(), encryption()).await.0, 500);
    assert_eq!(given_in_place(b"{}", encryption()).await.0, 500);
    assert_eq!(given_in_place(b"", encryption()).await, (200, String::new()));
    for lenient in [encryption().decrypt_only(), encryption().readable_responses()] {
        assert_eq!(given_in_place(&script(), lenient).await.0, 200);
    }
    // What the SDK has said in the handler's place is not sealed, and is nothing that a browser
    // acts on.
    let headers = [
        ("x-stephttp-own-answer", "true"),
        ("content-type", "text/html"),
        ("set-cookie", "session=1"),
        ("location", "https://evil.example"),
    ];
    let (url, _) = liar::inngest(move |_| responds(&headers, script())).await;
    let app = App::new(&url, |opts| opts.middleware(encryption())).await;
    let response = app.ask().send().await.unwrap();
    let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    let inert = [
        "cache-control",
        "content-length",
        "content-type",
        "date",
        "referrer-policy",
        "x-content-type-options",
        "x-run-id",
    ];
    assert_eq!((response.status().as_u16(), names), (200, inert.map(str::to_owned).to_vec()));
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
}

#[inngest::api_fn(id = "attacks-sealed-omits", async_response = proxy, omit_response_body)]
async fn omits(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(60)).await;
    "nothing for Inngest"
}

#[inngest::api_fn(id = "attacks-sealed-panics", async_response = proxy, retries = 0)]
async fn panics(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(60)).await;
    panic!("as the test wants it")
}

#[tokio::test]
async fn what_an_app_that_seals_does_not_seal_reaches_its_clients() {
    let _turn = turn::beside_others().await;
    for (handler, status, says) in [(post(omits), 200, ""), (post(panics), 500, "error")] {
        let world = World::builder()
            .opts(|opts, url| opts.dev_server(url).middleware(encryption()))
            .start_with(|provider| Router::new().route("/", handler).merge(provider.output_route()))
            .await;
        let response = world.post("/").send().await.unwrap();
        let place = response.headers()["location"].to_str().unwrap().to_owned();
        world.ended().await;
        let output = world.get(&place).send().await.unwrap();
        assert_eq!(output.status(), status);
        assert!(output.headers().contains_key("x-run-id"));
        let body = output.text().await.unwrap();
        assert!(body.contains(says) && body.is_empty() == says.is_empty(), "{body}");
    }
}

/// A sealed value as a client may write it: Inngest decodes what it stores, and writes it anew.
fn spellings(sealed: &str) -> [String; 5] {
    [
        sealed.to_owned(),
        sealed.replace("__ENCRYPTED__", "\\u005f_ENCRYPTED__"),
        sealed
            .replace("__ENCRYPTED__", "__\\u0045NCRYPTED_\\u005F")
            .replace("__STRATEGY__", "\\u005f_STRATEGY__"),
        sealed.replace("\"data\"", "\"d\\u0061ta\"").replace("libsodium", "lib\\u0073odium"),
        sealed.replacen('{', "{\"__ENCRYPTED__\":false,\"data\":7,", 1).replacen(
            "\"__ENCRYPTED__\":true",
            "\"\\u005f_ENCRYPTED__\":true",
            1,
        ),
    ]
}

/// What an event tells.
#[derive(Serialize)]
struct Said {
    order: u8,
    note: Box<RawValue>,
}

/// Echoes what its client says, as it is written, in every way in which a run can store it.
#[inngest::api_fn(id = "attacks-sealed-echo", async_response = proxy)]
async fn echo(State(stage): State<Stage>, step: Step, body: String) -> Result<String, StepError> {
    let said: Box<RawValue> = serde_json::from_str(&body).unwrap();
    let output = step.run("repeat", async { Ok(said.clone()) }).await?;
    step.send_event("tell", Event::new("shop/said", Said { order: 7, note: said })).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    stage.effects.happen(body.clone());
    stage.effects.happen(output.to_string());
    Ok(body)
}

#[tokio::test]
async fn a_client_that_sends_a_sealed_value_gets_it_back_unopened() {
    let _turn = turn::beside_others().await;
    let sealed =
        of_another_run().await.into_iter().flat_map(|sealed| spellings(str::from_utf8(&sealed).unwrap()));
    for sealed in sealed {
        for encryption in [encryption(), encryption().decrypt_only(), encryption().readable_responses()] {
            let (stage, opens) = (Stage::new(), encryption.clone());
            let app = stage.app(post(echo));
            let world = World::builder()
                .opts(move |opts: SetupOpts, url| opts.dev_server(url).middleware(encryption))
                .start_with(move |provider: &Provider| app.merge(provider.output_route()))
                .await;
            let response = world.post("/").body(sealed.clone()).send().await.unwrap();
            let place = response.headers()["location"].to_str().unwrap().to_owned();
            let run = world.ended().await;
            // When Inngest has called back, the handler still has what the client said.
            for said in stage.effects.all() {
                assert!(!said.contains(SECRET), "{said}");
                assert_eq!(
                    serde_json::from_str::<Value>(&said).unwrap(),
                    serde_json::from_str::<Value>(&sealed).unwrap()
                );
            }
            assert_eq!(stage.effects.all().len(), 2);
            let output = world.get(&place).send().await.unwrap();
            assert_eq!((output.status().as_u16(), output.text().await.unwrap()), (200, sealed.clone()));
            // Nor does whoever waits for the event open it.
            let event = world.inngest.wait_for_event(1).await.data;
            let event = to_raw_value(&event).unwrap();
            let opened: Value = serde_json::from_str(opens.open_event_data(&event).unwrap().get()).unwrap();
            assert_eq!(opened["note"], serde_json::from_str::<Value>(&sealed).unwrap());
            // What an endpoint of the app's own would give for the response.
            let stored = run.response.unwrap().body;
            let opened = opens.open_body(stored.as_bytes()).map(std::borrow::Cow::into_owned);
            assert!(!String::from_utf8_lossy(&opened.unwrap_or_default()).contains(SECRET));
            world.assert_clean();
        }
    }
}
