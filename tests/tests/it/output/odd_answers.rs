//! Answers of Inngest's that are no output, or a strange one.

use std::time::Duration;

use axum::body::Body;
use inngest::output::OutputOpts;
use reqwest::Method;
use serde_json::Value;
use stephttp_tests::Logs;
use tokio::time::Instant;

use super::api::{Api, App, RUN_ID, RUNNING, raw_api, responds, says};

/// The error that a client is told of, as JSON.
async fn error_of(response: reqwest::Response) -> String {
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    body["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_will_pass_is_asked_again_until_there_is_an_output() {
    let (api, url) = Api::new(|before| match before {
        0 => says(200, RUNNING),
        1 => says(500, "internal: pq: relation \"runs\" does not exist"),
        2 => says(200, ""),
        3 => says(429, "slow down"),
        4 => says(200, r#"{"status":"unknown","message":"unable to fetch run output"}"#),
        _ => responds(200, &[], "done"),
    })
    .await;
    let app = App::new(&url, OutputOpts::new()).await;
    let response = app.ask().send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "done"));
    assert_eq!(api.seen().len(), 6);
}

#[tokio::test]
async fn connections_that_break_are_made_again() {
    let url = raw_api(&[
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        // A body that ends too soon.
        "HTTP/1.1 200 OK\r\nx-run-id: 01M817NZCZ3BTTPY1FEX7T2M4B\r\ncontent-length: 100\r\n\r\nhalf of",
        "HTTP/1.1 201 Created\r\nx-run-id: 01M817NZCZ3BTTPY1FEX7T2M4B\r\ncontent-length: 4\r\n\r\ndone",
    ])
    .await;
    let app = App::new(&url, OutputOpts::new()).await;
    let response = app.ask().send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (201, "done"));
}

#[tokio::test]
async fn an_output_that_stays_empty_is_gone() {
    let (api, url) = Api::new(|_| says(200, "")).await;
    // Also when a request has less time than that takes.
    let app = App::new(&url, OutputOpts::new().max_wait(Duration::from_secs(2))).await;
    let begun = Instant::now();
    let response = app.ask().send().await.unwrap();
    assert_eq!(response.status(), 410);
    assert!(!response.headers().contains_key("x-run-id"));
    assert!(error_of(response).await.contains("cancelled"));
    assert_eq!(api.seen().len(), 6);
    assert!(begun.elapsed() >= Duration::from_secs(3));
}

#[tokio::test]
async fn an_output_that_is_empty_for_a_moment_is_asked_for_again() {
    for status in [200, 503] {
        let (api, url) = Api::new(move |before| match before {
            0..5 => says(200, ""),
            // Also when it is an empty one.
            _ => responds(status, &[("x-own", "1")], ""),
        })
        .await;
        let app = App::new(&url, OutputOpts::new().max_wait(Duration::from_secs(1))).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-own"]),
            (status, &"1".parse().unwrap())
        );
        assert_eq!(response.text().await.unwrap(), "");
        assert_eq!(api.seen().len(), 6);
    }
}

#[tokio::test]
async fn what_answered_in_the_handlers_place_is_logged_with_what_to_do() {
    let logs = Logs::collect();
    let warnings = |of: &str| logs.lines_with(&["WARN", RUN_ID, of, "outermost"]).len();
    let told = r#"{"error":"Your server returned HTTP 401 before the SDK responded.","name":"x"}"#;
    let (_, url) = Api::new(move |before| match before {
        0 => says(200, told),
        1 => says(200, "<h1>Sign in</h1>"),
        _ => responds(401, &[], told),
    })
    .await;
    let app = App::new(&url, OutputOpts::new()).await;

    assert_eq!(app.ask().send().await.unwrap().status(), 502);
    assert_eq!(warnings("HTTP 401 before the SDK responded"), 1);

    // What it said is not for the log.
    assert_eq!(app.ask().send().await.unwrap().text().await.unwrap(), "<h1>Sign in</h1>");
    assert_eq!(warnings("bytes=16"), 1);
    assert!(logs.lines_with(&["Sign in"]).is_empty());

    // The run's own response may say whatever it likes.
    assert_eq!(app.ask().send().await.unwrap().status(), 401);
    assert_eq!(warnings("HTTP 401 before the SDK responded"), 1);
}

#[tokio::test]
async fn a_response_varies_by_what_its_handler_says_and_not_by_what_inngest_adds() {
    for (stored, given) in [
        (vec!["Origin"], vec![]),
        (vec!["Origin", "accept-language"], vec!["accept-language"]),
        (vec!["Origin", "Origin, accept"], vec!["Origin, accept"]),
        // Inngest lets the handler's replace its own.
        (vec!["accept"], vec!["accept"]),
        (vec!["origin"], vec!["origin"]),
        (vec!["*"], vec!["*"]),
    ] {
        let (_, url) = Api::new({
            let stored = stored.clone();
            move |_| responds(200, &stored.iter().map(|value| ("vary", *value)).collect::<Vec<_>>(), "done")
        })
        .await;
        let app = App::new(&url, OutputOpts::new()).await;
        let response = app.ask().send().await.unwrap();
        let found: Vec<_> = response.headers().get_all("vary").iter().collect();
        assert_eq!(found, given, "{stored:?}");
    }
}

#[tokio::test]
async fn an_output_that_is_the_runs_own_response_is_never_asked_for_twice() {
    for (status, body) in
        [(200, ""), (200, RUNNING), (500, "no"), (503, ""), (401, "{}"), (404, "no"), (204, "")]
    {
        let (api, url) = Api::new(move |_| responds(status, &[("x-own", "1")], body)).await;
        let app = App::new(&url, OutputOpts::new()).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-own"]),
            (status, &"1".parse().unwrap())
        );
        assert_eq!(response.text().await.unwrap(), body);
        assert_eq!(api.seen().len(), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn inngests_own_refusals_have_a_status_and_words_of_the_apps() {
    let logs = Logs::collect();
    for (status, body, given, words) in [
        (
            401,
            r#"{"error":"Unable to find run with auth token, internal","data":null,"status":401}"#,
            401,
            "token",
        ),
        (403, "internal", 403, "token"),
        (404, "internal", 404, "no run"),
        (410, "internal", 404, "no run"),
        (400, "internal", 502, "log"),
        (302, "internal", 502, "log"),
        (200, r#"{"error":"internal: your server returned HTTP 502","name":"x"}"#, 502, "without a response"),
    ] {
        let (api, url) = Api::new(move |_| says(status, body)).await;
        let app = App::new(&url, OutputOpts::new()).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(response.status(), given, "{status}");
        let error = error_of(response).await;
        assert!(error.contains(words) && !error.contains("internal"), "{error}");
        assert_eq!(api.seen().len(), 1);
    }
    // What a client is not told.
    logs.assert_line_with(&["ERROR", RUN_ID, "internal: your server returned HTTP 502"]);
}

#[tokio::test]
async fn the_output_of_another_run_is_none() {
    let (_, url) = Api::new(|_| {
        let mut response = says(200, "of another")?;
        response.headers_mut().insert("x-run-id", "01M817NZCZ3BTTPY1FEX7T2M4C".parse().unwrap());
        Some(response)
    })
    .await;
    let app = App::new(&url, OutputOpts::new()).await;
    let response = app.ask().send().await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(error_of(response).await.contains("another run's"));
}

#[tokio::test]
async fn inngest_out_of_reach_is_a_503_that_says_when_to_come_back() {
    let closing = raw_api(&[""]).await;
    let (api, failing) = Api::new(|_| says(500, "internal")).await;
    for url in [closing, failing] {
        let app = App::new(&url, OutputOpts::new().max_wait(Duration::from_secs(3))).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"5".parse().unwrap())
        );
        let error = error_of(response).await;
        assert!(
            error.contains("try again") && !error.contains("127.0.0.1") && !error.contains("internal"),
            "{error}"
        );
    }
    assert!(api.seen().len() > 2);

    // It says itself when to come back, which is later than the client would be kept.
    let (api, url) = Api::new(|_| {
        let mut response = says(503, "internal")?;
        response.headers_mut().insert("retry-after", "60".parse().unwrap());
        Some(response)
    })
    .await;
    let app = App::new(&url, OutputOpts::new()).await;
    let response = app.ask().send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"60".parse().unwrap())
    );
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn bodies_are_passed_on_byte_for_byte() {
    let binary: Vec<u8> = (0..=255).collect();
    // The most that a run's response can be.
    let big = vec![b'x'; 8 * 1024 * 1024];
    for body in [binary, big] {
        let answer = body.clone();
        let (_, url) =
            Api::new(move |_| responds(200, &[("content-type", "image/png")], Body::from(answer.clone())))
                .await;
        let app = App::new(&url, OutputOpts::new()).await;
        let response = app.ask().send().await.unwrap();
        assert_eq!(response.headers()["content-length"], body.len().to_string().as_str());
        assert_eq!(response.headers()["content-type"], "image/png");
        assert!(response.bytes().await.unwrap() == body);
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_a_runs_is_refused() {
    let (_, url) = Api::new(|_| responds(200, &[], vec![b'x'; 17 * 1024 * 1024])).await;
    let app = App::new(&url, OutputOpts::new()).await;
    let response = app.ask().send().await.unwrap();
    assert_eq!(response.status(), 502);
    error_of(response).await;
}

#[tokio::test]
async fn headers_of_the_connection_and_of_inngests_host_stay_behind() {
    let (_, url) = Api::new(|_| {
        let headers = [
            ("connection", "x-hop, keep-alive"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("trailer", "x-later"),
            ("server", "cloudflare"),
            ("cf-ray", "1"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("alt-svc", "h3=\":443\""),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-own", "ü"),
            ("location", "/orders/7"),
        ];
        responds(303, &headers, "over there")
    })
    .await;
    let app = App::new(&url, OutputOpts::new()).await;
    let response = app.ask().send().await.unwrap();
    let headers = response.headers();
    for name in [
        "x-hop",
        "keep-alive",
        "proxy-authenticate",
        "trailer",
        "server",
        "cf-ray",
        "strict-transport-security",
        "alt-svc",
        "x-inngest-server-kind",
    ] {
        assert!(!headers.contains_key(name), "{name}");
    }
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(headers["x-own"].as_bytes(), "ü".as_bytes());
    assert_eq!((response.status().as_u16(), &headers["location"]), (303, &"/orders/7".parse().unwrap()));
    assert_eq!(response.text().await.unwrap(), "over there");
}

#[tokio::test]
async fn outputs_of_other_sdks_are_passed_on_as_inngest_has_them() {
    let (_, url) = Api::new(|_| {
        let mut response = says(200, r#"{"a":1}"#)?;
        response.headers_mut().insert("content-type", "application/json".parse().unwrap());
        response.headers_mut().insert("set-cookie", "of-a-balancer=1".parse().unwrap());
        Some(response)
    })
    .await;
    let app = App::new(&url, OutputOpts::new()).await;
    let response = app.ask().send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert!(!response.headers().contains_key("set-cookie"));
    assert_eq!(response.text().await.unwrap(), r#"{"a":1}"#);
}

#[tokio::test]
async fn a_request_that_asks_for_nothing_is_told_what_is_missing() {
    let (api, url) = Api::new(|_| says(200, "")).await;
    let app = App::new(&url, OutputOpts::new()).await;
    for (path, words) in [
        (format!("/runs/{RUN_ID}/output"), "`token`"),
        (format!("/runs/{RUN_ID}/output?token="), "`token`"),
        (format!("/runs/{RUN_ID}/output?Token=x"), "`token`"),
        (format!("/runs/{RUN_ID}/output?token={}", "x".repeat(4 * 1024 + 1)), "4096 bytes"),
        ("/runs/81M817NZCZ3BTTPY1FEX7T2M4B/output?token=x".to_owned(), "ULID"),
        ("/runs/7/output?token=x".to_owned(), "ULID"),
        ("/runs/%FF/output?token=x".to_owned(), "UTF-8"),
    ] {
        let response = app.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let error = error_of(response).await;
        assert!(error.contains(words), "{path}: {error}");
    }
    let response = app.request(Method::POST, &format!("/runs/{RUN_ID}/output?token=x")).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert!(api.seen().is_empty());
}
