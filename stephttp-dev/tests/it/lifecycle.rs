//! A run from its creation to its end.

use http::Method;
use serde_json::json;
use stephttp_dev::{Call, DevServer, RunStatus, StepStatus};

use crate::support::*;

// docs/protocol.md 4.2
#[tokio::test]
async fn a_run_sleeps_is_re_entered_and_ends() {
    let steps = [step_run("before", "A"), sleep("zzz", "2h")];
    let scene =
        Scene::new(steps, [ops([step_run("after", json!({"n": 1}))]), result(201, "plain body")]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(run.function, "POST /orders");

    let ids: Vec<_> =
        run.steps.iter().map(|step| (step.id.as_str(), step.op.as_str(), step.status)).collect();
    let done = StepStatus::Completed;
    assert_eq!(ids, [("before", "StepRun", done), ("zzz", "Sleep", done), ("after", "StepRun", done)]);
    assert_eq!(run.step("after").unwrap().value, Some(json!({"n": 1})));

    let response = run.response.unwrap();
    assert_eq!((response.status, response.body.as_str()), (201, "plain body"));
    let got = scene.client.output(&scene.token).await;
    assert_eq!((got.status, got.text.as_str()), (201, "plain body"));
    assert_eq!((got.header("content-type"), got.header("x-custom")), ("text/plain", "v"));

    let slept = scene.server.dispatches()[0].at.duration_since(scene.server.calls()[0].at).unwrap();
    assert_eq!(slept.as_secs(), 7_200);
    scene.server.assert_no_violations();
}

// docs/protocol.md 3.2: every header of a re-entry, and no other
#[tokio::test]
async fn a_re_entry_carries_exactly_the_headers_of_the_protocol() {
    let scene = Scene::new([sleep("s", "1s")], [result(200, "")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    let seen = scene.app.seen();
    let mut names: Vec<&str> = seen[0].headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept", // reqwest's own
            "connection",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-inngest-generation-id",
            "x-inngest-job-id",
            "x-inngest-req-version",
            "x-inngest-signature",
            "x-request-id",
            "x-run-id",
        ]
    );
    assert_eq!(seen[0].header("user-agent"), Some("Inngest"));
    assert_eq!(seen[0].header("x-run-id"), Some(scene.run_id.as_str()));
    assert_eq!(seen[0].header("x-inngest-signature"), Some(""));
    assert_eq!(seen[0].header("x-inngest-req-version"), Some("2"));
    assert_eq!(seen[0].generation(), 1);
    assert!(ulid::Ulid::from_string(seen[0].header("x-request-id").unwrap()).is_ok());
}

// docs/protocol.md 3.1
#[tokio::test]
async fn method_query_content_type_and_body_are_restored() {
    let app = App::answering([result(200, "")]).await;
    let scene = Scene::with(app, |domain, run_id| {
        let mut report = report(run_id, domain, [sleep("s", "1s")]);
        let data = &mut report["event"]["data"];
        data["method"] = "PUT".into();
        data["path"] = "/orders/7".into();
        data["query_params"] = "a=1&b=%20".into();
        data["content_type"] = "application/octet-stream".into();
        data["body"] = "AP+A".into();
        report
    })
    .await;
    scene.server.wait_for_end(&scene.run_id).await;
    let seen = &scene.app.seen()[0];
    assert_eq!((seen.method.clone(), seen.uri.as_str()), (Method::PUT, "/orders/7?a=1&b=%20"));
    assert_eq!(seen.header("content-type"), Some("application/octet-stream"));
    assert_eq!(&seen.body[..], [0, 255, 128]);
    scene.server.assert_no_violations();
}

// docs/protocol.md 3.1
#[tokio::test]
async fn nothing_is_restored_for_an_event_of_another_name() {
    let app = App::answering([result(200, "")]).await;
    let scene = Scene::with(app, |domain, run_id| {
        let mut report = report(run_id, domain, [sleep("s", "1s")]);
        report["event"]["name"] = "http/run.started".into();
        report["event"]["data"]["query_params"] = "a=1".into();
        report["event"]["data"]["body"] = "AP+A".into();
        report
    })
    .await;
    scene.server.wait_for_end(&scene.run_id).await;
    let seen = &scene.app.seen()[0];
    assert_eq!((seen.uri.as_str(), seen.header("content-type")), ("/orders", Some("application/json")));
    assert!(seen.body.is_empty());
    assert_eq!(scene.violations(), [stephttp_dev::ViolationKind::WrongEventName]);
}

#[tokio::test]
async fn an_unsaid_content_type_becomes_json() {
    let app = App::answering([result(200, "")]).await;
    let scene = Scene::with(app, |domain, run_id| {
        let mut report = report(run_id, domain, [sleep("s", "1s")]);
        report["event"]["data"]["content_type"] = "".into();
        report
    })
    .await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.app.seen()[0].header("content-type"), Some("application/json"));
}

// docs/protocol.md 3.2
#[tokio::test]
async fn redirects_are_followed_with_the_same_method_and_body() {
    let moved = Answer::new(303, "").with("location", "/moved?x=1");
    let app = App::answering([moved, result(200, "there")]).await;
    let scene = Scene::with(app, |domain, run_id| {
        let mut report = report(run_id, domain, [sleep("s", "1s")]);
        report["event"]["data"]["body"] = "eA==".into();
        report
    })
    .await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.response.unwrap().body, "there");
    let seen = &scene.app.seen()[1];
    assert_eq!(
        (seen.method.clone(), seen.uri.as_str(), &seen.body[..]),
        (Method::POST, "/moved?x=1", &b"x"[..])
    );
    assert_eq!(scene.server.dispatches().len(), 1);
    scene.server.assert_no_violations();
}

// docs/protocol.md 5.3 and 6.2
#[tokio::test]
async fn state_is_there_while_the_run_goes_on_and_gone_afterwards() {
    let server = DevServer::builder().clock(stephttp_dev::Clock::Manual).start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering([ops([step_failed("f")]), result(200, "")]).await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [step_run("a", json!(null)), sleep("s", "1s")])).await;
    let got = client.actions(&run_id).await;
    assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(got.json(), json!({hash("a"): {"data": null}}));
    let batch = client.get(&format!("/v0/runs/{run_id}/batch")).await.json();
    assert_eq!(batch[0]["data"]["path"], "/orders");
    assert_eq!(batch[0]["name"], "inngest/http.request");

    server.hold_dispatches();
    server.advance(std::time::Duration::from_secs(1)).await;
    server.release_dispatches();
    server.wait_for_end(&run_id).await;
    let f = server.run(&run_id).unwrap().step("f").unwrap().clone();
    assert_eq!(
        (f.status, f.value),
        (StepStatus::Failed, Some(json!({"name": "Error", "message": "bad f", "stack": "st"})))
    );
    let gone = client.actions(&run_id).await;
    assert_eq!(gone.status, 410);
    let error = format!("runtime state is no longer available for runID: {run_id}");
    assert_eq!(gone.json(), json!({"error": error, "data": null, "status": 410}));
    assert_eq!(client.get(&format!("/v0/runs/{run_id}/batch")).await.status, 410);
}

// docs/protocol.md 2.6: several steps in one re-entry
#[tokio::test]
async fn a_re_entry_saves_steps_while_it_goes_on() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let saver = client.clone();
    let app = App::start(move |reentry: Reentry| {
        let client = saver.clone();
        async move {
            assert_eq!(client.save(&reentry, [step_run("b", 2), step_run("c", 3)]).await.status, 200);
            let state = client.actions(reentry.run_id()).await.json();
            assert_eq!(state[hash("c")], json!({"data": 3}));
            assert_eq!(state[hash("s")], json!(null));
            assert_eq!(client.save(&reentry, [step_run("d", 4)]).await.text, "");
            result(200, "done")
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("s", "1s")])).await;
    let run = server.wait_for_end(&run_id).await;
    assert_eq!(run.steps.len(), 4);
    assert_eq!(app.seen().len(), 1);
    assert_eq!(app.seen()[0].header("x-inngest-force-step-plan"), None);
    assert_eq!(server.calls_of(Call::Async).len(), 2);
    server.assert_no_violations();
}

// docs/protocol.md 5.2
#[tokio::test]
async fn a_discovery_request_hands_over_at_once() {
    let request = json!({"id": hash("discover"), "op": "DiscoveryRequest"});
    let scene = Scene::new([step_run("a", 1), request.clone()], [result(200, "")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(scene.app.seen().len(), 1);
    assert_eq!(scene.server.dispatches()[0].at, scene.server.calls()[0].at);
    scene.server.assert_no_violations();
}

// docs/protocol.md 9.4
#[tokio::test]
async fn a_cancelled_run_does_nothing_more() {
    let server = DevServer::builder().clock(stephttp_dev::Clock::Manual).start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering([result(200, "")]).await;
    let run_id = new_id();
    let token = client.create(&report(&run_id, &app.domain, [step_run("a", 1), sleep("s", "1s")])).await;
    let got = client.send(client.request(Method::DELETE, &format!("/v1/runs/{run_id}"))).await.unwrap();
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    server.advance(std::time::Duration::from_secs(10)).await;
    assert!(app.seen().is_empty());
    assert_eq!(server.run(&run_id).unwrap().status, RunStatus::Cancelled);
    let got = client.output(&token).await;
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    let view = client.get(&format!("/v1/runs/{run_id}")).await.json();
    assert_eq!((&view["data"]["status"], &view["data"]["output"]), (&json!("Cancelled"), &json!({})));
    server.assert_no_violations();
}

#[tokio::test]
async fn what_happens_is_told() {
    let server = DevServer::start().await.unwrap();
    let mut notices = server.subscribe();
    let client = Client::new(&server);
    let app = App::answering([ops([step_error("e")]), ops([step_run("e", 1)]), result(200, "")]).await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("s", "1h")])).await;
    server.wait_for_end(&run_id).await;
    let mut lines = Vec::new();
    while let Some(notice) = notices.try_next() {
        lines.push(notice.to_string().replace(&run_id, "RUN").replace(&app.domain, ""));
    }
    assert_eq!(
        lines,
        [
            "RUN run of POST /orders",
            "RUN sleeping at s for 1h",
            "RUN re-entering: POST /orders",
            "RUN retrying in 15s: step e failed: bad e",
            "RUN re-entering: POST /orders (generation 2)",
            "RUN step e saved",
            "RUN re-entering: POST /orders",
            "RUN completed",
        ]
    );
}
