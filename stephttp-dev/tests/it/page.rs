//! What serves the page, without a browser.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stephttp_dev::{Clock, DevServer, RunStatus};

use crate::support::*;

/// Asks as the page does, with these headers besides.
async fn post(client: &Client, path: &str, body: &Value, headers: &[(&str, &str)]) -> Got {
    let mut request = client.request(Method::POST, path).body(body.to_string());
    for (name, value) in [("content-type", "application/json")].iter().chain(headers) {
        request = request.header(*name, *value);
    }
    client.send(request).await.unwrap()
}

#[tokio::test]
async fn only_the_pages_own_requests_are_heard() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let event = json!({"name": "bank/settled", "data": {}});
    let own = ("origin", server.url());
    for headers in [
        [("origin", "http://evil.example")],
        [("origin", "http://localhost:3000")],
        [("sec-fetch-site", "cross-site")],
        [("host", "evil.example")],
        [("content-type", "text/plain")],
    ] {
        let mut request = client.request(Method::POST, "/stephttp/events").body(event.to_string());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let got = client.send(request).await.unwrap();
        assert_eq!(got.status, 403, "{headers:?}: {}", got.text);
        assert!(got.json()["error"].is_string() && !got.headers.contains_key("access-control-allow-origin"));
    }
    assert_eq!(server.events(), []);
    let got = post(&client, "/stephttp/events", &event, &[own, ("sec-fetch-site", "same-origin")]).await;
    assert_eq!((got.status, got.json()["woken"].as_u64()), (200, Some(0)), "{}", got.text);
    assert_eq!(server.events().len(), 1);

    // Another host's name, also for what is only looked at.
    for path in ["/", "/stephttp/feed", "/stephttp/page.js"] {
        let request = client.request(Method::GET, path).header("host", "evil.example:8288");
        assert_eq!(client.send(request).await.unwrap().status, 403, "{path}");
    }
    // No site may ask before, either.
    let preflight =
        client.request(Method::OPTIONS, "/stephttp/events").header("origin", "http://evil.example");
    let got = client.send(preflight).await.unwrap();
    assert!(got.status == 403 && !got.headers.contains_key("access-control-allow-origin"), "{got:?}");
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_script_and_can_be_turned_off() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let got = client.get("/").await;
    assert_eq!((got.status, got.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = got.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!got.text.contains("<script>") && !got.text.contains(" onclick"), "{}", got.text);
    let script = client.get("/stephttp/page.js").await;
    assert!(!script.text.contains("innerHTML") && !script.text.contains("insertAdjacentHTML"));
    // It is no call of an app's.
    assert!(server.calls().is_empty());

    let server = DevServer::builder().page(false).start().await.unwrap();
    let client = Client::new(&server);
    assert_eq!(client.get("/").await.status, 404);
    assert_eq!(client.get("/stephttp/page.js").await.status, 404);
}

#[tokio::test]
async fn the_page_steers_what_can_be_steered_and_says_what_cannot() {
    let manual = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let app = App::answering([result(200, "x")]).await;
    let scene = Scene::on(manual, app, |domain, id| report(id, domain, [sleep("s", "1h")])).await;
    let (server, client) = (&scene.server, &scene.client);
    let got = post(client, "/stephttp/clock", &json!({"advance": 3_600_000}), &[]).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!(server.run(&scene.run_id).unwrap().status, RunStatus::Completed);
    for (path, body, why) in [
        ("/stephttp/clock", json!({"advance": -1}), "so many milliseconds"),
        ("/stephttp/clock", json!({"held": true}), "Clock::Manual"),
        (
            "/stephttp/events",
            json!({"name": "a", "data": 1}),
            "an event has a name, and data that is an object",
        ),
        ("/stephttp/events", json!({"name": "inngest/x", "data": {}}), "reserved"),
        ("/stephttp/dispatches", json!({}), "held"),
    ] {
        let got = post(client, path, &body, &[]).await;
        assert!(
            got.status == 400 && got.json()["error"].as_str().unwrap().contains(why),
            "{why}: {}",
            got.text
        );
    }
    // As by the API, of any size.
    let large = json!({"name": "a", "data": {"text": "x".repeat(3_000_000)}});
    let got = post(client, "/stephttp/events", &large, &[]).await;
    assert_eq!((got.status, got.json()["woken"].as_u64()), (200, Some(0)), "{}", got.text);
    let got = post(client, "/stephttp/signals", &json!({"signal": "s"}), &[]).await;
    assert_eq!(got.status, 404, "{}", got.text);
    let cancel = format!("/stephttp/runs/{}/cancel", scene.run_id);
    assert_eq!(post(client, &cancel, &json!({}), &[]).await.status, 404);

    let scene = Scene::held([step_run("a", 1), sleep("s", "1h")], [result(200, "x")]).await;
    let cancel = format!("/stephttp/runs/{}/cancel", scene.run_id);
    assert_eq!(post(&scene.client, &cancel, &json!({}), &[]).await.status, 200);
    assert_eq!(scene.server.run(&scene.run_id).unwrap().status, RunStatus::Cancelled);
    let got = post(&scene.client, "/stephttp/clock", &json!({"advance": 1}), &[]).await;
    assert!(got.status == 400 && got.text.contains("Clock::Skip"), "{}", got.text);
}

#[tokio::test]
async fn the_feed_tells_all_at_first_and_then_what_changes() {
    let server = DevServer::start().await.unwrap();
    server.hold_time();
    let client = Client::new(&server);
    let begin = async |id: &str| {
        client.create(&report(id, "http://127.0.0.1:1", [step_run("a", 1), sleep("s", "1h")])).await;
    };
    let runs = [new_id(), new_id()];
    begin(&runs[0]).await;
    let mut feed = client.request(Method::GET, "/stephttp/feed").send().await.unwrap();
    let mut next = async || -> Value {
        let mut text = String::new();
        while !text.ends_with("\n\n") {
            let chunk = tokio::time::timeout(Duration::from_secs(30), feed.chunk());
            let chunk = chunk.await.expect("a change is told").unwrap().unwrap();
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        serde_json::from_str(text.strip_prefix("data: ").unwrap()).unwrap()
    };
    let first = next().await;
    assert_eq!((&first["first"], &first["runs"][0]["id"]), (&json!(true), &json!(runs[0])));
    assert_eq!(first["runs"][0]["doing"], "sleeps at s");
    assert_eq!((&first["state"]["clock"], &first["state"]["held"]), (&json!("skip"), &json!(true)));
    begin(&runs[1]).await;
    let then = next().await;
    assert_eq!((then["runs"].as_array().unwrap().len(), &then["runs"][0]["id"]), (1, &json!(runs[1])));
    server.cancel(&runs[0]);
    let then = next().await;
    assert_eq!((&then["runs"][0]["id"], &then["runs"][0]["status"]), (&json!(runs[0]), &json!("Cancelled")));

    let got = client.get(&format!("/stephttp/runs/{}/steps/{}", runs[1], hash("a"))).await;
    assert_eq!((got.status, got.json()), (200, json!(1)));
    let got = client.get(&format!("/stephttp/runs/{}/text", runs[1])).await;
    assert!(got.text.contains("`s` sleeps until +1 h"), "{}", got.text);
    let got = client.get(&format!("/stephttp/runs/{}/picture", runs[1])).await;
    assert!(got.header("content-type") == "image/svg+xml" && got.text.starts_with("<svg "), "{}", got.text);
    for path in ["/stephttp/runs/none", "/stephttp/runs/none/text", "/stephttp/runs/none/steps/x"] {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
}
