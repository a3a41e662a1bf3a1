//! The API's answers: docs/protocol.md 1 and 2.

use http::Method;
use serde_json::{Value, json};
use stephttp_dev::{Call, DevServer, ViolationKind};

use crate::support::*;

const REFUSED: &str = "{\"error\":\"Invalid request body\",\"data\":null,\"status\":400}\n";

async fn server() -> (DevServer, Client) {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    (server, client)
}

#[tokio::test]
async fn a_new_run_that_cannot_be_read_is_refused() {
    let (server, client) = server().await;
    let good = report(&new_id(), "http://127.0.0.1:1", []);
    let with = |pointer: &str, value: Value| {
        let mut report = good.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        report.to_string()
    };
    let bogus = json!([{"id": hash("a"), "op": "Bogus"}]);
    let text_error = json!([{"id": hash("a"), "op": "StepError", "error": "boom"}]);
    for (body, kind) in [
        (String::new(), ViolationKind::UnreadableBody),
        ("nope".to_owned(), ViolationKind::UnreadableBody),
        ("[]".to_owned(), ViolationKind::UnreadableBody),
        (with("/run_id", json!("not-a-ulid")), ViolationKind::BadRunId),
        (with("/event/data/body", json!("{\"a\":1}")), ViolationKind::BodyNotBase64),
        (with("/event/data/domain", json!(1)), ViolationKind::UnreadableBody),
        (with("/retries", json!("3")), ViolationKind::UnreadableBody),
        (with("/steps", bogus), ViolationKind::UnknownOp),
        (with("/steps", json!([{"op": "DeferAdd"}])), ViolationKind::UnsupportedOp),
        (with("/steps", text_error), ViolationKind::UnreadableBody),
    ] {
        let before = kinds(&server).len();
        let got = client.post("/v1/checkpoint", &body).await;
        assert_eq!((got.status, got.text.as_str()), (400, REFUSED), "{body}");
        assert_eq!(kinds(&server)[before..], [kind], "{body}");
    }
    assert!(server.runs().is_empty());
}

#[tokio::test]
async fn a_new_run_is_answered_with_its_ids_and_a_token_if_there_were_steps() {
    let (server, client) = server().await;
    let run_id = new_id();
    let got = client.post("/v1/checkpoint", report(&run_id, "http://127.0.0.1:1", [step_run("a", 1)])).await;
    assert_eq!((got.status, got.header("content-type")), (200, "application/json"));
    assert_eq!(got.header("x-inngest-server-kind"), "dev");
    let data = &got.json()["data"];
    assert_eq!(data["run_id"], run_id);
    assert!(data["token"].as_str().unwrap().len() >= 32);
    assert!(got.json()["metadata"]["fetched_at"].is_string());

    // The other prefix, a trailing slash, a lower-case id; no steps and so no token.
    for path in ["/v1/http/runs", "/v1/checkpoint/"] {
        let run_id = new_id();
        let report = report(&run_id.to_lowercase(), "http://127.0.0.1:1", []);
        let other = client.post(path, report).await;
        assert_eq!(other.status, 200);
        assert_eq!(other.json()["data"]["run_id"], run_id);
        assert_eq!(other.json()["data"].get("token"), None);
        // Stable between runs.
        assert_eq!(
            (&other.json()["data"]["fn_id"], &other.json()["data"]["app_id"]),
            (&data["fn_id"], &data["app_id"])
        );
    }
    assert_eq!(server.calls_of(Call::NewRun).len(), 3);
    server.assert_no_violations();
}

#[tokio::test]
async fn missing_things_are_accepted_and_noted() {
    use ViolationKind::{BadRunId, IncompleteEvent, MissingRequestVersion, MissingRetries, WrongEventName};
    let (server, client) = server().await;
    let got = client.post("/v1/checkpoint", "{}").await;
    assert_eq!(got.status, 200);
    assert_eq!(got.json()["data"]["run_id"], "00000000000000000000000000");
    let missing = [IncompleteEvent; 3];
    assert_eq!(
        kinds(&server),
        [&[BadRunId, WrongEventName][..], &missing, &[MissingRetries, MissingRequestVersion]].concat()
    );
}

// "dup": the same call again
#[tokio::test]
async fn a_repeated_call_is_answered_as_the_first_was() {
    let (server, client) = server().await;
    let run_id = new_id();
    let mut report = report(&run_id, "http://127.0.0.1:1", [step_run("a", 1)]);
    let first = client.create(&report).await;
    report["ts"] = 2.into();
    assert_eq!(client.create(&report).await, first);
    client.steps(&run_id, [step_run("b", 1)]).await;
    client.steps(&run_id, [step_run("b", 1)]).await;
    client.steps(&run_id, [complete(200, "fin")]).await;
    assert_eq!(client.create(&report).await, first);
    client.steps(&run_id, [step_run("b", 1)]).await;
    assert_eq!(server.runs().len(), 1);
    assert_eq!(server.run(&run_id).unwrap().steps.len(), 2);
    server.assert_no_violations();

    report["event"]["data"]["path"] = "/other".into();
    report["steps"] = json!([]);
    client.create(&report).await;
    assert_eq!(kinds(&server), [ViolationKind::RunIdReused]);
    assert_eq!(server.run(&run_id).unwrap().function, "POST /orders");
}

#[tokio::test]
async fn nearly_every_save_is_answered_with_200() {
    let (server, client) = server().await;
    let run_id = new_id();
    client.create(&report(&run_id, "http://127.0.0.1:1", [step_run("a", 1)])).await;
    let path = format!("/v1/checkpoint/{run_id}/steps");
    let step = |data: Value| json!({"run_id": run_id, "steps": [step_run("b", data)]});
    for (path, body) in [
        (path.as_str(), step(json!(1))),
        (&path.replace("checkpoint", "http/runs"), step(json!(1))),
        ("/v1/checkpoint/xyz/steps", step(json!(1))),
        (&path, step(json!("other"))),
        (&path, json!({"run_id": run_id, "steps": []})),
        (&path, json!({})),
        (&path, json!({"run_id": new_id(), "steps": [step_run("b", 1)]})),
    ] {
        let got = client.post(path, body).await;
        assert_eq!((got.status, got.text.as_str()), (200, ""));
    }
    // The first value stays.
    assert_eq!(client.actions(&run_id).await.json()[hash("b")], json!({"data": 1}));
    use ViolationKind::{BadRunId, StepRanTwice, UnknownRun, WrongIds};
    assert_eq!(kinds(&server), [WrongIds, StepRanTwice, BadRunId, UnknownRun]);

    let got = client.post(&path, "nope").await;
    assert_eq!(got.status, 400);
    assert!(got.json()["error"].as_str().unwrap().starts_with("invalid request body: "));
    let got = client.post(&path, json!({"run_id": run_id, "steps": [{"op": "Bogus"}]})).await;
    assert_eq!(got.json()["error"], "invalid request body: Bogus does not belong to Opcode values");
}

// A failed step without an error crashes the real server.
#[tokio::test]
async fn a_failed_step_without_an_error_is_a_crash() {
    let (server, client) = server().await;
    let step = json!({"id": hash("a"), "op": "StepError"});
    let got = client.post("/v1/checkpoint", report(&new_id(), "http://127.0.0.1:1", [step])).await;
    assert_eq!((got.status, got.text.as_str()), (500, ""));
    assert_eq!(kinds(&server), [ViolationKind::MissingError]);
}

#[tokio::test]
async fn only_finished_steps_may_be_saved_by_a_re_entry() {
    let (server, client) = server().await;
    let run_id = new_id();
    client.create(&report(&run_id, "http://127.0.0.1:1", [step_run("a", 1)])).await;
    let path = format!("/v1/checkpoint/{run_id}/async");
    for op in [sleep("s", "1s"), step_error("e"), planned("p"), complete(200, "")] {
        let got = client.post(&path, json!({"run_id": run_id, "steps": [op]})).await;
        let body =
            json!({"error": "cannot checkpoint async steps", "data": {"run_id": run_id}, "status": 400});
        assert_eq!((got.status, got.json()), (400, body));
    }
    assert_eq!(kinds(&server), [ViolationKind::NotAFinishedStep; 4]);
    // Without a dispatch it is saved all the same.
    let got = client.post(&path, json!({"run_id": run_id, "steps": [step_run("b", 1)]})).await;
    assert_eq!((got.status, got.text.as_str()), (200, ""));
    assert_eq!(kinds(&server)[4..], [ViolationKind::MissingDispatch]);
}

#[tokio::test]
async fn unknown_runs_have_no_state_and_no_output() {
    let (_server, client) = server().await;
    let unknown = new_id();
    assert_eq!(client.actions(&unknown).await.status, 410);
    let got = client.actions("zzz").await;
    let body = json!({"error": "The run ID specified is invalid", "data": null, "status": 400});
    assert_eq!((got.status, got.json()), (400, body));
    let got = client.get(&format!("/v1/runs/{unknown}")).await;
    assert_eq!((got.status, &got.json()["status"]), (200, &json!(500)));
    for path in
        ["/v1/http/runs/x/output", "/v1/checkpoint/x/output?token=wrong", "/v1/http/runs/x/output?token="]
    {
        let got = client.get(path).await;
        let body = json!({"error": "Unable to find run with auth token", "data": null, "status": 401});
        assert_eq!(
            (got.status, got.header("content-type"), got.json()),
            (401, "text/plain; charset=utf-8", body)
        );
    }
    assert_eq!(client.post("/v1/http/runs/x/response", "{}").await.status, 404);
}

#[tokio::test]
async fn the_output_is_held_until_the_run_ends() {
    let (server, client) = server().await;
    let run_id = new_id();
    let token = client.create(&report(&run_id, "http://127.0.0.1:1", [step_run("a", 1)])).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.output(&token).await }
    });
    server.wait_for_call(Call::Output, 1).await;
    assert!(!waiting.is_finished());
    client.steps(&run_id, [complete(200, "fin")]).await;
    assert_eq!(waiting.await.unwrap().text, "fin");
}

#[tokio::test]
async fn runs_are_listed_the_latest_first() {
    let (_server, client) = server().await;
    let ids = [new_id(), new_id()];
    for id in &ids {
        client.create(&report(id, "http://127.0.0.1:1", [])).await;
    }
    let got = client.get("/api/v2/runs?limit=1").await.json();
    assert_eq!((&got["data"][0]["id"], &got["data"][0]["status"]), (&json!(ids[1]), &json!("RUNNING")));
    assert_eq!(got["page"]["hasMore"], true);
    assert_eq!(client.get("/api/v2/runs").await.json()["data"].as_array().unwrap().len(), 2);
}

// docs/protocol.md 1.1
#[tokio::test]
async fn any_origin_is_allowed() {
    let (_server, client) = server().await;
    let got = client
        .send(client.request(Method::GET, "/v1/runs/x").header("origin", "https://a.example"))
        .await
        .unwrap();
    assert_eq!(got.header("access-control-allow-origin"), "https://a.example");
    assert_eq!(got.header("access-control-expose-headers"), "Link, Mcp-Session-Id");
    let preflight =
        client.request(Method::OPTIONS, "/v1/http/runs/x/output").header("origin", "https://a.example");
    let got = client.send(preflight).await.unwrap();
    assert_eq!((got.status, got.header("access-control-max-age")), (200, "3600"));
    assert_eq!(client.get("/v1/runs/x").await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_trace_lists_the_steps_in_their_order() {
    let wait = op_with("WaitForEvent", "wait", json!({"event": "e", "timeout": "1h"}));
    let scene = Scene::new(
        [step_run("first", "A"), wait, sleep("nap", "2h")],
        [ops([step_failed("last")]), ops([planned_discovery()]), result(200, "")],
    )
    .await;
    scene.server.wait_for_end(&scene.run_id).await;
    let path = format!("/api/v2/runs/{}/trace?includeOutput=true", scene.run_id);
    let trace = scene.client.get(&path).await.json();
    let root = &trace["data"]["rootSpan"];
    assert_eq!((&root["name"], &root["status"]), (&json!("Run"), &json!("COMPLETED")));
    let children: Vec<_> = root["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| {
            [&span["name"], &span["stepOp"], &span["status"]].map(|field| field.as_str().unwrap()).join(" ")
        })
        .collect();
    assert_eq!(
        children,
        ["wait WAIT_FOR_EVENT COMPLETED", "first RUN COMPLETED", "nap SLEEP WAITING", "last RUN FAILED"]
    );
    assert_eq!(root["children"][1]["stepId"], hash("first"));
    assert_eq!(root["children"][1]["output"], json!({"data": "A"}));
    assert_eq!(root["children"][3]["output"]["error"]["message"], "bad last");
    assert_eq!(scene.client.get("/api/v2/runs/nope/trace").await.status, 404);
}
