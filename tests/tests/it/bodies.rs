//! Requests and responses that a run keeps: every byte of them, or an error that says why not.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use inngest::wire::limits::{REENTRY_ANSWER_BYTES, REQUEST_BODY_BYTES, STEP_OUTPUT_BYTES};
use inngest::{Step, StepError};
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stephttp_dev::RunStatus;
use stephttp_tests::{Logs, RawClient, Stage, World};
use tokio::sync::mpsc;

const PAUSE: Duration = Duration::from_secs(86_400);

// ===== Requests =====

/// What a handler sees of its request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seen {
    method: String,
    uri: String,
    content_type: Option<String>,
    body: Vec<u8>,
}

/// Answers with what the first request and the last one looked like.
#[inngest::api_fn(id = "bodies-echo")]
async fn echo(
    method: Method,
    OriginalUri(uri): OriginalUri,
    #[not_replayed] headers: HeaderMap,
    step: Step,
    body: Bytes,
) -> Result<Json<[Seen; 2]>, StepError> {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    let uri = uri.path_and_query().unwrap().to_string();
    let now = Seen { method: method.to_string(), uri, content_type, body: body.to_vec() };
    let seen = now.clone();
    let first = step.run("first", async { Ok(seen) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok(Json([first, now]))
}

/// Sends a request to an app whose only endpoint is [`echo`]; answers what it saw first and last.
async fn echoed(app: Router, request: impl FnOnce(&World) -> RequestBuilder) -> [Seen; 2] {
    let world = World::of(app).await;
    let response = request(&world).send().await.unwrap();
    let seen = world.follow(response).await.json().await.unwrap();
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
    seen
}

fn echo_app() -> Router {
    Router::new().route("/echo", any(echo))
}

#[tokio::test]
async fn a_json_body_comes_back_byte_for_byte_also_when_it_is_not_canonical() {
    let json = r#"{"b":1, "a":"x"}"#;
    let [first, resumed] = echoed(echo_app(), |world| {
        world.post("/echo").header("content-type", "application/json; charset=utf-8").body(json)
    })
    .await;
    assert_eq!(first.body, json.as_bytes());
    assert_eq!(first.content_type.as_deref(), Some("application/json; charset=utf-8"));
    assert_eq!(resumed, first);
}

#[tokio::test]
async fn a_binary_body_comes_back_byte_for_byte() {
    let binary: Vec<u8> = (0..=255).cycle().take(10_001).collect();
    let [first, resumed] = echoed(echo_app(), |world| {
        world.post("/echo").header("content-type", "application/octet-stream").body(binary.clone())
    })
    .await;
    assert_eq!(first.body, binary);
    assert_eq!(resumed, first);
}

#[tokio::test]
async fn an_empty_body_stays_empty() {
    let [first, resumed] = echoed(echo_app(), |world| world.post("/echo")).await;
    assert_eq!((first.body.len(), resumed.body.len()), (0, 0));
    assert_eq!(first.content_type, None);
    assert_eq!(resumed, first);
}

#[tokio::test]
async fn an_empty_content_type_stays_empty_and_so_does_one_with_a_body() {
    let [first, resumed] =
        echoed(echo_app(), |world| world.post("/echo").header("content-type", "").body("text")).await;
    assert_eq!(first.content_type.as_deref(), Some(""));
    assert_eq!(resumed, first);
    let [first, resumed] =
        echoed(echo_app(), |world| world.request(Method::PUT, "/echo").body(vec![0, 0xff])).await;
    assert_eq!((first.content_type.as_deref(), first.body.as_slice()), (None, &[0, 0xff][..]));
    assert_eq!(resumed, first);
}

#[tokio::test]
async fn a_form_comes_back_with_its_query_as_it_was_written() {
    let [first, resumed] = echoed(echo_app(), |world| {
        world
            .post("/echo?a=1&b=two%20words&b=3&c=%C3%A4&empty=&flag")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("name=Ada+Lovelace&name=%26")
    })
    .await;
    assert_eq!(first.uri, "/echo?a=1&b=two%20words&b=3&c=%C3%A4&empty=&flag");
    assert_eq!(first.body, b"name=Ada+Lovelace&name=%26");
    assert_eq!(resumed, first);
}

#[tokio::test]
async fn every_method_comes_back() {
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let [first, resumed] = echoed(echo_app(), |world| {
            let request = world.request(method.clone(), "/echo?m=1").header("content-type", "text/plain");
            if method == Method::GET { request } else { request.body("text") }
        })
        .await;
        assert_eq!(first.method, method.as_str());
        assert_eq!(resumed, first);
    }
}

#[tokio::test]
async fn an_endpoint_in_a_nested_router_keeps_its_full_path() {
    let orders = Router::new().route("/orders/{id}", any(echo));
    let app = Router::new().nest("/api", Router::new().nest("/v1", orders));
    let [first, resumed] = echoed(app, |world| {
        world.post("/api/v1/orders/7?x=y").header("content-type", "text/plain").body("text")
    })
    .await;
    assert_eq!(first.uri, "/api/v1/orders/7?x=y");
    assert_eq!(resumed, first);
}

#[tokio::test]
async fn a_body_that_comes_in_chunks_is_put_together() {
    let world = World::of(echo_app()).await;
    let headers = [("transfer-encoding", "chunked"), ("content-type", "text/plain")];
    let mut client = RawClient::begin(&world, "/echo", &headers).await;
    client.send("4\r\none \r\n").await;
    client.send("6\r\n   two\r\n").await;
    client.send("0\r\n\r\n").await;
    client.read_until("303 See Other").await;
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    let dispatch = world.inngest.wait_for_dispatch(1).await;
    assert_eq!(dispatch.body, "one    two");
    world.assert_clean();
}

#[inngest::api_fn(id = "bodies-unread")]
async fn unread(State(stage): State<Stage>, step: Step) -> &'static str {
    stage.effects.happen("entered");
    step.sleep("pause", PAUSE).await;
    "done"
}

#[tokio::test]
async fn a_body_that_the_handler_does_not_read_is_kept_too() {
    let world = World::of(Stage::new().app(post(unread))).await;
    let response = world.post("/").header("content-type", "text/plain").body("unread").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(world.inngest.dispatches()[0].body, "unread");
    assert_eq!(world.inngest.dispatches()[0].headers["content-type"], "text/plain");
    world.assert_clean();
}

#[inngest::api_fn(id = "bodies-unread-step-first")]
async fn unread_step_first(step: Step, #[not_replayed] _headers: HeaderMap) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

#[tokio::test]
async fn a_body_that_is_not_read_is_kept_wherever_the_step_stands_among_the_arguments() {
    let world = World::of(Router::new().route("/", post(unread_step_first))).await;
    let response = world.post("/").body("unread").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(world.inngest.dispatches()[0].body, "unread");
    world.assert_clean();
}

#[inngest::api_fn(id = "bodies-unread-slow")]
async fn unread_slow(
    State(stage): State<Stage>,
    step: Step,
    #[not_replayed] _headers: HeaderMap,
) -> Result<(), StepError> {
    step.run("meet", async {
        stage.door.pass().await;
        Ok(())
    })
    .await?;
    step.sleep("pause", PAUSE).await;
    Ok(())
}

#[tokio::test]
async fn handing_over_waits_for_the_rest_of_a_body_that_the_handler_did_not_read() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(unread_slow))).await;
    let mut client = RawClient::begin(&world, "/", &[("content-length", "11")]).await;
    client.send("first,").await;
    stage.door.reached(1).await;
    stage.door.open();
    client.send("later").await;
    client.read_until("303 See Other").await;
    world.ended().await;
    assert_eq!(world.inngest.dispatches()[0].body, "first,later");
    world.assert_clean();
}

#[inngest::api_fn(id = "bodies-length")]
async fn length(State(stage): State<Stage>, step: Step, body: Bytes) -> Result<String, StepError> {
    let length = step.run("length", async { Ok(body.len()) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    Ok(length.to_string())
}

/// A body that is one byte too long to be kept, and an app that takes it.
fn too_long(stage: &Stage) -> (Vec<u8>, Router) {
    let app = stage.app(post(length)).route("/unread", post(unread_step_first));
    (vec![b'x'; REQUEST_BODY_BYTES + 1], app.layer(DefaultBodyLimit::disable()))
}

#[tokio::test]
async fn a_body_at_the_limit_is_kept() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    let (mut body, app) = too_long(&stage);
    body.pop();
    let world = World::of(app).await;
    let response = world.post("/").body(body.clone()).send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), REQUEST_BODY_BYTES.to_string());
    world.ended().await;
    assert_eq!(world.inngest.dispatches()[0].body, body);
    world.assert_clean();
}

#[tokio::test]
async fn a_body_over_the_limit_does_not_hinder_a_handler_that_finishes() {
    let logs = Logs::collect();
    let (body, app) = too_long(&Stage::new());
    let world = World::of(app).await;
    let response = world.post("/").body(body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), (REQUEST_BODY_BYTES + 1).to_string());

    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(run.event["data"]["body"], "");
    logs.assert_line_with(&[&run.id, "without its request's body", &REQUEST_BODY_BYTES.to_string()]);
    world.assert_clean();
}

#[tokio::test]
async fn a_body_over_the_limit_cannot_be_handed_over_and_the_client_is_told() {
    let stage = Stage::new();
    stage.effects.happen("hand over");
    for path in ["/", "/unread"] {
        let (body, app) = too_long(&stage);
        let world = World::of(app).await;
        let response = world.post(path).body(body).send().await.unwrap();
        assert_eq!(response.status(), 413);
        assert!(!response.headers().contains_key("location"));
        let answer: Value = response.json().await.unwrap();
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(&REQUEST_BODY_BYTES.to_string()), "{error}");

        let run = world.ended().await;
        assert_ne!(run.status, RunStatus::Running);
        assert_eq!(run.response.unwrap().status, 413);
        assert_eq!(run.outstanding, 0);
        assert!(world.inngest.dispatches().is_empty());
        world.assert_clean();
    }
}

// ===== Responses =====

/// Answers with this response: at once, or after a sleep if that is wanted.
async fn answer(stage: &Stage, step: &Step, response: impl IntoResponse) -> Result<Response, StepError> {
    step.run("before", async { Ok::<_, inngest::Failure>(()) }).await?;
    if stage.effects.count("hand over") > 0 {
        step.sleep("pause", PAUSE).await;
    }
    Ok(response.into_response())
}

/// A world whose endpoint answers in its first request, and one whose endpoint does in a re-entry.
async fn two_worlds(route: fn() -> axum::routing::MethodRouter<Stage>) -> [World; 2] {
    let (first, reentry) = (Stage::new(), Stage::new());
    reentry.effects.happen("hand over");
    [World::of(first.app(route())).await, World::of(reentry.app(route())).await]
}

#[inngest::api_fn(id = "bodies-not-utf8")]
async fn not_utf8(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    answer(&stage, &step, vec![0xff_u8; 1_237]).await
}

#[tokio::test]
async fn a_response_that_is_not_utf8_reaches_its_client_and_is_stored_only_if_it_must_be() {
    let logs = Logs::collect();
    let [first, reentry] = two_worlds(|| get(not_utf8)).await;

    let response = first.get("/").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), vec![0xff_u8; 1_237]);
    let run = first.ended().await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, ""));
    logs.assert_line_with(&["is not stored", "not UTF-8", "length=1237"]);
    first.assert_clean();

    // There the stored response is the client's answer.
    let response = reentry.get("/").send().await.unwrap();
    let output = reentry.follow(response).await;
    assert_eq!(output.status(), 500);
    assert_eq!(output.headers()["content-type"], "application/json");
    let error = output.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("not UTF-8"), "{error}");
    let run = reentry.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    logs.assert_line_with(&[&run.id, "not UTF-8"]);
    reentry.assert_clean();
}

#[inngest::api_fn(id = "bodies-large")]
async fn large(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    answer(&stage, &step, "x".repeat(REENTRY_ANSWER_BYTES + 1)).await
}

#[tokio::test]
async fn a_response_that_is_too_large_reaches_its_client_and_is_stored_only_if_it_must_be() {
    let logs = Logs::collect();
    let [first, reentry] = two_worlds(|| get(large)).await;

    let response = first.get("/").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap().len(), REENTRY_ANSWER_BYTES + 1);
    let run = first.ended().await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, ""));
    logs.assert_line_with(&["is not stored", "over 4 MiB", &format!("length={}", REENTRY_ANSWER_BYTES + 1)]);
    first.assert_clean();

    let response = reentry.get("/").send().await.unwrap();
    let output = reentry.follow(response).await;
    assert_eq!(output.status(), 500);
    let error = output.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("8 MiB"), "{error}");
    assert_eq!(reentry.ended().await.status, RunStatus::Failed);
    reentry.assert_clean();
}

#[inngest::api_fn(id = "bodies-escaped")]
async fn escaped(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    // As JSON every character takes six bytes.
    answer(&stage, &step, "\u{1}".repeat(STEP_OUTPUT_BYTES / 2)).await
}

#[tokio::test]
async fn a_response_that_is_too_large_only_as_json_is_treated_alike() {
    let [first, reentry] = two_worlds(|| get(escaped)).await;

    let response = first.get("/").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap().len(), STEP_OUTPUT_BYTES / 2);
    let run = first.ended().await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, ""));
    first.assert_clean();

    let response = reentry.get("/").send().await.unwrap();
    let output = reentry.follow(response).await;
    assert_eq!(output.status(), 500);
    assert!(output.text().await.unwrap().contains("8 MiB"));
    assert_eq!(reentry.ended().await.status, RunStatus::Failed);
    reentry.assert_clean();
}

#[inngest::api_fn(id = "bodies-cookie")]
async fn cookie(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    answer(&stage, &step, (StatusCode::CREATED, [("set-cookie", "session=secret"), ("x-kind", "cake")], "hi"))
        .await
}

#[tokio::test]
async fn cookies_reach_the_client_and_are_redacted_where_they_are_only_for_viewing() {
    let [first, reentry] = two_worlds(|| get(cookie)).await;

    let response = first.get("/").send().await.unwrap();
    assert_eq!(response.headers()["set-cookie"], "session=secret");
    let stored = first.ended().await.response.unwrap();
    assert_eq!((stored.status, stored.body.as_str()), (201, "hi"));
    assert_eq!(stored.header("set-cookie"), Some("(redacted)"));
    assert_eq!(stored.header("x-kind"), Some("cake"));
    assert!(!first.inngest.calls().iter().any(|call| String::from_utf8_lossy(&call.body).contains("secret")));
    first.assert_clean();

    let response = reentry.get("/").send().await.unwrap();
    let output = reentry.follow(response).await;
    assert_eq!(output.status(), 201);
    assert_eq!(output.headers()["set-cookie"], "session=secret");
    assert_eq!(output.headers()["x-kind"], "cake");
    assert_eq!(output.text().await.unwrap(), "hi");
    reentry.ended().await;
    reentry.assert_clean();
}

#[inngest::api_fn(id = "bodies-stream")]
async fn stream(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("before", async { Ok(()) }).await?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        sender.send("one ").await.unwrap();
        stage.door.pass().await;
        sender.send("two").await.unwrap();
    });
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let text: &str = receiver.recv().await?;
        Some((Ok::<_, StepError>(text), receiver))
    });
    Ok(Response::new(Body::from_stream(frames)))
}

#[tokio::test]
async fn a_streamed_response_is_not_held_back_and_nothing_is_sent_to_inngest_before_its_end() {
    let stage = Stage::new();
    let builder = World::builder().opts(|opts, url| opts.dev_server(url).linger(PAUSE));
    let world = builder.start(stage.app(get(stream))).await;
    let mut response = world.get("/").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one ");
    stage.door.reached(1).await;
    assert!(world.inngest.calls().is_empty());
    stage.door.open();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
    assert_eq!(response.chunk().await.unwrap(), None);

    let run = world.ended().await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, "one two"));
    assert_eq!(world.inngest.calls().len(), 1);
    world.assert_clean();
}
