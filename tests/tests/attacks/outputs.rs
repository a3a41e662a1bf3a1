//! The output route: clients that read slowly, URLs that nobody was given, and an Inngest that lies.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::future::join_all;
use inngest::middleware::Middleware;
use inngest::{OutputOpts, Step};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use stephttp_tests::{Logs, serve, signed_query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::liar::{self, App, KEY, RUN_ID, TOKEN, responds, slow_reader};
use crate::turn::{self, Held};

const MIB: usize = 1024 * 1024;

/// 8 MiB, the most that a run's response can have.
fn large() -> Bytes {
    Bytes::from(vec![b'x'; 8 * MIB])
}

// ===== Memory =====

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_slowly_hold_little_of_their_outputs() {
    let _turn = turn::alone().await;
    const READERS: usize = 100;
    let (output, plain_output) = (large(), large());
    let (plain, _) = serve(Router::new().route("/", get(async move || plain_output.clone()))).await;
    let (url, _) = liar::inngest(move |_| responds(&[], output.clone())).await;
    let app = App::new(&url, |opts| opts).await;

    let held = Held::since_now();
    let readers = join_all((0..READERS).map(|_| slow_reader(&plain, "/"))).await;
    let by_plain_axum = held.most();
    drop(readers);

    let held = Held::since_now();
    let readers = {
        let path = liar::path(RUN_ID);
        join_all((0..READERS).map(|_| slow_reader(&app.origin, &path))).await
    };
    assert!(readers.iter().all(|(_, head)| head.starts_with("HTTP/1.1 200")));
    // One that reads all of it, so that the others have had their time too.
    assert_eq!(app.ask().send().await.unwrap().bytes().await.unwrap().len(), 8 * MIB);
    let (most, bound) = (held.most(), by_plain_axum + READERS * MIB);
    assert!(
        most < bound,
        "{READERS} readers of 8 MiB have held {most} bytes; with plain axum {by_plain_axum}"
    );
}

/// It changes nothing, but outputs have to be read whole for it.
struct Looks;

impl Middleware for Looks {}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_middlewares_restore_share_a_room() {
    let _turn = turn::alone().await;
    const READERS: usize = 24;
    let output = large();
    let (url, _) = liar::inngest(move |request| {
        let small = request.uri().path().contains("01M817NZCZ3BTTPY1FEX7T2M4C");
        let mut response = responds(&[], if small { Bytes::from_static(b"small") } else { output.clone() });
        if small {
            response.headers_mut().insert("x-run-id", "01M817NZCZ3BTTPY1FEX7T2M4C".parse().unwrap());
        }
        response
    })
    .await;
    let app = App::new(&url, |opts| opts.middleware(Looks)).await;
    let held = Held::since_now();
    let readers = {
        let path = liar::path(RUN_ID);
        join_all((0..READERS).map(|_| slow_reader(&app.origin, &path))).await
    };
    let most = held.most();
    assert!(most < 96 * MIB, "{READERS} readers of 8 MiB have held {most} bytes");
    let served = readers.iter().filter(|(_, head)| head.starts_with("HTTP/1.1 200")).count();
    let refused = readers.iter().filter(|(_, head)| {
        head.starts_with("HTTP/1.1 503") && head.to_ascii_lowercase().contains("\r\nretry-after: ")
    });
    assert!((2..=4).contains(&served) && refused.count() == READERS - served, "{served} were served");

    // Small outputs do not wait for them.
    let small = app.request(Method::GET, &liar::path("01M817NZCZ3BTTPY1FEX7T2M4C")).send();
    let small = tokio::time::timeout(Duration::from_secs(4), small).await.unwrap().unwrap();
    assert_eq!(small.text().await.unwrap(), "small");

    // Once they are gone there is room again.
    drop(readers);
    app.provider.wait(Duration::from_secs(30)).await.unwrap();
    assert_eq!(app.ask().send().await.unwrap().bytes().await.unwrap().len(), 8 * MIB);
}

// ===== What breaks off =====

/// Answers every connection with these bytes, and closes it.
async fn breaks_off(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn an_output_that_breaks_off_never_looks_complete() {
    let _turn = turn::beside_others().await;
    let head = format!("HTTP/1.1 200 OK\r\nx-run-id: {RUN_ID}\r\n");
    for framing in ["content-length: 1000000\r\n\r\n", "transfer-encoding: chunked\r\n\r\nf4240\r\n"] {
        let mut answer = format!("{head}{framing}").into_bytes();
        answer.extend(vec![b'x'; 300_000]);
        let url = breaks_off(answer).await;
        let app = App::new(&url, |opts| opts).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.bytes().await;
        assert!(body.is_err(), "{framing}: {} bytes look complete", body.unwrap().len());
        app.provider.wait(Duration::from_secs(30)).await.unwrap();
    }
}

/// A body without an end, which counts what was taken of it, and tells when it is let go.
struct Endless {
    taken: Arc<AtomicUsize>,
    gone: watch::Sender<bool>,
}

impl futures_util::Stream for Endless {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        static CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        self.taken.fetch_add(CHUNK.len(), Ordering::SeqCst);
        Poll::Ready(Some(Ok(Bytes::from_static(&CHUNK))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.gone.send_replace(true);
    }
}

#[tokio::test]
async fn head_fetches_no_body() {
    let _turn = turn::beside_others().await;
    for restores in [false, true] {
        let (taken, gone) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(false));
        let endless = (taken.clone(), gone.clone());
        let (url, asked) = liar::inngest(move |_| {
            let (taken, gone) = endless.clone();
            responds(&[("x-order", "7")], Body::from_stream(Endless { taken, gone }))
        })
        .await;
        let app = App::new(&url, |opts| if restores { opts.middleware(Looks) } else { opts }).await;
        let response = app.request(Method::HEAD, &liar::path(RUN_ID)).send().await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["x-order"]),
            (StatusCode::OK, &"7".parse().unwrap())
        );
        assert!(!response.headers().contains_key("content-length"));
        gone.subscribe().wait_for(|gone| *gone).await.unwrap();
        // What the connection has taken by itself, before it was closed.
        assert!(taken.load(Ordering::SeqCst) < 16 * MIB, "{taken:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        app.provider.wait(Duration::from_secs(30)).await.unwrap();
    }
}

#[tokio::test]
async fn requests_count_until_their_clients_have_had_the_output() {
    let _turn = turn::beside_others().await;
    let output = large();
    let (url, _) = liar::inngest(move |_| responds(&[], output.clone())).await;
    for (has_layer, restores) in [(true, false), (false, false), (true, true)] {
        let app = App::made(
            &url,
            |opts| if restores { opts.middleware(Looks) } else { opts },
            |provider| {
                let route = provider.output_route();
                if has_layer { route.layer(provider.layer()) } else { route }
            },
        )
        .await;
        let (reader, _) = slow_reader(&app.origin, &liar::path(RUN_ID)).await;
        assert_eq!(app.provider.in_flight(), 1, "layer: {has_layer}");
        let left = app.provider.wait(Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(left.requests(), 1);
        drop(reader);
        app.provider.wait(Duration::from_secs(30)).await.unwrap();
        // Also when all of it was taken, and when there is nothing to take.
        app.ask().send().await.unwrap().bytes().await.unwrap();
        assert_eq!(app.request(Method::GET, "/runs/7/output").send().await.unwrap().status(), 400);
        app.provider.wait(Duration::from_secs(30)).await.unwrap();
        assert_eq!(app.provider.in_flight(), 0);
    }
}

// ===== Who may ask =====

#[tokio::test]
async fn only_who_was_sent_to_the_route_can_ask() {
    let _turn = turn::beside_others().await;
    const OTHER_KEY: &str = "signkey-test-0123456789abcdef";
    let (url, asked) = liar::inngest(|_| responds(&[], "the output")).await;
    let app = App::new(&url, |opts| opts.signing_key_fallback(OTHER_KEY)).await;
    let good = signed_query(KEY, RUN_ID, TOKEN);
    let cut = &good[..good.len() - 2];
    for query in [
        format!("token={TOKEN}"),
        format!("token={TOKEN}&signature="),
        format!("token={TOKEN}&signature=00"),
        format!("token={TOKEN}&signature={}", "z".repeat(64)),
        format!("{}&redirects=8", good.replace("signature", "signatures")),
        cut.to_owned(),
        format!("{good}00"),
        // Of another token, run and key.
        good.replacen("token=ey", "token=ez", 1),
        signed_query(KEY, "01M817NZCZ3BTTPY1FEX7T2M4C", TOKEN),
        signed_query("abcdef", RUN_ID, TOKEN),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let is_head = method == Method::HEAD;
            let response =
                app.request(method, &format!("/runs/{RUN_ID}/output?{query}")).send().await.unwrap();
            assert_eq!(response.status(), 403, "{query}");
            assert_eq!(response.headers()["cache-control"], "no-store");
            if !is_head {
                let error: Value = response.json().await.unwrap();
                assert!(error["error"].as_str().unwrap().contains("not signed"), "{error}");
            }
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // The key may change meanwhile.
    for key in [KEY, OTHER_KEY] {
        let path = format!("/runs/{RUN_ID}/output?{}", signed_query(key, RUN_ID, TOKEN));
        assert_eq!(app.request(Method::GET, &path).send().await.unwrap().text().await.unwrap(), "the output");
    }
    // Without a key there is nothing to sign with.
    let dev = App::new(&url, |_| inngest::SetupOpts::new("http://127.0.0.1").dev_server(&url)).await;
    let response = dev.request(Method::GET, &format!("/runs/{RUN_ID}/output?token=x")).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[inngest::api_fn(id = "attacks-outputs-waits", async_response = proxy)]
async fn waits(step: Step) -> &'static str {
    step.sleep("pause", Duration::from_secs(60)).await;
    "done"
}

#[tokio::test]
async fn the_redirect_of_an_app_with_a_key_is_taken_by_the_route() {
    let _turn = turn::beside_others().await;
    let (url, asked) = liar::inngest(|request| {
        if request.uri().path() == "/v1/checkpoint" {
            let run = r#"{"data":{"fn_id":"f","app_id":"a","run_id":"01M817NZCZ3BTTPY1FEX7T2M4B","token":"a&b=c"}}"#;
            return Response::new(run.into());
        }
        Response::builder().body(r#"{"status":"running"}"#.into()).unwrap()
    })
    .await;
    let opts = OutputOpts::new().max_wait(Duration::from_millis(50)).max_redirects(2);
    let app = App::made(
        &url,
        |own| own.output(opts),
        |provider| {
            Router::new().route("/", post(waits)).merge(provider.output_route()).layer(provider.layer())
        },
    )
    .await;
    let response = app.request(Method::POST, "/").send().await.unwrap();
    let mut place = response.url().join(response.headers()["location"].to_str().unwrap()).unwrap();
    for status in [303, 303, 202] {
        let response = app.request(Method::GET, &place.as_str()[app.origin.len()..]).send().await.unwrap();
        assert_eq!(response.status(), status, "{place}");
        place = place.join(response.headers()["location"].to_str().unwrap()).unwrap();
    }
    assert!(asked.load(Ordering::SeqCst) >= 3);
}

// ===== What Inngest says =====

#[tokio::test]
async fn a_token_that_fills_a_url_is_none() {
    let _turn = turn::beside_others().await;
    let (url, asked) = liar::inngest(|_| {
        let token = "t".repeat(5_000);
        let run = format!(r#"{{"data":{{"fn_id":"f","app_id":"a","run_id":"{RUN_ID}","token":"{token}"}}}}"#);
        Response::new(run.into())
    })
    .await;
    let app = App::made(
        &url,
        |opts| opts,
        |provider| {
            Router::new().route("/", post(waits)).merge(provider.output_route()).layer(provider.layer())
        },
    )
    .await;
    let response = app.request(Method::POST, "/").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("location"));
    let before = asked.load(Ordering::SeqCst);
    let path = format!("/runs/{RUN_ID}/output?{}", signed_query(KEY, RUN_ID, &"t".repeat(5_000)));
    assert_eq!(app.request(Method::GET, &path).send().await.unwrap().status(), 400);
    assert_eq!(asked.load(Ordering::SeqCst), before);
}

/// What a browser or a proxy would act on.
const ACTED_ON: [(&str, &str); 17] = [
    ("clear-site-data", "\"*\""),
    ("refresh", "0; url=https://evil.example"),
    ("service-worker-allowed", "/"),
    ("access-control-allow-origin", "https://evil.example"),
    ("access-control-allow-credentials", "true"),
    ("strict-transport-security", "max-age=31536000"),
    ("nel", "{}"),
    ("report-to", "{}"),
    ("alt-svc", "h3=\"evil.example:443\""),
    ("set-login", "logged-in"),
    ("x-accel-redirect", "/protected"),
    ("x-accel-expires", "86400"),
    ("x-sendfile", "/etc/passwd"),
    ("x-lighttpd-send-file", "/etc/passwd"),
    ("x-dns-prefetch-control", "on"),
    ("surrogate-control", "max-age=86400"),
    ("expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
];
const PASSED: [(&str, &str); 7] = [
    ("content-type", "text/html; charset=utf-8"),
    ("etag", "\"7\""),
    ("location", "/orders/7"),
    ("set-cookie", "session=1"),
    ("retry-after", "7"),
    ("x-order", "7"),
    ("x-frame-options", "DENY"),
];

#[tokio::test]
async fn headers_pass_that_describe_the_response_and_none_that_are_acted_on() {
    let _turn = turn::beside_others().await;
    let (url, _) = liar::inngest(|_| responds(&[&ACTED_ON[..], &PASSED[..]].concat(), "<h1>7</h1>")).await;
    let passes = |headers: &HeaderMap, (name, value): &(&str, &str)| {
        headers.get(*name).is_some_and(|passed| passed == value)
    };
    let app = App::new(&url, |opts| opts).await;
    let headers = app.ask().send().await.unwrap().headers().clone();
    for header in &ACTED_ON {
        assert!(!passes(&headers, header), "{header:?}");
    }
    for header in &PASSED {
        assert!(passes(&headers, header), "{header:?} is not in {headers:?}");
    }
    // The app can say that its handlers set one.
    let opts = OutputOpts::new().pass_headers(["Clear-Site-Data"]).allow_any_origin();
    let app = App::new(&url, |own| own.output(opts)).await;
    let headers =
        app.ask().header("origin", "https://www.example.com").send().await.unwrap().headers().clone();
    assert!(passes(&headers, &ACTED_ON[0]) && !passes(&headers, &ACTED_ON[1]));
    assert_eq!(headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn what_is_no_response_of_the_run_is_nothing_that_a_browser_runs() {
    let _turn = turn::beside_others().await;
    for (stored, given) in [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("application/json", "application/json"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
    ] {
        let (url, _) = liar::inngest(move |_| {
            let response = Response::builder().header("content-type", stored).header("x-order", "7");
            response.body("<script>alert(1)</script>".into()).unwrap()
        })
        .await;
        let app = App::new(&url, |opts| opts).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["content-type"]),
            (StatusCode::OK, &given.parse().unwrap())
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(!response.headers().contains_key("x-order"));
        assert_eq!(response.text().await.unwrap(), "<script>alert(1)</script>");
    }
}

#[tokio::test]
async fn a_year_is_no_time_to_wait() {
    let _turn = turn::beside_others().await;
    for asked in ["31536000", "99999999999999999999999", "Fri, 01 Jan 2100 00:00:00 GMT"] {
        let (url, _) = liar::inngest(move |_| {
            Response::builder().status(503).header("retry-after", asked).body(Body::empty()).unwrap()
        })
        .await;
        let app = App::new(&url, |opts| opts).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"300".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn the_log_is_neither_filled_nor_forged() {
    let _turn = turn::beside_others().await;
    const MARK: &str = "a run of the log test";
    let logs = Logs::collect();
    let (url, _) = liar::inngest(|_| {
        let error = format!("{MARK}\n2026-01-01T00:00:00Z ERROR forged: all is lost {}", "x".repeat(60_000));
        Response::new(serde_json::json!({ "error": error }).to_string().into())
    })
    .await;
    let app = App::new(&url, |opts| opts).await;
    for _ in 0..100 {
        assert_eq!(app.ask().send().await.unwrap().status(), 502);
    }
    let lines = logs.lines_with(&[MARK]);
    assert!((1..=60).contains(&lines.len()), "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.len() < 1_000 && line.contains("forged")), "{lines:?}");
}
