//! The output route: clients that read slowly, URLs that nobody was given, and an Inngest that
//! lies.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use bytes::Bytes;
use inngest::output::OutputOpts;
use inngest::{SetupOpts, Step};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use stephttp_tests::{Logs, RawClient, signed_query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::liar::{self, App, KEY, Looks, RUN_ID, TOKEN, large, responds, slow_reader};
use crate::turn;

const MIB: usize = 1024 * 1024;

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
    let logs = Logs::collect();
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
    logs.assert_line_with(&["WARN", RUN_ID, "broke off while it was passed on"]);
}

/// What a client that speaks HTTP/1.0 gets until its connection is closed.
async fn by_http_1_0(app: &App) -> String {
    let mut client = RawClient::connect(&app.origin).await;
    client.send(format!("GET {} HTTP/1.0\r\nhost: app\r\n\r\n", liar::path(RUN_ID))).await;
    client.read_to_end().await
}

#[tokio::test]
async fn a_client_that_knows_no_chunks_gets_an_output_whole_or_not() {
    let _turn = turn::beside_others().await;
    let head =
        format!("HTTP/1.1 200 OK\r\nx-run-id: {RUN_ID}\r\ntransfer-encoding: chunked\r\n\r\nf4240\r\n");
    let broken = [head.as_bytes(), &[b'x'; 300_000]].concat();
    let whole = [head.as_bytes(), &[b'x'; 1_000_000], b"\r\n0\r\n\r\n"].concat();
    let opts = |opts: SetupOpts| opts.output(OutputOpts::new().max_wait(Duration::from_secs(1)));
    let answer = by_http_1_0(&App::new(&breaks_off(broken).await, opts).await).await;
    assert!(
        answer.starts_with("HTTP/1.0 303") || answer.starts_with("HTTP/1.0 503"),
        "{} bytes",
        answer.len()
    );
    let answer = by_http_1_0(&App::new(&breaks_off(whole).await, opts).await).await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{}", &answer[..20]);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 1000000") && body.len() == 1_000_000, "{head}");
}

#[tokio::test]
async fn a_body_that_drips_is_not_waited_for() {
    let _turn = turn::beside_others().await;
    let (url, _) = liar::inngest(|_| {
        let drops = futures_util::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        responds(&[], Body::from_stream(drops))
    })
    .await;
    let output = || OutputOpts::new().max_wait(Duration::from_secs(1));
    let passing = App::new(&url, |opts| opts.output(output())).await;
    let whole = App::new(&url, |opts| opts.output(output()).middleware(Looks)).await;
    let begun = Instant::now();
    let (passing, whole) = tokio::join!(passing.ask().send(), whole.ask().send());
    for response in [passing.unwrap(), whole.unwrap()] {
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
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
    let dev = App::new(&url, |_| SetupOpts::new("http://127.0.0.1").dev_server(&url)).await;
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
            let run = r#"{"data":{"fn_id":"98819a18-31a9-54ed-84ac-c194c2ef94d6","app_id":"bec6ee9c-d9e0-5d93-8399-cbfce8bc4104","run_id":"01M817NZCZ3BTTPY1FEX7T2M4B","token":"a&b=c"}}"#;
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
        let run = format!(r#"{{"data":{{"fn_id":"98819a18-31a9-54ed-84ac-c194c2ef94d6","app_id":"bec6ee9c-d9e0-5d93-8399-cbfce8bc4104","run_id":"{RUN_ID}","token":"{token}"}}}}"#);
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
const ACTED_ON: [(&str, &str); 18] = [
    ("x-sourcemap", "https://evil.example/map"),
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
const PASSED: [(&str, &str); 10] = [
    ("hx-trigger", "saved"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("total-count", "7"),
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
    let logs = Logs::collect();
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
    // It is said once, with what to do.
    logs.assert_line_with(&["INFO", RUN_ID, "clear-site-data", "refresh", "OutputOpts::pass_headers"]);
    let lines = logs.lines_with(&["INFO", "clear-site-data", "refresh"]).len();
    app.ask().send().await.unwrap();
    assert_eq!(logs.lines_with(&["INFO", "clear-site-data", "refresh"]).len(), lines);
    // The app can say that its handlers set one.
    let opts = OutputOpts::new().pass_headers(["Clear-Site-Data"]).allow_any_origin();
    let app = App::new(&url, |own| own.output(opts)).await;
    let headers =
        app.ask().header("origin", "https://www.example.com").send().await.unwrap().headers().clone();
    assert!(passes(&headers, &ACTED_ON[1]) && !passes(&headers, &ACTED_ON[2]));
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
