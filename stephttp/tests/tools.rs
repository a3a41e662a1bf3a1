//! The tools over HTTP, against a server that says what Inngest was recorded to say.

// Clippy allows it in test functions, not in their helpers.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::post};
use http::StatusCode;
use inngest::middleware::Middleware;
use inngest::step::FetchRequest;
use inngest::wire::StepHash;
use inngest::{Event, Provider, SetupError, SetupOpts, Step, StepError};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

const RUN: &str = "01M817QNM483A695QHA1TT2D4T";

/// A request's path, seed and body.
type Seen = (String, Option<String>, Value);

/// What the server has seen, and what it has stored for the run.
#[derive(Clone, Default)]
struct Inngest {
    seen: Arc<Mutex<Vec<Seen>>>,
    memo: Arc<Mutex<serde_json::Map<String, Value>>>,
}

impl Inngest {
    async fn answer(State(this): State<Self>, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let seed = head.headers.get("x-inngest-event-id-seed").map(|seed| seed.to_str().unwrap().to_owned());
        let count = body.as_array().map_or(0, Vec::len);
        this.seen.lock().unwrap().push((path.clone(), seed, body));
        match &*path {
            "/v1/checkpoint" => {
                Json(json!({"data": {"fn_id": "98819a18-31a9-54ed-84ac-c194c2ef94d6", "app_id": "bec6ee9c-d9e0-5d93-8399-cbfce8bc4104", "run_id": RUN, "token": "t"}}))
                    .into_response()
            }
            "/v1/signals" => {
                (StatusCode::NOT_FOUND, Json(json!({"error": "No signal found"}))).into_response()
            }
            path if path.starts_with("/e/") => Json(json!({"ids": vec!["id"; count]})).into_response(),
            path if path.ends_with("/actions") => Json(this.memo.lock().unwrap().clone()).into_response(),
            _ => StatusCode::OK.into_response(),
        }
    }

    fn store(&self, id: &str, value: Value) {
        self.memo.lock().unwrap().insert(StepHash::of(id).to_string(), value);
    }

    fn bodies(&self, path: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(known, ..)| known == path).map(|(.., body)| body.clone()).collect()
    }

    fn seeds(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().filter_map(|(_, seed, _)| seed.clone()).collect()
    }
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());
    url
}

async fn app(inngest: &Inngest, handler: axum::routing::MethodRouter) -> (String, Provider) {
    let server = serve(Router::new().fallback(Inngest::answer).with_state(inngest.clone())).await;
    let provider = Provider::setup(SetupOpts::default().dev_server(server)).unwrap();
    (serve(Router::new().route("/", handler).layer(provider.layer())).await, provider)
}

/// A client's request, or one of Inngest's.
async fn call(url: &str, reentry: bool) -> (StatusCode, Value) {
    let client = Client::builder().redirect(Policy::none()).tls_certs_only([]).no_proxy().build().unwrap();
    let mut request = client.post(url);
    if reentry {
        let headers = [("x-run-id", RUN), ("x-inngest-signature", ""), ("x-inngest-generation-id", "1")];
        request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        // Each is a job of its own: one that was answered is not worked on again.
        static JOBS: AtomicUsize = AtomicUsize::new(0);
        let job = format!("job-{}", JOBS.fetch_add(1, Ordering::Relaxed));
        request = request.header("x-inngest-job-id", job).header("x-request-id", "request");
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    let body = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&body).unwrap_or(Value::String(String::from_utf8_lossy(&body).into_owned())),
    )
}

#[inngest::api_fn(id = "sends")]
async fn sends(step: Step) -> Result<Json<Value>, StepError> {
    let one = step.send_event("tell", Event::new("a/b", json!({"n": 1}))).await?;
    let two =
        step.send_events(String::from("tell"), vec![Event::new("a/c", ()), Event::new("a/d", ())]).await?;
    let none = step.send_events::<Value>("none", Vec::new()).await?;
    let run = step.send_signal("resume", "nobody", json!({"by": "Ada"})).await?;
    Ok(Json(json!([one, two, none, run.is_none()])))
}

#[tokio::test]
async fn sending_is_done_here_and_stored() {
    let inngest = Inngest::default();
    let (url, provider) = app(&inngest, post(sends)).await;
    let (status, body) = call(&url, false).await;
    assert_eq!((status, body), (StatusCode::OK, json!(["id", ["id", "id"], [], true])));
    provider.wait(Duration::from_secs(5)).await.unwrap();

    let sent = inngest.bodies("/e/NO_EVENT_KEY_SET");
    assert_eq!(sent[0], json!([{"name": "a/b", "data": {"n": 1}}]));
    assert_eq!(sent[1], json!([{"name": "a/c", "data": null}, {"name": "a/d", "data": null}]));
    assert_eq!(inngest.bodies("/v1/signals"), [json!({"signal": "nobody", "data": {"by": "Ada"}})]);
    let seeds = inngest.seeds();
    assert!(seeds.len() == 2 && seeds[0] != seeds[1], "{seeds:?}");

    let steps = inngest.bodies("/v1/checkpoint")[0]["steps"].clone();
    let data = |index: usize| steps[index]["data"].clone();
    assert_eq!(
        (&steps[1]["op"], &steps[1]["userland"]),
        (&json!("StepRun"), &json!({"id": "tell", "index": 1}))
    );
    assert_eq!((data(0), data(1)), (json!({"ids": ["id"]}), json!({"ids": ["id", "id"]})));
    assert_eq!((data(2), data(3)), (json!({"ids": []}), json!({})));
}

#[tokio::test]
async fn a_step_that_runs_again_sends_under_the_same_ids() {
    let inngest = Inngest::default();
    let (url, _provider) = app(&inngest, post(sends)).await;
    // What every hand-over leaves.
    inngest.store("stephttp:start", json!({ "data": null }));
    call(&url, true).await;
    call(&url, true).await;
    let seeds = inngest.seeds();
    assert_eq!(seeds.len(), 4, "{seeds:?}");
    assert_eq!(seeds[..2], seeds[2..]);
    // The run's start and not the attempt's.
    let started = ulid::Ulid::from_string(RUN).unwrap().timestamp_ms();
    assert!(seeds[0].starts_with(&format!("{started},")), "{seeds:?}");
}

#[inngest::api_fn(id = "waits")]
async fn waits(step: Step) -> Result<Json<Value>, StepError> {
    let event = step.wait_for_event::<Value>("event", "bank/settled").matching("data.id", "o-7").await?;
    let late = step.wait_for_event::<Value>("late", "bank/settled").timeout(Duration::from_secs(1)).await?;
    let signal = step.wait_for_signal::<u8>("signal", "go").await?;
    let bad = step.invoke::<Value>("bad", "app-bad").await.unwrap_err();
    let page = step.fetch("page", FetchRequest::get("https://example.com")).await?;
    Ok(Json(json!([event.map(|event| event.data), late.is_none(), signal, bad.message(), page.body()])))
}

#[tokio::test]
async fn a_wait_is_handed_over_and_what_came_is_found_again() {
    let inngest = Inngest::default();
    let (url, provider) = app(&inngest, post(waits)).await;
    let (status, _) = call(&url, false).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    provider.wait(Duration::from_secs(5)).await.unwrap();
    let steps = inngest.bodies("/v1/checkpoint")[0]["steps"].clone();
    let opts = json!({"event": "bank/settled", "if": "async.data.id == \"o-7\"", "timeout": "31622400s"});
    assert_eq!((&steps[0]["op"], &steps[0]["opts"]), (&json!("WaitForEvent"), &opts));

    // Each as it was recorded; the answer is the next operation.
    let answers = [
        (
            "event",
            json!({"data": {"id": "o-7"}, "id": "01M8", "name": "bank/settled", "ts": 1.5e12, "user": {}}),
        ),
        ("late", Value::Null),
        ("signal", json!({"data": {"data": 9, "signal": "go"}})),
        (
            "bad",
            json!({"error": {"error": "NonRetriableError", "message": "fn bad", "name": "Error", "stack": ""}}),
        ),
    ];
    for ((id, value), next) in
        answers.into_iter().zip(["WaitForEvent", "WaitForSignal", "InvokeFunction", "Gateway"])
    {
        inngest.store(id, value);
        let (status, answer) = call(&url, true).await;
        assert_eq!((status.as_u16(), &answer[0]["op"]), (206, &json!(next)), "{answer}");
    }
    let page =
        json!({"body": "<html>", "headers": {"Content-Type": "text/html"}, "status_code": 200, "url": "u"});
    inngest.store("page", json!({ "data": page }));
    let (status, answer) = call(&url, true).await;
    assert_eq!((status.as_u16(), &answer["op"]), (206, &json!("RunComplete")), "{answer}");
    let body: Value = serde_json::from_str(answer["data"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!([{"id": "o-7"}, true, 9, "fn bad", "<html>"]));
}

#[inngest::api_fn(id = "refused")]
async fn refused(step: Step) -> Result<&'static str, StepError> {
    let error = step.wait_for_event::<Value>("event", "a").filter("async.data.id = 1").await.unwrap_err();
    assert_eq!(error.name(), "InvalidExpression");
    let error = step.send_event("tell", Event::new("inngest/x", ())).await.unwrap_err();
    assert_eq!(error.name(), "InvalidEvent");
    Ok("caught")
}

#[tokio::test]
async fn what_makes_no_sense_is_never_sent() {
    let inngest = Inngest::default();
    let (url, provider) = app(&inngest, post(refused)).await;
    assert_eq!(call(&url, false).await, (StatusCode::OK, json!("caught")));
    provider.wait(Duration::from_secs(5)).await.unwrap();
    let steps = inngest.bodies("/v1/checkpoint")[0]["steps"].clone();
    let ops: Vec<&str> = steps.as_array().unwrap().iter().map(|op| op["op"].as_str().unwrap()).collect();
    assert_eq!(ops, ["StepFailed", "RunComplete"]);
}

/// Which of them comes first, without a server.
async fn first(step: Step) -> &'static str {
    tokio::select! {
        event = step.wait_for_event::<Value>("event", "a/b").timeout(Duration::from_secs(60)) => {
            if event.unwrap().is_some() { "event" } else { "timeout" }
        }
        () = step.sleep("short", Duration::from_secs(30)) => "sleep",
        () = step.sleep("long", Duration::from_secs(90)) => "long sleep",
    }
}

#[tokio::test]
async fn without_a_server_waits_are_over_in_the_order_in_which_they_would_be() {
    for _ in 0..50 {
        assert_eq!(first(Step::detached()).await, "sleep");
        assert_eq!(first(Step::detached_with([("event", json!({}))])).await, "event");
        assert_eq!(
            first(Step::detached_with([("event", inngest::step::StepOutcome::timed_out())])).await,
            "sleep"
        );
    }
}

#[inngest::api_fn(id = "publishes")]
async fn publishes(step: Step) -> Result<(), StepError> {
    step.publish("tell", "a channel&", "topic", json!({"n": u64::MAX})).await
}

#[tokio::test]
async fn publishing_is_done_here_and_stored() {
    let inngest = Inngest::default();
    let (url, provider) = app(&inngest, post(publishes)).await;
    assert_eq!(call(&url, false).await.0, StatusCode::OK);
    provider.wait(Duration::from_secs(5)).await.unwrap();
    // As it is: nobody reads it back who would know another form of the number.
    assert_eq!(inngest.bodies("/v1/realtime/publish"), [json!({"n": u64::MAX})]);
    let step = inngest.bodies("/v1/checkpoint")[0]["steps"][0].clone();
    assert_eq!((&step["op"], &step["data"]), (&json!("StepRun"), &Value::Null));
    assert_eq!(step["opts"], json!({"type": "step.realtime.publish"}));
}

struct Seals;

impl Middleware for Seals {
    fn seals(&self) -> bool {
        true
    }
}

#[test]
fn a_function_that_publishes_is_refused_beside_a_middleware_that_seals() {
    let opts = || SetupOpts::default().dev_server("http://127.0.0.1:1").middleware(Seals);
    let error = Provider::setup(opts()).unwrap_err();
    assert!(matches!(error, SetupError::PublishInClear { .. }), "{error}");
    assert!(
        error.to_string().contains("publishes (") && error.to_string().contains("stream_in_clear"),
        "{error}"
    );
    assert!(Provider::setup(opts().stream_in_clear(true)).is_ok());
}
