//! Steps and bodies.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};
use inngest::client::ApiClient;
use inngest::middleware::Encryption;
use inngest::{AsyncResponse, Provider, Remember, SetupError, SetupOpts, Step, StepError};
use serde::{Deserialize, Serialize};
use stephttp_dev::RunStatus;
use stephttp_tests::{Logs, Stage, World, serve};

use super::{encryption, opened, seen_by, world};

#[derive(Serialize, Deserialize)]
struct User(String);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(String::from_utf8_lossy(parts.headers["x-user"].as_bytes()).into_owned()))
    }
}

#[inngest::api_fn(id = "encryption-order")]
async fn order(
    State(stage): State<Stage>,
    Remember(user): Remember<User>,
    step: Step,
    body: Bytes,
) -> Result<String, StepError> {
    let body = String::from_utf8_lossy(&body).into_owned();
    let charge = step
        .run("charge", async { Ok(format!("plaintext {body} charged {}", stage.effects.happen("charge"))) })
        .await?;
    let nothing = step.run("nothing", async { Ok(None::<String>) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", Duration::from_secs(60)).await;
        step.run("ship", async { Ok(format!("plaintext shipped {}", stage.effects.happen("ship"))) }).await?;
    }
    Ok(format!("plaintext {charge}, {}, {nothing:?}", user.0))
}

const EXPECTED: &str = "plaintext plaintext plaintext ü charged 1, plaintext Ada, None";

fn handing_over() -> Stage {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    stage
}

async fn send(world: &World) -> reqwest::Response {
    world.post("/").header("x-user", "plaintext Ada").body("plaintext ü").send().await.unwrap()
}

#[tokio::test]
async fn inngest_reads_nothing_of_a_run_that_was_handed_over() {
    let logs = Logs::collect();
    let stage = handing_over();
    let world = world(encryption()).start(stage.app(post(order))).await;
    let output = world.follow(send(&world).await).await.bytes().await.unwrap();
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    // Each step has run once: what came back was opened.
    assert_eq!(stage.effects.count("charge"), 1);
    assert_eq!(stage.effects.count("ship"), 1);
    assert_eq!(*encryption().open_body(&output).unwrap(), *EXPECTED.as_bytes());
    assert_eq!(opened(&encryption(), &run, "ship").unwrap(), "plaintext shipped 1");
    assert!(run.step("nothing").unwrap().value.as_ref().unwrap().is_null());

    let seen = seen_by(&world.inngest);
    assert!(seen.contains("encryption-order") && !seen.contains("plaintext"), "{seen}");
    assert!(!world.inngest.dispatches()[0].body.is_empty());
    assert_eq!(logs.lines_with(&["plaintext"]), Vec::<String>::new());
    world.assert_clean();
}

#[tokio::test]
async fn inngest_reads_nothing_of_a_run_that_ended_at_once_and_its_client_reads_all() {
    let world = world(encryption()).start(Stage::new().app(post(order))).await;
    assert_eq!(send(&world).await.text().await.unwrap(), EXPECTED);
    let run = world.ended().await;
    let stored = run.response.unwrap().body;
    assert_eq!(*encryption().open_body(stored.as_bytes()).unwrap(), *EXPECTED.as_bytes());
    let seen = seen_by(&world.inngest);
    assert!(!seen.contains("plaintext"), "{seen}");
    world.assert_clean();
}

#[tokio::test]
async fn without_encryption_inngest_reads_all_of_it() {
    // So the tests above look where it is.
    let world = World::of(handing_over().app(post(order))).await;
    world.follow(send(&world).await).await;
    world.ended().await;
    let seen = seen_by(&world.inngest);
    for text in
        ["plaintext ü", "plaintext Ada", "plaintext shipped 1", "plaintext plaintext ü charged 1", EXPECTED]
    {
        assert!(seen.contains(text), "{text} is not in {seen}");
    }
}

#[tokio::test]
async fn responses_may_stay_readable_for_clients_that_read_them_at_inngest() {
    let stage = handing_over();
    let world = world(encryption().readable_responses()).start(stage.app(post(order))).await;
    assert_eq!(world.follow(send(&world).await).await.text().await.unwrap(), EXPECTED);
    let run = world.ended().await;
    opened(&encryption(), &run, "charge").unwrap();
}

#[tokio::test]
async fn a_response_that_no_client_reads_at_inngest_is_sealed_all_the_same() {
    let world = world(encryption().readable_responses()).start(Stage::new().app(post(order))).await;
    assert_eq!(send(&world).await.text().await.unwrap(), EXPECTED);
    world.ended().await;
    assert!(!seen_by(&world.inngest).contains("plaintext"));
}

#[derive(Deserialize)]
struct Output {
    run_id: String,
    token: String,
}

type Api = Arc<OnceLock<ApiClient>>;

async fn output(State(api): State<Api>, Query(output): Query<Output>) -> Vec<u8> {
    let url = api.get().unwrap().output_url(output.run_id.parse().unwrap(), &output.token);
    let sealed = reqwest::get(url).await.unwrap().bytes().await.unwrap();
    encryption().open_body(&sealed).unwrap().into_owned()
}

#[tokio::test]
async fn an_endpoint_of_the_apps_own_opens_the_response_for_its_client() {
    let api = Api::default();
    let app = handing_over()
        .app(post(order))
        .merge(Router::new().route("/output", get(output)).with_state(api.clone()));
    let own = AsyncResponse::RedirectTo(|output| {
        format!("/output?run_id={}&token={}", output.run_id(), output.token())
    });
    let world = World::builder()
        .opts(move |opts, url| {
            opts.dev_server(url).middleware(encryption()).stream_in_clear(true).async_response(own)
        })
        .start(app)
        .await;
    api.set(world.provider.client().clone()).unwrap();
    let response = send(&world).await;
    let location = response.headers()["location"].to_str().unwrap();
    let path = location.strip_prefix(&world.origin).unwrap_or(location);
    assert_eq!(world.get(path).send().await.unwrap().text().await.unwrap(), EXPECTED);
    assert!(!seen_by(&world.inngest).contains("plaintext"));
}

#[inngest::api_fn(id = "encryption-bytes")]
async fn compares_bytes(State(stage): State<Stage>, step: Step, body: Bytes) -> &'static str {
    stage.effects.happen(format!("{body:?}"));
    step.sleep("pause", Duration::from_secs(60)).await;
    "done"
}

#[tokio::test]
async fn a_body_comes_back_byte_for_byte() {
    let sealed = r#"{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":"AAAA"}"#;
    for body in [b"".as_slice(), b"\0 plaintext", b"\xff\xfe plaintext", sealed.as_bytes()] {
        let stage = Stage::new();
        let world = world(encryption()).start(stage.app(post(compares_bytes))).await;
        let response = world.post("/").body(body).send().await.unwrap();
        world.follow(response).await;
        let expected = format!("{:?}", Bytes::from_static(body));
        assert_eq!(stage.effects.all(), [expected.clone(), expected]);
        assert!(!seen_by(&world.inngest).contains("plaintext"));
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "encryption-large")]
async fn is_too_large(step: Step) -> Result<(), StepError> {
    let error = step.run("large", async { Ok("x".repeat(7 << 19)) }).await.unwrap_err();
    assert_eq!(error.name(), "StepOutputTooLarge");
    Ok(())
}

#[tokio::test]
async fn inngests_limits_hold_for_what_is_sealed() {
    let world = world(encryption()).start(Router::new().route("/", post(is_too_large))).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 200);
    world.delivered().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "encryption-proxied", async_response = proxy)]
async fn proxied(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(60)).await;
    "plaintext for the client"
}

#[tokio::test]
async fn a_client_of_the_output_route_gets_its_response_opened() {
    for readable in [false, true] {
        let encryption = if readable { encryption().readable_responses() } else { encryption() };
        let routes =
            |provider: &Provider| Router::new().route("/", post(proxied)).merge(provider.output_route());
        let world = world(encryption).start_with(routes).await;
        let response = world.post("/").send().await.unwrap();
        let place = response.headers()["location"].to_str().unwrap();
        world.ended().await;
        let output = world.get(place).send().await.unwrap();
        assert_eq!(
            (output.status(), &output.headers()["content-length"]),
            (StatusCode::OK, &"24".parse().unwrap())
        );
        assert_eq!(output.text().await.unwrap(), "plaintext for the client");
        // Nobody reads it at Inngest.
        assert!(!seen_by(&world.inngest).contains("plaintext"));
        world.assert_clean();
    }
}

#[tokio::test]
async fn the_output_route_of_an_app_with_another_key_says_that_it_cannot_open() {
    let logs = Logs::collect();
    let routes = |provider: &Provider| Router::new().route("/", post(proxied)).merge(provider.output_route());
    let world = world(encryption()).start_with(routes).await;
    let response = world.post("/").send().await.unwrap();
    let place = response.headers()["location"].to_str().unwrap();
    let run = world.ended().await;

    let other = Encryption::new("another key").unwrap();
    let provider = Provider::setup(
        SetupOpts::new("http://127.0.0.1")
            .dev_server(world.inngest.url())
            .middleware(other)
            .stream_in_clear(true),
    );
    let provider = provider.unwrap();
    let (origin, _server) = serve(provider.output_route()).await;
    let output = reqwest::get(format!("{origin}{place}")).await.unwrap();
    assert_eq!(output.status(), 500);
    assert!(output.text().await.unwrap().contains("could not be restored"));
    logs.assert_line_with(&["ERROR", &run.id, "what is stored of a response cannot be restored"]);
}

/// What a `Live` sends passes through Inngest as it is.
#[test]
fn a_function_that_streams_is_refused_beside_encryption() {
    let opts =
        || SetupOpts::new("http://127.0.0.1").dev_server("http://127.0.0.1:1").middleware(encryption());
    let error = Provider::setup(opts()).unwrap_err();
    assert!(matches!(error, SetupError::StreamInClear { .. }), "{error}");
    assert!(error.to_string().contains("it::streaming::"), "{error}");
    assert!(Provider::setup(opts().stream_in_clear(true)).is_ok());
}
