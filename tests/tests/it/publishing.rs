//! Messages that steps and apps publish, and clients that listen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::post;
use inngest::client::{ApiError, ApiErrorKind, SubscriptionToken};
use inngest::middleware::{Encryption, Execution, Middleware, PublishContext};
use inngest::wire::realtime::MESSAGE_BYTES;
use inngest::{Provider, SetupOpts, Step, StepError};
use serde_json::{Value, json};
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

/// A client that listens.
struct Listener {
    response: reqwest::Response,
    text: String,
}

impl Listener {
    async fn of(world: &World, topic: &str) -> Self {
        let token = world.provider.realtime().token("orders/7", [topic]).await.unwrap();
        Self::with(&token).await
    }

    async fn with(token: &SubscriptionToken) -> Self {
        let response = reqwest::get(token.url()).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &HeaderValue::from_static("text/event-stream"))
        );
        Self { response, text: String::new() }
    }

    /// The next message.
    async fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                match event.strip_prefix("data: ") {
                    Some(message) => return serde_json::from_str(message).unwrap(),
                    None => assert_eq!(event, ":"),
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap().expect("it goes on");
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The data of what has come, up to a message that is published now.
    async fn heard(&mut self, world: &World, topic: &str) -> Vec<Value> {
        world.provider.realtime().publish("orders/7", topic, "the end").await.unwrap();
        let mut heard = Vec::new();
        loop {
            match self.next().await["data"].take() {
                Value::String(end) if end == "the end" => return heard,
                data => heard.push(data),
            }
        }
    }
}

#[inngest::api_fn(id = "publishing-tells")]
async fn tells(step: Step) -> Result<&'static str, StepError> {
    step.publish("paid", "orders/7", "status", json!({ "paid": 9.0, "by": "Ada & <Söhne>" })).await?;
    step.publish("aside", "orders/7", "other", ()).await?;
    step.publish("elsewhere", "orders/8", "status", ()).await?;
    step.sleep("pause", PAUSE).await;
    step.publish("shipped", "orders/7", "status", "shipped").await?;
    step.sleep("another", PAUSE).await;
    Ok("done")
}

#[tokio::test]
async fn who_listens_to_a_topic_hears_each_of_its_steps_once() {
    let world = World::of(Router::new().route("/", post(tells))).await;
    let mut listener = Listener::of(&world, "status").await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    let run = world.ended().await;
    let message = listener.next().await;
    let about = ["kind", "channel", "topic", "run_id"].map(|name| message[name].as_str().unwrap());
    assert_eq!(about, ["data", "orders/7", "status", &run.id]);
    assert_eq!(message["data"], json!({ "paid": 9.0, "by": "Ada & <Söhne>" }));
    assert_eq!(listener.heard(&world, "status").await, ["shipped"]);
    // The handler came by each of them up to three times; one more call is the listener's own.
    assert_eq!(world.inngest.calls_of(Call::Publish).len(), 5);
    world.assert_clean();
}

#[inngest::api_fn(id = "publishing-tells-one", retries = 2)]
async fn tells_one(step: Step) -> Result<&'static str, StepError> {
    step.publish("tell", "orders/7", "status", 1).await?;
    Ok("told")
}

#[tokio::test]
async fn what_could_not_be_published_is_published_by_a_later_attempt() {
    let world = World::of(Router::new().route("/", post(tells_one))).await;
    let mut listener = Listener::of(&world, "status").await;
    // Four requests are made by one attempt.
    world.inngest.inject(InjectedFault::on(Call::Publish).first(5).respond(503));
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(world.follow(response).await.text().await.unwrap(), "told");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(world.inngest.calls_of(Call::Publish).len(), 6);
    assert_eq!(listener.heard(&world, "status").await, [1]);
    world.assert_clean();
}

#[inngest::api_fn(id = "publishing-refused", retries = 4)]
async fn is_refused(State(stage): State<Stage>, step: Step) -> String {
    let mut said = Vec::new();
    let large = "x".repeat(MESSAGE_BYTES - 1);
    for (channel, topic, data) in
        [("", "t", ""), ("c", "", ""), ("c", "$stream", ""), ("c", "t", &*large), ("c", "t", "fine")]
    {
        let n = said.len();
        let error = step.publish(format!("tell-{n}"), channel, topic, data).await.unwrap_err();
        said.push(error.to_string());
    }
    stage.effects.happen("entered");
    said.join("\n")
}

#[tokio::test]
async fn what_makes_no_sense_or_is_refused_fails_at_once_and_says_why() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(is_refused))).await;
    world.inngest.inject(InjectedFault::on(Call::Publish).respond(400).body(r#"{"error":"not like that"}"#));
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let said: Vec<_> = text.lines().collect();
    let expected = [
        "the channel",
        "the topic",
        "`$stream`",
        "524289 bytes as JSON, but at most 524288",
        "not like that",
    ];
    assert_eq!(said.len(), expected.len());
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said}");
    }
    world.ended().await;
    assert_eq!(world.inngest.calls_of(Call::Publish).len(), 1);
    assert_eq!(stage.effects.count("entered"), 1);
    world.assert_clean();
}

#[inngest::api_fn(id = "publishing-in-no-time", retries = 0)]
async fn in_no_time(step: Step) -> String {
    let told = step.publish("tell", "orders/7", "status", 1).timeout(Duration::from_millis(50)).await;
    told.unwrap_err().is_timeout().to_string()
}

#[tokio::test]
async fn a_message_that_is_not_taken_in_time_has_failed() {
    let world = World::of(Router::new().route("/", post(in_no_time))).await;
    world.inngest.inject(InjectedFault::on(Call::Publish).every().hang());
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "true");
}

const SIGNING_KEY: &str = "abcdef0123456789";

/// Adds a header to calls, and notes what is published outside of steps.
#[derive(Clone, Default)]
struct Watching {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Middleware for Watching {
    fn api_headers(&self, execution: &Execution, headers: &mut HeaderMap) {
        headers.insert("x-run", execution.run_id().to_string().parse().unwrap());
    }

    async fn after_publish(&self, published: &PublishContext, outcome: Result<(), &ApiError>) {
        self.seen.lock().unwrap().push(format!("{} attempts, {}", published.attempts(), outcome.is_ok()));
    }
}

#[tokio::test]
async fn calls_have_the_key_the_environment_and_what_middlewares_add() {
    let watching = Watching::default();
    let given = watching.clone();
    let world = World::builder()
        .inngest(|inngest| inngest.signing_key(SIGNING_KEY))
        .opts(move |opts: SetupOpts, url: &str| {
            opts.dev(false).signing_key(SIGNING_KEY).base_url(url).env("staging").middleware(given)
        })
        .start(Router::new().route("/", post(tells_one)))
        .await;
    let mut listener = Listener::of(&world, "status").await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "told");
    let run = world.ended().await;
    // What the step has published is not told so.
    assert_eq!(*watching.seen.lock().unwrap(), Vec::<String>::new());
    world.inngest.inject(InjectedFault::on(Call::Publish).respond(503));
    assert_eq!(listener.heard(&world, "status").await, [1]);
    world.provider.realtime().publish("orders/7", "", 1).await.unwrap_err();
    assert_eq!(*watching.seen.lock().unwrap(), ["2 attempts, true", "0 attempts, false"]);

    let [publish, token] = [Call::Publish, Call::RealtimeToken].map(|call| world.inngest.calls_of(call));
    assert_eq!((publish.len(), token.len()), (3, 1));
    assert_eq!(publish[0].headers["x-run"], *run.id);
    for call in publish.iter().chain(&token) {
        assert!(call.headers["authorization"].to_str().unwrap().starts_with("Bearer "));
        assert_eq!(call.headers["x-inngest-env"], "staging");
        assert_eq!(call.headers["content-type"], "application/json");
    }
    world.assert_clean();
}

#[tokio::test]
async fn a_handler_without_steps_publishes_and_gives_tokens() {
    let app = |provider: &Provider| {
        let realtime = provider.realtime();
        let handler = async move || {
            let token = realtime.token("orders/7", ["status", "other"]).await.unwrap();
            let mut listener = Listener::with(&token).await;
            realtime.publish("orders/7", "other", json!([1.0, null])).await.unwrap();
            let message = listener.next().await;
            format!("{} {} {:?}", message["topic"], message["data"], message.get("run_id"))
        };
        Router::new().route("/", post(handler))
    };
    let world = World::builder().start_with(app).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), r#""other" [1.0,null] None"#);
    world.assert_clean();
}

#[tokio::test]
async fn a_token_is_for_its_topics_and_does_not_show_itself() {
    let world = World::of(Router::new()).await;
    let realtime = world.provider.realtime();
    let token = realtime.token("a channel&", ["status"]).await.unwrap();
    assert_eq!(token.as_str().split('.').count(), 3);
    let url = format!("{}/v1/realtime/sse?token={}", world.inngest.url(), token.as_str());
    assert_eq!(token.url(), url);
    assert_eq!(format!("{token:?}"), "SubscriptionToken(..)");
    let body: Value = serde_json::from_slice(&world.inngest.calls_of(Call::RealtimeToken)[0].body).unwrap();
    assert_eq!(body, json!([{ "kind": "run", "channel": "a channel&", "name": "status" }]));

    let none: [&str; 0] = [];
    let asked = [
        (realtime.token("", ["status"]).await, "the channel"),
        (realtime.token("c", none).await, "no topics"),
        (realtime.token("c", ["status", ""]).await, "a topic"),
    ];
    for (token, problem) in asked {
        let error = token.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Request, 0));
        assert!(error.message().contains(problem), "{error}");
    }
    assert_eq!(world.inngest.calls_of(Call::RealtimeToken).len(), 1);
}

#[tokio::test]
async fn while_inngest_is_down_publishing_is_tried_on_and_then_fails() {
    let world = World::of(Router::new()).await;
    world.inngest.go_down();
    let error = world.provider.realtime().publish("orders/7", "status", 1).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Unreachable, 5));
    assert!(error.is_outcome_unclear() && error.is_transient());
}

/// Beside encryption, where the app says that this may be.
#[tokio::test]
async fn a_message_is_in_clear_and_the_steps_are_not() {
    let encryption = Encryption::new("the key of these tests").unwrap();
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).middleware(encryption).stream_in_clear(true))
        .start(Router::new().route("/", post(tells)))
        .await;
    let mut listener = Listener::of(&world, "status").await;
    let response = world.post("/").send().await.unwrap();
    let sealed = world.follow(response).await.text().await.unwrap();
    assert!(!sealed.contains("done"), "{sealed}");
    let heard = listener.heard(&world, "status").await;
    assert_eq!(heard, [json!({ "paid": 9.0, "by": "Ada & <Söhne>" }), json!("shipped")]);
    // What is stored of the steps was sealed, and was read again by the re-entries.
    assert_eq!(world.inngest.calls_of(Call::Publish).len(), 5);
    world.assert_clean();
}
