//! Events that are sent outside of steps.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use inngest::client::{ApiError, ApiErrorKind};
use inngest::middleware::{Middleware, SendContext};
use inngest::{Event, EventData, Failure, Provider, SetupOpts};
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use stephttp_dev::{Call, InjectedFault};
use stephttp_tests::World;

#[derive(Debug, Clone, Serialize, EventData)]
#[event(name = "shop/closed", v = "1")]
struct Closed {
    day: String,
}

fn closed(day: &str) -> Closed {
    Closed { day: day.to_owned() }
}

#[tokio::test]
async fn a_handler_without_steps_sends_events_with_a_type_and_without() {
    let builder = World::builder();
    let app = |provider: &Provider| {
        let events = provider.events();
        let handler = async move || {
            let mut ids = vec![events.send(closed("mon")).await?];
            ids.push(events.send_event(Event::new("shop/opened", json!({ "day": "tue" }))).await?);
            ids.extend(events.send_events(["wed", "thu"].map(closed).map(Event::of).to_vec()).await?);
            Ok::<_, ApiError>(ids.join(" "))
        };
        Router::new().route("/", post(async move || handler().await.unwrap()))
    };
    let world = builder.start_with(app).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer = response.text().await.unwrap();
    let events = world.inngest.events();
    let sent: Vec<_> = events
        .iter()
        .map(|event| format!("{} {}", event.name, event.data["day"].as_str().unwrap()))
        .collect();
    assert_eq!(sent, ["shop/closed mon", "shop/opened tue", "shop/closed wed", "shop/closed thu"]);
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(answer, ids.join(" "));
    // The last two came in one call.
    assert_eq!(world.inngest.calls_of(Call::Events).len(), 3);
    world.assert_clean();
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_sent_again_and_counts_once() {
    let world = World::of(Router::new()).await;
    world.inngest.inject(InjectedFault::on(Call::Events).drop_response());
    let id = world.provider.events().send(closed("mon")).await.unwrap();
    let events = world.inngest.events();
    let seen: Vec<_> = events.iter().map(|event| (event.id.as_str(), event.duplicate)).collect();
    assert_eq!(seen, [(id.as_str(), false), (id.as_str(), true)]);
    // Another call is another event.
    let other = world.provider.events().send(closed("mon")).await.unwrap();
    assert!(id != other && !world.inngest.events()[2].duplicate);
}

#[tokio::test]
async fn an_event_with_an_id_of_its_own_counts_once_in_two_calls() {
    let world = World::of(Router::new()).await;
    for _ in 0..2 {
        world.provider.events().send_event(Event::of(closed("mon")).id("closed-mon")).await.unwrap();
    }
    let seen: Vec<_> = world.inngest.events().iter().map(|event| event.duplicate).collect();
    assert_eq!(seen, [false, true]);
}

#[tokio::test]
async fn while_inngest_is_down_sending_is_tried_on_and_then_fails() {
    let world = World::of(Router::new()).await;
    world.inngest.go_down();
    let error = world.provider.events().send(closed("mon")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Unreachable, 5));
    assert!(error.is_outcome_unclear() && error.is_transient());
    assert_eq!(world.inngest.calls_of(Call::Events).len(), 5);
    assert!(world.inngest.events().is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_any_call() {
    let world = World::of(Router::new()).await;
    let events = world.provider.events();
    for (event, problem) in [
        (Event::new("", json!({})), "its name is empty"),
        (Event::new("inngest/x", json!({})), "Inngest's own"),
        (Event::new("a", json!({ "n": u64::MAX })), "`data.n` would be rounded"),
    ] {
        let error = events.send_event(event).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Request, 0));
        assert!(error.message().contains(problem), "{error}");
    }
    assert_eq!(events.send_events(Vec::<Event>::new()).await.unwrap(), Vec::<String>::new());
    assert!(world.inngest.calls().is_empty());
}

#[tokio::test]
async fn without_an_event_key_the_error_says_what_to_set() {
    let opts = SetupOpts::new("https://api.example.com").dev(false).signing_key("signkey-test-12345678");
    let provider = Provider::setup(opts).unwrap();
    let error = provider.events().send(closed("mon")).await.unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Request);
    assert!(error.to_string().contains("INNGEST_EVENT_KEY"), "{error}");
}

/// Writes down what it is told, and changes what is sent.
#[derive(Debug, Clone, Default)]
struct Watching {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Middleware for Watching {
    async fn transform_sent_event(&self, data: Box<RawValue>) -> Result<Box<RawValue>, Failure> {
        if data.get().contains("sun") {
            return Err(Failure::new("closed on sundays"));
        }
        to_raw_value(&json!({ "was": data })).map_err(Failure::new)
    }

    async fn after_send(&self, sent: &SendContext, outcome: Result<(), &ApiError>) {
        let line = format!("{} events, {} attempts, {}", sent.events(), sent.attempts(), outcome.is_ok());
        self.seen.lock().unwrap().push(line);
    }
}

#[tokio::test]
async fn middlewares_see_each_call_and_may_change_data() {
    let watching = Watching::default();
    let given = watching.clone();
    let world = World::builder()
        .opts(move |opts, url| opts.dev_server(url).middleware(given))
        .start(Router::new())
        .await;
    world.inngest.inject(InjectedFault::on(Call::Events).respond(503));
    let events = world.provider.events();
    events.send_events(vec![Event::of(closed("mon")), Event::of(closed("tue"))]).await.unwrap();
    let error = events.send(closed("sun")).await.unwrap_err();
    assert!(error.message().contains("closed on sundays"), "{error}");
    let sent: Vec<_> = world.inngest.events().into_iter().map(|event| event.data).collect();
    assert_eq!(sent, [json!({ "was": { "day": "mon" } }), json!({ "was": { "day": "tue" } })]);
    let expected = ["2 events, 2 attempts, true", "1 events, 0 attempts, false"];
    assert_eq!(*watching.seen.lock().unwrap(), expected);
}
