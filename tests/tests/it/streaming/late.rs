//! Clients that come to a run's stream when it has begun.

use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use inngest::{Live, Provider, SetupOpts, Step, StepError};
use reqwest::{Method, StatusCode};
use stephttp_dev::Call;
use stephttp_tests::events::EventReader;
use stephttp_tests::{Logs, Stage, World};

use super::{held_texts, own_world, reads, texts, until_handed_over};

const SECRET: &str = "hunter2";

/// Steps whose outputs are texts, of which the client is shown some.
#[inngest::api_fn(id = "streaming-late")]
async fn story(State(stage): State<Stage>, step: Step, live: Live) -> Result<String, StepError> {
    live.push("begins");
    step.run("a", live.pipe(texts(&["one ", "two"]))).await?;
    // No pipe, a text that is not all that was piped, one of as many bytes, and two pipes.
    step.run("password", async { Ok(SECRET.to_owned()) }).await?;
    let longer = async {
        let shown = live.pipe(texts(&["shown"])).await?;
        Ok(format!("{shown} {SECRET}"))
    };
    step.run("longer", longer).await?;
    let another = async {
        live.pipe(texts(&["7 bytes"])).await?;
        Ok(SECRET.to_owned())
    };
    step.run("another", another).await?;
    step.sleep("pause", Duration::from_secs(3_600)).await;
    step.run("b", live.pipe(held_texts(&["three "], &stage.door, &["four"]))).await?;
    step.sleep("again", Duration::from_secs(3_600)).await;
    step.run("c", live.pipe(texts(&["five"]))).await
}

#[tokio::test]
async fn a_client_that_comes_during_a_wait_is_told_what_was_piped_and_what_follows() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    let mut late = EventReader::of(world.get(&url).send().await.unwrap());
    assert_eq!(late.some(3).await, ["metadata", "stream 86 \"one two\"", "commit 86"]);
    stage.door.open();
    world.inngest.release_time();
    let rest = [
        "stream e9 \"three \"",
        "stream e9 \"four\"",
        "commit e9",
        "stream 84 \"five\"",
        "commit 84",
        "response 200 five",
    ];
    assert_eq!(late.rest().await, rest);
    assert_eq!(first.rest().await, rest);
    world.ended().await;
    world.assert_clean();
}

#[tokio::test]
async fn no_output_is_told_that_was_not_piped() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    let late = tokio::spawn(world.get(&url).send().await.unwrap().text());
    stage.door.open();
    world.inngest.release_time();
    let text = late.await.unwrap().unwrap();
    assert!(text.contains("one two") && text.contains("five"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_client_that_comes_within_a_step_is_shown_its_text_once_and_whole() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    stage.door.reached(1).await;
    assert_eq!(first.some(1).await, ["stream e9 \"three \""]);
    let mut late = EventReader::of(world.get(&url).send().await.unwrap());
    assert_eq!(late.some(3).await, ["metadata", "stream 86 \"one two\"", "commit 86"]);
    stage.door.open();
    assert_eq!(
        late.rest().await,
        ["stream e9 \"three four\"", "commit e9", "stream 84 \"five\"", "commit 84", "response 200 five"]
    );
    world.ended().await;
    world.assert_clean();
}

#[tokio::test]
async fn a_client_that_comes_after_the_end_is_told_the_response() {
    let stage = Stage::new();
    stage.door.open();
    let world = own_world(&stage, post(story)).await;
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    assert_eq!(first.rest().await.last().unwrap(), "response 200 five");
    world.ended().await;
    let response = world.get(&url).send().await.unwrap();
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    assert_eq!(EventReader::of(response).rest().await, ["metadata", "response 200 five"]);
}

#[tokio::test]
async fn a_run_that_is_cancelled_ends_the_stream() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    world.inngest.cancel(&world.inngest.wait_for_run().await.id);
    // As the output route answers.
    assert_eq!(world.get(&url).send().await.unwrap().status(), StatusCode::GONE);
}

#[tokio::test]
async fn steps_are_noted_in_the_calls_that_store_them_and_only_for_clients_that_read() {
    let mut calls = Vec::new();
    for asks in [true, false] {
        let stage = Stage::new();
        stage.door.open();
        let world = own_world(&stage, post(story)).await;
        if asks {
            EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
        } else {
            world.post("/").send().await.unwrap();
        }
        let run = world.ended().await;
        let notes = run.steps.iter().filter(|step| step.id.starts_with("stephttp:piped:")).count();
        assert_eq!(notes, if asks { 3 } else { 0 });
        let of = |call| world.inngest.calls_of(call).len();
        calls.push([of(Call::Async), of(Call::Steps), of(Call::Actions)]);
        world.assert_clean();
    }
    // The first request makes its creation a call of its own, to subscribe before the run goes on.
    calls[0][1] -= 1;
    assert_eq!(calls[0], calls[1]);
}

// ===== Who may read it =====

#[tokio::test]
async fn a_stream_is_read_by_the_right_to_the_output() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    let (path, query) = url.split_once('?').unwrap();
    for (query, status) in [(query, 200), ("token=ey.another", 401), ("token=", 400), ("", 400)] {
        for method in [Method::GET, Method::HEAD] {
            let response = world.request(method, &format!("{path}?{query}")).send().await.unwrap();
            assert_eq!(response.status(), status, "{query}");
        }
    }
    assert_eq!(world.get(&format!("/runs/x/stream?{query}")).send().await.unwrap().status(), 400);
    assert_eq!(world.post(&url).send().await.unwrap().status(), 405);
    let options = world.request(Method::OPTIONS, path).send().await.unwrap();
    assert_eq!(
        (options.status(), &options.headers()["allow"]),
        (StatusCode::NO_CONTENT, &"GET, HEAD, OPTIONS".parse().unwrap())
    );
}

#[tokio::test]
async fn with_a_signing_key_a_url_that_the_app_has_not_made_is_refused_without_inngest() {
    const KEY: &str = "signkey-test-12345678";
    let stage = Stage::new();
    let app = stage.app(post(story));
    let world = World::builder()
        .inngest(|inngest| inngest.signing_key(KEY))
        .opts(|opts, url| opts.dev(false).base_url(url).event_api_url(url).signing_key(KEY).event_key("e"))
        .start_with(|provider: &Provider| app.merge(provider.output_route()))
        .await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    let unsigned = url.split("&signature=").next().unwrap();
    assert_ne!(unsigned, url);
    let before = world.inngest.calls().len();
    for bad in [unsigned.to_owned(), format!("{unsigned}&signature=00"), url.replace("token=", "token=x")] {
        assert_eq!(world.get(&bad).send().await.unwrap().status(), 403);
    }
    assert_eq!(world.inngest.calls().len(), before);
    let mut late = EventReader::of(world.get(&url).send().await.unwrap());
    assert_eq!(late.some(1).await, ["metadata"]);
}

#[tokio::test]
async fn scripts_of_origins_that_may_read_outputs_may_read_streams() {
    let stage = Stage::new();
    let app = stage.app(post(story));
    let opts = inngest::output::OutputOpts::new().allow_origins(["https://www.example.com"]);
    let world = World::builder()
        .opts(|own: SetupOpts, url| own.dev_server(url).output(opts))
        .start_with(|provider| app.merge(provider.output_route()))
        .await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    for (origin, allowed) in [("https://www.example.com", true), ("https://evil.example", false)] {
        let response = world.get(&url).header("origin", origin).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().contains_key("access-control-allow-origin"), allowed);
    }
}

// ===== How it ends =====

#[tokio::test]
async fn a_process_that_drains_lets_go_of_its_clients() {
    let stage = Stage::new();
    let world = own_world(&stage, post(story)).await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    let mut late = EventReader::of(world.get(&url).send().await.unwrap());
    assert_eq!(late.some(3).await.len(), 3);
    // The first request has been handed over.
    assert_eq!(world.provider.in_flight(), 1);
    world.provider.drain();
    // JS's client goes on at Inngest; another comes back to the same URL, at another process.
    assert_eq!(first.rest().await, ["redirect_info"]);
    assert_eq!(late.rest().await, Vec::<String>::new());
    let response = world.get(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    world.provider.wait(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn no_more_streams_are_read_than_are_allowed() {
    let stage = Stage::new();
    let app = stage.app(post(story));
    let world = World::builder()
        .opts(|own: SetupOpts, url| own.dev_server(url).stream_relays(2))
        .start_with(|provider| app.merge(provider.output_route()))
        .await;
    world.inngest.hold_time();
    let mut first = EventReader::of(reads(world.post("/")).send().await.unwrap());
    let (_, url) = until_handed_over(&mut first).await;
    let mut late = EventReader::of(world.get(&url).send().await.unwrap());
    late.some(1).await;
    assert_eq!(world.get(&url).send().await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// What the SDK notes for itself is none of the handler's steps.
#[tokio::test]
async fn hidden_steps_are_not_taken_for_steps_that_the_handler_has_lost() {
    let logs = Logs::collect();
    let stage = Stage::new();
    stage.door.open();
    let world = own_world(&stage, post(story)).await;
    EventReader::of(reads(world.post("/")).send().await.unwrap()).rest().await;
    let run = world.ended().await;
    assert_eq!(logs.lines_with(&["did not come to", &run.id]), Vec::<String>::new());
}
