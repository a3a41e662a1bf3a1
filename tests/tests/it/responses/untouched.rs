//! What clients get is byte for byte what they get without the layer.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use inngest::function::Deliver;
use inngest::{Step, StepError};
use stephttp_dev::RunStatus;
use stephttp_tests::{Logs, RawClient, World, serve};
use tokio::net::TcpStream;

/// A response, and what is stored of it. `None`: nothing, and a note says why.
fn response(kind: &str) -> (Response, Option<&'static str>) {
    let (response, stored) = match kind {
        "text" => ("hello".into_response(), Some("hello")),
        "empty" => (StatusCode::OK.into_response(), Some("")),
        "no-content" => (StatusCode::NO_CONTENT.into_response(), Some("")),
        // Which HTTP does not let through.
        "no-content-with-text" => ((StatusCode::NO_CONTENT, "text").into_response(), Some("")),
        "reset-content" => (StatusCode::RESET_CONTENT.into_response(), Some("")),
        "not-modified" => ((StatusCode::NOT_MODIFIED, [("etag", "\"7\"")]).into_response(), Some("")),
        "redirect" => ((StatusCode::FOUND, [("location", "/text")]).into_response(), Some("")),
        "failure" => ((StatusCode::BAD_GATEWAY, "no answer").into_response(), Some("no answer")),
        "cookies" => {
            let cookies =
                AppendHeaders(["session=1", "theme=dark", "seen="].map(|value| ("set-cookie", value)));
            ((cookies, "with cookies").into_response(), Some("with cookies"))
        }
        "latin-1" => {
            let name = HeaderValue::from_bytes(b"attachment; filename=\"caf\xe9.txt\"").unwrap();
            (([("content-disposition", name)], "text").into_response(), Some("text"))
        }
        "chunked" => (stream().into_response(), Some("one two three")),
        // The server asks for no more than this, and does not see the stream's end.
        "announced" => (([("content-length", "13")], stream()).into_response(), Some("one two three")),
        "trailers" => (with_trailers(), Some("one two three")),
        "encoded" => (([("content-encoding", "br")], "as it were").into_response(), None),
        "identity" => (([("content-encoding", "identity")], "as it is").into_response(), Some("as it is")),
        "binary" => (vec![0xFF_u8; 3].into_response(), None),
        kind => panic!("no kind {kind}"),
    };
    (response, stored)
}

fn stream() -> Body {
    let chunks = ["one ", "two ", "three"].map(Ok::<_, Infallible>);
    Body::from_stream(futures_util::stream::iter(chunks))
}

fn with_trailers() -> Response {
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("42"))]);
    let data = ["one ", "two ", "three"].map(|text| Frame::data(Bytes::from_static(text.as_bytes())));
    let frames = data.into_iter().chain([Frame::trailers(trailers)]).map(Ok::<_, Infallible>);
    let body = Body::new(StreamBody::new(futures_util::stream::iter(frames)));
    ([("trailer", "x-sum")], body).into_response()
}

const KINDS: [&str; 16] = [
    "text",
    "empty",
    "no-content",
    "no-content-with-text",
    "reset-content",
    "not-modified",
    "redirect",
    "failure",
    "cookies",
    "latin-1",
    "chunked",
    "announced",
    "trailers",
    "encoded",
    "identity",
    "binary",
];

async fn plain(Path(kind): Path<String>) -> Response {
    response(&kind).0
}

#[inngest::api_fn(id = "untouched-idle")]
async fn idle(_step: Step, Path(kind): Path<String>) -> Response {
    response(&kind).0
}

#[inngest::api_fn(id = "untouched-tracked", track = always)]
async fn tracked(Path(kind): Path<String>) -> Response {
    response(&kind).0
}

#[inngest::api_fn(id = "untouched-durable")]
async fn durable(step: Step, Path(kind): Path<String>) -> Result<Response, StepError> {
    step.run("before", async { Ok(()) }).await?;
    Ok(response(&kind).0)
}

/// Everything that a server sends for this request, but the date.
async fn exchange(origin: &str, request: &str) -> String {
    let mut client = RawClient::connect(origin).await;
    client.send(format!("{request}\r\nhost: app\r\nte: trailers\r\nconnection: close\r\n\r\n")).await;
    let answer = client.read_to_end().await;
    answer.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

#[tokio::test]
async fn every_response_is_sent_as_it_is_without_the_layer() {
    let (bare, server) = serve(Router::new().route("/{kind}", get(plain))).await;
    let each = |kind| [Deliver::AfterResponse, Deliver::BeforeResponseEnds].map(|deliver| (kind, deliver));
    for (kind, deliver) in KINDS.into_iter().flat_map(each) {
        let app = Router::new()
            .route("/plain/{kind}", get(plain))
            .route("/idle/{kind}", get(idle))
            .route("/tracked/{kind}", get(tracked))
            .route("/durable/{kind}", get(durable));
        let world = World::builder().opts(move |opts, url| {
            opts.dev_server(url).deliver(deliver).delivery_wait(Duration::from_secs(86_400))
        });
        let world = world.start(app).await;
        let mut recorded = 0;
        for method in ["GET", "HEAD"] {
            for version in ["HTTP/1.1", "HTTP/1.0"] {
                let expected = exchange(&bare, &format!("{method} /{kind} {version}")).await;
                assert!(expected.starts_with("HTTP/1."), "{expected}");
                for path in ["plain", "idle", "tracked", "durable"] {
                    let answer = exchange(&world.origin, &format!("{method} /{path}/{kind} {version}")).await;
                    assert_eq!(answer, expected, "{method} /{path}/{kind} {version}");
                    recorded += usize::from(matches!(path, "tracked" | "durable"));
                    if deliver == Deliver::BeforeResponseEnds {
                        let runs = world.inngest.runs();
                        let ended = runs.iter().filter(|run| run.status != RunStatus::Running).count();
                        assert_eq!(ended, recorded, "{method} /{path}/{kind} {version}");
                    }
                }
            }
        }
        world.delivered().await;
        assert_stored(&world, kind);
        world.assert_clean();
    }
    server.abort();
}

/// Of both functions that are recorded, both methods, in both versions.
#[track_caller]
fn assert_stored(world: &World, kind: &str) {
    let runs = world.inngest.runs();
    assert_eq!(runs.len(), 8, "{kind}");
    let (response, body) = response(kind);
    let is_cookies = kind == "cookies";
    // A HEAD request is told of as a GET, or Inngest could not call it back; its response has no
    // body for all that.
    for (index, run) in runs.iter().enumerate() {
        let stored = run.response.as_ref().unwrap();
        assert_eq!(stored.status, response.status(), "{kind}");
        let (expected, note) =
            if index < 4 { (body.unwrap_or_default(), body.is_none()) } else { ("", false) };
        assert_eq!(stored.body, expected, "{kind}");
        assert_eq!(stored.header("x-stephttp-body-not-stored").is_some(), note, "{kind}: {stored:?}");
        // All of them are secrets.
        assert_eq!(stored.header("set-cookie"), is_cookies.then_some("(redacted)"));
        assert_eq!(run.event["data"]["method"], "GET");
    }
}

#[inngest::api_fn(id = "untouched-later")]
async fn later(step: Step, Path(kind): Path<String>) -> Response {
    step.sleep("pause", Duration::from_secs(86_400)).await;
    response(&kind).0
}

#[tokio::test]
async fn after_a_hand_over_status_and_body_are_kept_and_what_is_not_kept_is_logged() {
    let logs = Logs::collect();
    for method in [Method::GET, Method::HEAD] {
        for kind in [
            "text",
            "no-content",
            "reset-content",
            "not-modified",
            "redirect",
            "cookies",
            "announced",
            "trailers",
        ] {
            let world = World::of(Router::new().route("/{kind}", get(later))).await;
            let redirect = world.request(method.clone(), &format!("/{kind}")).send().await.unwrap();
            let output = world.follow(redirect).await;
            let (response, body) = response(kind);
            assert_eq!(output.status(), response.status(), "{method} {kind}");
            let first = |headers: &HeaderMap| headers.get("set-cookie").cloned();
            assert_eq!(first(output.headers()), first(response.headers()), "{method} {kind}");
            assert_eq!(output.headers().get_all("set-cookie").iter().count(), usize::from(kind == "cookies"));
            assert_eq!(output.headers().get("etag"), response.headers().get("etag"));
            assert_eq!(output.text().await.unwrap(), body.unwrap(), "{method} {kind}");
            // Never by HEAD, to which nothing could be answered.
            assert_eq!(world.inngest.dispatches()[0].method, "GET");
            world.ended().await;
            world.assert_clean();
        }
    }
    // Two more cookies than are kept, for each of two requests.
    assert!(logs.lines_with(&["WARN", "the response sets several cookies"]).len() >= 4);
}

#[tokio::test]
async fn trailers_come_by_http_2_too() {
    let world = World::of(Router::new().route("/{kind}", get(durable))).await;
    let stream = TcpStream::connect(world.origin.trim_start_matches("http://")).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request =
        hyper::Request::get(format!("{}/trailers", world.origin)).body(Empty::<Bytes>::new()).unwrap();
    let body = client.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "42");
    assert_eq!(body.to_bytes(), "one two three");
    assert_eq!(world.ended().await.output, "one two three");
    connection.abort();
    world.assert_clean();
}
