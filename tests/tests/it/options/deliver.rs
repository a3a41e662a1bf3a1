//! `deliver`: a response that does not end before Inngest has its run.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, body::HttpBody};
use bytes::Bytes;
use futures_util::stream::{iter, unfold};
use http_body::Frame;
use http_body_util::StreamBody;
use inngest::function::{ApiFn, Deliver};
use inngest::output::RunOutput;
use inngest::{FnOpts, SetupOpts, Step, StepError};
use stephttp_dev::{Call, Gate, InjectedFault, RunStatus};
use stephttp_tests::{Logs, RawClient, Stage, World};

/// Longer than any test.
const PAUSE: Duration = Duration::from_secs(86_400);

/// For so long nothing comes that is held back. A machine that is slow does not make it come.
const MOMENT: Duration = Duration::from_millis(100);

/// A body whose length is not known, and which says that a frame is its last.
struct KnowsItsLast(Option<Bytes>);

impl HttpBody for KnowsItsLast {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(self.0.take().expect("it has said that it is over")))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

fn stream() -> Body {
    Body::from_stream(iter(["one ", "two"].map(Ok::<_, Infallible>)))
}

fn response(kind: &str) -> Response {
    match kind {
        "text" => "one two".into_response(),
        "announced" => ([("content-length", "7")], stream()).into_response(),
        "chunked" => stream().into_response(),
        "knows-its-last" => Body::new(KnowsItsLast(Some(Bytes::from_static(b"two")))).into_response(),
        "trailers" => {
            let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("42"))]);
            let frames = [Frame::data(Bytes::from_static(b"two")), Frame::trailers(trailers)];
            let body = Body::new(StreamBody::new(iter(frames.map(Ok::<_, Infallible>))));
            ([("trailer", "x-sum")], body).into_response()
        }
        "breaks" => {
            Body::from_stream(iter([Ok(Bytes::from_static(b"two")), Err("out of paper")])).into_response()
        }
        "empty" => StatusCode::OK.into_response(),
        "no-content" => (StatusCode::NO_CONTENT, "which nobody gets").into_response(),
        "nothing-announced" => ([("content-length", "0")], stream()).into_response(),
        "panics" => panic!("as the test wants it"),
        kind => panic!("no kind {kind}"),
    }
}

#[inngest::api_fn(id = "deliver-first", deliver = before_response_ends)]
async fn first(step: Step, Path(kind): Path<String>) -> Result<Response, StepError> {
    step.run("before", async { Ok(()) }).await?;
    Ok(response(&kind))
}

#[inngest::api_fn(id = "deliver-first-tracked", deliver = before_response_ends, track = always)]
async fn tracked(Path(kind): Path<String>) -> Response {
    response(&kind)
}

#[inngest::api_fn(id = "deliver-first-idle", deliver = before_response_ends)]
async fn idle(_step: Step, Path(kind): Path<String>) -> Response {
    response(&kind)
}

#[inngest::api_fn(id = "deliver-after", deliver = after_response)]
async fn after(step: Step, Path(kind): Path<String>) -> Result<Response, StepError> {
    first(step, Path(kind)).await
}

async fn pause(step: &Step) {
    step.sleep("pause", PAUSE).await;
}

#[inngest::api_fn(id = "deliver-first-misuses", sync_only, deliver = before_response_ends)]
async fn misuses(step: Step) {
    pause(&step).await;
}

fn app() -> Router {
    Router::new()
        .route("/first/misuses", get(misuses))
        .route("/first/{kind}", get(first))
        .route("/tracked/{kind}", get(tracked))
        .route("/idle/{kind}", get(idle))
        .route("/after/{kind}", get(after))
}

async fn world(change: impl FnOnce(SetupOpts) -> SetupOpts + Send + 'static) -> World {
    let world = World::builder()
        .opts(move |opts, url| change(opts.dev_server(url).linger(PAUSE).delivery_wait(PAUSE)));
    world.start(app()).await
}

pub(super) async fn request(world: &World, line: &str) -> RawClient {
    let mut client = RawClient::connect(&world.origin).await;
    client.send(format!("{line} HTTP/1.1\r\nhost: app\r\nte: trailers\r\nconnection: close\r\n\r\n")).await;
    client
}

/// What comes of a response while Inngest does not take its run, and what comes after.
async fn held(line: &str) -> (String, String) {
    let world = world(|opts| opts).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    let mut client = request(&world, line).await;
    gate.reached(1).await;
    let before = client.read_for(MOMENT).await;
    assert_eq!(world.inngest.runs().len(), 0, "{line}");
    gate.release();
    let after = client.read_to_end().await;
    let [run] = &world.inngest.runs()[..] else { panic!("{line}: one run") };
    assert_ne!(run.status, RunStatus::Running, "{line}: it is over when the response is");
    world.delivered().await;
    assert_eq!(world.inngest.calls().len(), 1, "{line}");
    world.assert_clean();
    (before, after)
}

#[tokio::test]
async fn of_a_response_with_a_length_the_last_data_waits() {
    for path in ["/first", "/tracked"] {
        let (before, after) = held(&format!("GET {path}/text")).await;
        assert!(before.starts_with("HTTP/1.1 200") && before.ends_with("\r\n\r\n"), "{before}");
        assert!(before.contains("content-length: 7"), "{before}");
        assert_eq!(after, "one two");
        let (before, after) = held(&format!("GET {path}/announced")).await;
        assert!(before.ends_with("\r\n\r\none "), "{before}");
        assert_eq!(after, "two");
    }
}

#[tokio::test]
async fn of_a_response_without_a_length_the_end_alone_waits() {
    for (kind, body, end) in [
        ("chunked", "3\r\ntwo\r\n", "0\r\n\r\n"),
        ("knows-its-last", "3\r\ntwo\r\n", "0\r\n\r\n"),
        ("trailers", "3\r\ntwo\r\n", "0\r\nx-sum: 42\r\n\r\n"),
        // The connection's end, without a last chunk.
        ("breaks", "3\r\ntwo\r\n", ""),
    ] {
        let (before, after) = held(&format!("GET /first/{kind}")).await;
        assert!(before.ends_with(body), "{kind}: {before}");
        assert_eq!(after, end, "{kind}");
    }
}

#[tokio::test]
async fn of_a_response_without_a_body_the_head_waits() {
    for (line, status) in [
        ("GET /first/empty", "200"),
        ("GET /tracked/empty", "200"),
        ("GET /first/no-content", "204"),
        ("GET /first/nothing-announced", "200"),
        ("HEAD /first/text", "200"),
        ("HEAD /first/chunked", "200"),
        // The service has answered in the handler's place.
        ("GET /first/misuses", "500"),
    ] {
        let (before, after) = held(line).await;
        assert_eq!(before, "", "{line}");
        assert!(after.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {after}");
    }
    let (before, after) = held("GET /first/panics").await;
    assert_eq!((before.as_str(), after.as_str()), ("", ""), "the connection's end waits");
}

#[tokio::test]
async fn what_is_not_recorded_and_what_says_otherwise_does_not_wait() {
    let world = world(|opts| opts.deliver(Deliver::BeforeResponseEnds)).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    for path in ["/idle/text", "/after/text", "/nowhere"] {
        let answer = request(&world, &format!("GET {path}")).await.read_to_end().await;
        assert_eq!(answer.ends_with("one two"), path != "/nowhere", "{answer}");
    }
    gate.release();
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(world.inngest.runs().len(), 1);
    assert_eq!((first::OPTS.get_deliver(), after::OPTS.get_deliver()), {
        (Some(Deliver::BeforeResponseEnds), Some(Deliver::AfterResponse))
    });
    assert_eq!(FnOpts::new("x").get_deliver(), None);
}

// ===== Streams of events =====

/// An event, the door, another one.
#[inngest::api_fn(id = "deliver-first-events", deliver = before_response_ends)]
async fn events(State(stage): State<Stage>, step: Step) -> Result<Response, StepError> {
    step.run("before", async { Ok(()) }).await?;
    let events = unfold(0, move |turn| {
        let stage = stage.clone();
        async move {
            if turn == 1 {
                stage.door.pass().await;
            }
            (turn < 2).then(|| (Ok::<_, Infallible>(Event::default().data(turn.to_string())), turn + 1))
        }
    });
    Ok(Sse::new(events).into_response())
}

#[tokio::test]
async fn no_event_waits_but_the_streams_end_does() {
    let stage = Stage::new();
    let world = World::builder().opts(|opts, url| opts.dev_server(url).linger(PAUSE).delivery_wait(PAUSE));
    let world = world.start(stage.app(post(events))).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    let mut client = RawClient::begin(&world, "/", &[("content-length", "0"), ("connection", "close")]).await;
    client.read_until("data: 0\n\n").await;
    assert!(world.inngest.calls().is_empty());
    stage.door.open();
    // The stream is over by now, so what comes of it comes before Inngest has the run.
    gate.reached(1).await;
    assert!(client.read_until("data: 1\n\n\r\n").await.ends_with("data: 1\n\n\r\n"));
    assert_eq!(client.read_for(MOMENT).await, "");
    gate.release();
    assert_eq!(client.read_to_end().await, "0\r\n\r\n");
    assert_eq!(world.inngest.runs()[0].status, RunStatus::Completed);
    world.assert_clean();
}

// ===== When Inngest is slow, or is not there =====

#[tokio::test]
async fn a_client_is_answered_within_the_limit_when_inngest_cannot_be_reached_and_delivery_goes_on() {
    for kind in ["text", "chunked", "empty"] {
        let logs = Logs::collect();
        let world = world(|opts| opts.delivery_wait(MOMENT)).await;
        world.inngest.go_down();
        let answer = request(&world, &format!("GET /first/{kind}")).await.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let call = world.inngest.wait_for_call(Call::NewRun, 1).await.json();
        let run_id = call["run_id"].as_str().unwrap();
        logs.assert_line_with(&["WARN", run_id, "a response ends before Inngest has its run"]);
        let undelivered = world.provider.wait(Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(undelivered.pending().iter().map(ToString::to_string).collect::<Vec<_>>(), [run_id]);
        world.inngest.come_up();
        assert_eq!(world.ended().await.id, run_id);
        world.assert_clean();
    }
}

#[tokio::test]
async fn a_client_is_answered_within_the_limit_when_inngest_is_slow() {
    let world = world(|opts| opts.delivery_wait(MOMENT)).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    let answer = request(&world, "GET /first/text").await.read_to_end().await;
    assert!(answer.ends_with("\r\n\r\none two"), "{answer}");
    gate.release();
    assert_eq!(world.ended().await.output, "one two");
    world.assert_clean();
}

#[tokio::test]
async fn a_client_is_answered_at_once_when_its_run_is_lost_and_the_loss_is_reported() {
    let world = world(|opts| opts).await;
    let refusal = InjectedFault::on(Call::NewRun).every().respond(400).body(r#"{"error":"not this one"}"#);
    world.inngest.inject(refusal);
    for kind in ["text", "chunked", "empty"] {
        let answer = request(&world, &format!("GET /first/{kind}")).await.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let undelivered = world.provider.wait(PAUSE).await.unwrap_err();
    assert_eq!((undelivered.lost_count(), undelivered.pending().len(), undelivered.requests()), (3, 0, 0));
}

#[tokio::test]
async fn a_client_is_answered_at_once_when_too_much_waits_for_inngest() {
    let world = world(|opts| opts.backlog_bytes(1)).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    let waits = request(&world, "GET /tracked/text").await;
    gate.reached(1).await;
    let answer = request(&world, "GET /tracked/text").await.read_to_end().await;
    assert!(answer.ends_with("\r\n\r\none two"), "{answer}");
    gate.release();
    assert!(waits.read_to_end().await.ends_with("one two"));
    let undelivered = world.provider.wait(PAUSE).await.unwrap_err();
    assert_eq!((undelivered.lost_count(), world.inngest.runs().len()), (1, 1));
}

#[tokio::test]
async fn with_no_time_to_wait_nothing_waits() {
    let logs = Logs::collect();
    let world = world(|opts| opts.delivery_wait(Duration::ZERO)).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
    assert!(request(&world, "GET /first/text").await.read_to_end().await.ends_with("one two"));
    gate.release();
    let run = world.ended().await;
    assert_eq!(run.output, "one two");
    // It is as it was asked for.
    let lines = logs.lines_with(&[&run.id, "a response ends before Inngest has its run"]);
    assert!(lines.is_empty(), "{lines:?}");
}

/// 16 runs at most are reported at once, of those whose clients do not wait.
#[tokio::test]
async fn who_waits_does_not_wait_for_the_runs_of_others() {
    let world = world(|opts| opts).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).first(16).hold(&gate));
    for _ in 0..40 {
        assert!(request(&world, "GET /after/text").await.read_to_end().await.ends_with("one two"));
    }
    gate.reached(16).await;
    assert!(request(&world, "GET /first/text").await.read_to_end().await.ends_with("one two"));
    assert_eq!(world.inngest.runs().len(), 1);
    gate.release();
    world.delivered().await;
    assert_eq!(world.inngest.runs().len(), 41);
    assert_eq!((world.provider.in_flight(), world.provider.backlog_bytes()), (0, 0));
    world.assert_clean();
}

/// As many as report the others' runs at once, and one more.
#[tokio::test]
async fn those_who_wait_do_not_keep_the_runs_of_others_from_being_reported() {
    let world = world(|opts| opts).await;
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).first(17).hold(&gate));
    let mut waiting = Vec::new();
    for _ in 0..17 {
        waiting.push(request(&world, "GET /first/text").await);
    }
    gate.reached(17).await;
    for _ in 0..3 {
        assert!(request(&world, "GET /after/text").await.read_to_end().await.ends_with("one two"));
    }
    // None is a repetition of a call that is held.
    for nth in 18..=20 {
        let call = world.inngest.wait_for_call(Call::NewRun, nth).await;
        assert!(String::from_utf8_lossy(&call.body).contains("deliver-after"), "{call:?}");
    }
    gate.release();
    for client in waiting {
        assert!(client.read_to_end().await.ends_with("one two"));
    }
    world.delivered().await;
    assert_eq!((world.inngest.runs().len(), world.provider.in_flight()), (20, 0));
    world.assert_clean();
}

#[tokio::test]
async fn a_client_that_goes_away_while_its_response_waits_changes_nothing() {
    for kind in ["text", "chunked", "empty"] {
        let world = world(|opts| opts).await;
        let gate = Gate::new();
        world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate));
        let client = request(&world, &format!("GET /first/{kind}")).await;
        gate.reached(1).await;
        drop(client);
        // Another request, so that the app has had its turn to see the connection close.
        request(&world, "GET /idle/text").await.read_to_end().await;
        gate.release();
        let run = world.ended().await;
        assert_eq!((run.status, run.response.unwrap().status), (RunStatus::Completed, 200));
        assert_eq!((world.inngest.calls().len(), world.provider.in_flight()), (1, 0));
        world.assert_clean();
    }
}

// ===== Runs that are handed over =====

#[inngest::api_fn(id = "deliver-first-sleeps", deliver = before_response_ends)]
async fn sleeps(step: Step) -> Result<&'static str, StepError> {
    step.run("before", async { Ok(()) }).await?;
    step.sleep("pause", PAUSE).await;
    step.run("after", async { Ok(()) }).await?;
    Ok("rested")
}

#[tokio::test]
async fn a_run_that_is_handed_over_is_stored_before_its_client_is_sent_on() {
    let world = World::builder().opts(|opts, url| opts.dev_server(url).delivery_wait(PAUSE));
    let world = world.start(Router::new().route("/", post(sleeps))).await;
    world.inngest.hold_time();
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), world.provider.in_flight()), (303, 0));
    let run = &world.inngest.runs()[0];
    assert!(run.step("before").is_some() && run.step("pause").is_some());
    let calls = world.inngest.calls();
    assert!(calls.iter().all(|call| call.status == Some(StatusCode::OK)), "{calls:?}");
    world.inngest.release_time();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "rested");
    let answered = world.inngest.dispatches().remove(0);
    assert!(answered.response_json()["op"] == "RunComplete", "{answered:?}");
    world.ended().await;
    world.assert_clean();
}

async fn never(_: axum::http::request::Parts, _: RunOutput) -> String {
    panic!("as the test wants it")
}

#[inngest::api_fn(id = "deliver-first-given-up", deliver = before_response_ends, async_response = custom(never))]
async fn given_up(step: Step) -> Result<&'static str, StepError> {
    step.sleep("pause", PAUSE).await;
    Ok("nobody reads this")
}

#[tokio::test]
async fn a_client_whose_run_is_given_up_learns_it_when_inngest_knows() {
    let world = World::builder().opts(|opts, url| opts.dev_server(url).delivery_wait(PAUSE));
    let world = world.start(Router::new().route("/", post(given_up))).await;
    world.inngest.hold_time();
    let gate = Gate::new();
    world.inngest.inject(InjectedFault::on(Call::Steps).hold(&gate));
    let mut client = RawClient::begin(&world, "/", &[("content-length", "0"), ("connection", "close")]).await;
    gate.reached(1).await;
    assert_eq!(client.read_for(MOMENT).await, "");
    gate.release();
    assert!(client.read_to_end().await.starts_with("HTTP/1.1 500"));
    assert_eq!(world.inngest.runs()[0].status, RunStatus::Failed);
}
