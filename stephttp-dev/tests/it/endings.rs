//! Every way in which a run ends, or does not: docs/protocol.md 4.1, 5.7 and 9.2.

use serde_json::{Value, json};
use stephttp_dev::{RunStatus, ViolationKind};

use crate::support::*;

/// One answer to the re-entry after a sleep, and what comes of it.
struct Row {
    /// For whoever reads a failure.
    name: &'static str,
    answer: Answer,
    status: RunStatus,
    /// What the waiting client gets: status, content type and body.
    client: (u16, &'static str, String),
    violations: &'static [ViolationKind],
}

async fn check(row: Row) {
    let scene = Scene::new([sleep("s", "1s")], [row.answer]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, row.status, "{}", row.name);
    assert_eq!(scene.violations(), row.violations, "{}", row.name);
    let got = scene.client.output(&scene.token).await;
    let client = (got.status, got.header("content-type"), got.text.clone());
    assert_eq!(client, row.client, "{}", row.name);
}

const JSON: &str = "application/json";
const COMPLETED: RunStatus = RunStatus::Completed;
const FAILED: RunStatus = RunStatus::Failed;

#[tokio::test]
async fn a_bare_result_reaches_the_client_as_it_is() {
    let bare = json!({"data": {"status": 418, "headers": {"content-type": "text/plain"}, "body": "tea"}})
        .to_string();
    let failed = json!({"data": {"status": 503, "headers": {"content-type": "text/plain"}, "body": "down"}})
        .to_string();
    for row in [
        Row {
            name: "reentry-runcomplete-object",
            answer: result(201, "plain body"),
            status: COMPLETED,
            client: (201, "text/plain", "plain body".to_owned()),
            violations: &[],
        },
        Row {
            name: "reentry-object-runcomplete-500",
            answer: result(500, "oops"),
            status: COMPLETED,
            client: (500, "text/plain", "oops".to_owned()),
            violations: &[],
        },
        Row {
            name: "reentry-object-runcomplete-status200-resp",
            answer: Answer::new(200, complete(404, "not there").to_string()),
            status: COMPLETED,
            client: (404, "text/plain", "not there".to_owned()),
            violations: &[],
        },
        Row {
            name: "reentry-object-runcomplete-302",
            answer: result(302, ""),
            status: COMPLETED,
            client: (302, "text/plain", String::new()),
            violations: &[],
        },
        Row {
            name: "reentry-object-plain-data-wrapper",
            answer: Answer::new(200, bare),
            status: COMPLETED,
            client: (418, "text/plain", "tea".to_owned()),
            violations: &[],
        },
        Row {
            name: "reentry-500-noretry-object-output",
            answer: Answer::new(500, failed).no_retry(),
            status: FAILED,
            client: (503, "text/plain", "down".to_owned()),
            violations: &[],
        },
    ] {
        check(row).await;
    }
}

#[tokio::test]
async fn a_result_in_an_array_is_null_to_the_client() {
    let sync = |status: u16| {
        json!([{"id": hash("complete"), "op": "SyncRunComplete",
                "data": {"data": {"status": status, "headers": {}, "body": "x"}}}])
    };
    let null = || (200, JSON, "null".to_owned());
    for row in [
        Row {
            name: "reentry-runcomplete-array",
            answer: ops([complete(200, "x")]),
            status: COMPLETED,
            client: null(),
            violations: &[ViolationKind::ResultInArray],
        },
        Row {
            name: "reentry-runcomplete-500",
            answer: ops([complete(500, "x")]),
            status: COMPLETED,
            client: null(),
            violations: &[ViolationKind::ResultInArray],
        },
        Row {
            name: "reentry-syncruncomplete-404",
            answer: Answer::new(206, sync(404).to_string()),
            status: COMPLETED,
            client: null(),
            violations: &[ViolationKind::ResultInArray],
        },
        Row {
            name: "reentry-syncruncomplete-500",
            answer: Answer::new(206, sync(500).to_string()),
            status: FAILED,
            client: null(),
            violations: &[ViolationKind::ResultInArray],
        },
        Row {
            name: "reentry-step-then-complete-one-response",
            answer: ops([step_run("b", 1), complete(200, "x")]),
            status: COMPLETED,
            client: null(),
            violations: &[ViolationKind::ResultInArray],
        },
    ] {
        check(row).await;
    }
}

#[tokio::test]
async fn anything_else_ends_the_run_with_its_body_as_the_output() {
    let step = step_run("b", "B").to_string();
    for row in [
        Row {
            name: "reentry-plain-200 (201)",
            answer: Answer::new(201, "plain").with("content-type", "text/plain"),
            status: COMPLETED,
            client: (200, JSON, "plain".to_owned()),
            violations: &[ViolationKind::PlainAnswer],
        },
        Row {
            name: "reentry-plain-200-json-array",
            answer: Answer::new(200, "[1,2,3]"),
            status: COMPLETED,
            client: (200, JSON, "[1,2,3]".to_owned()),
            violations: &[ViolationKind::PlainAnswer],
        },
        Row {
            name: "reentry-plain-empty-200",
            answer: Answer::new(200, ""),
            status: COMPLETED,
            client: (200, JSON, String::new()),
            violations: &[ViolationKind::PlainAnswer],
        },
        Row {
            name: "reentry-object-steprun",
            answer: Answer::new(206, step.clone()),
            status: COMPLETED,
            client: (200, JSON, step),
            violations: &[ViolationKind::PlainAnswer],
        },
        Row {
            name: "reentry-400-noretry-true",
            answer: Answer::new(400, r#"{"message":"bad"}"#).no_retry(),
            status: FAILED,
            client: (200, JSON, r#"{"message":"bad"}"#.to_owned()),
            violations: &[ViolationKind::PlainAnswer],
        },
        Row {
            name: "reentry-no-sdk-header-200",
            answer: result(200, "x").without("x-inngest-sdk"),
            status: COMPLETED,
            client: (200, JSON, complete(200, "x").to_string()),
            violations: &[ViolationKind::MissingSdkHeader],
        },
        Row {
            name: "an unknown operation",
            answer: Answer::new(206, r#"[{"id":"x","op":"Bogus"}]"#),
            status: COMPLETED,
            client: (200, JSON, r#"[{"id":"x","op":"Bogus"}]"#.to_owned()),
            violations: &[ViolationKind::UnknownOp],
        },
        Row {
            name: "an operation that is not supported",
            answer: Answer::new(206, r#"[{"id":"x","op":"DeferAdd"}]"#),
            status: COMPLETED,
            client: (200, JSON, r#"[{"id":"x","op":"DeferAdd"}]"#.to_owned()),
            violations: &[ViolationKind::UnsupportedOp],
        },
    ] {
        check(row).await;
    }
}

// docs/protocol.md 4.1
#[tokio::test]
async fn a_proxys_error_completes_the_run() {
    let answer =
        Answer::new(502, "<h1>bad gateway</h1>").without("x-inngest-sdk").without("x-inngest-req-version");
    let scene = Scene::new([sleep("s", "1s")], [answer]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.status, COMPLETED);
    let output: Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(output["error"], "Your server returned HTTP 502 before the SDK responded.");
    assert_eq!(output["name"], "Server returned a fatal error");
    assert_eq!(scene.violations(), [ViolationKind::MissingSdkHeader]);
}

#[tokio::test]
async fn a_result_that_cannot_be_read_is_sent_raw() {
    use ViolationKind::{BodyNotString, HeaderNotString, MissingStatus};
    for (data, kind) in [
        (json!({"status": 200, "headers": {"set-cookie": ["a", "b"]}, "body": "x"}), HeaderNotString),
        (json!({"status": 200, "headers": {}, "body": {"a": 1}}), BodyNotString),
        (json!({"status": 0, "headers": {}, "body": "x"}), MissingStatus),
        (json!({"headers": {}, "body": "x"}), MissingStatus),
    ] {
        let answer = complete_with(data).to_string();
        let scene = Scene::new([sleep("s", "1s")], [Answer::new(206, answer.clone())]).await;
        let run = scene.server.wait_for_end(&scene.run_id).await;
        assert_eq!((run.status, run.output, run.response), (COMPLETED, answer, None));
        assert_eq!(scene.violations(), [kind]);
        assert_eq!(scene.client.output(&scene.token).await.status, 200);
    }
}

// docs/protocol.md 5.2 and 9.2: the status decides, and the client gets the body alone
#[tokio::test]
async fn a_run_ends_with_a_checkpoint() {
    use ViolationKind::{BodyNotString, HeaderNotString, MissingResult, MissingStatus};
    let rows: [(Value, RunStatus, &str, &[ViolationKind]); 9] = [
        (json!({"status": 200, "headers": {}, "body": "fin"}), COMPLETED, "fin", &[]),
        (json!({"status": 404, "headers": {}, "body": "body 404"}), COMPLETED, "body 404", &[]),
        (json!({"status": 302, "headers": {}, "body": ""}), COMPLETED, "", &[]),
        (json!({"status": 500, "headers": {}, "body": "body 500"}), FAILED, "body 500", &[]),
        (json!({"status": 503, "headers": {}, "body": "body 503"}), FAILED, "body 503", &[]),
        (json!({"status": 0, "headers": {}, "body": "body 0"}), COMPLETED, "body 0", &[MissingStatus]),
        (
            json!({"status": 200, "headers": {"set-cookie": ["a"]}, "body": "x"}),
            COMPLETED,
            "x",
            &[HeaderNotString],
        ),
        (json!({"status": 200, "headers": {}, "body": {"a": 1}}), COMPLETED, "", &[BodyNotString]),
        (json!(null), FAILED, "", &[MissingResult]),
    ];
    for (data, status, body, violations) in rows {
        let scene = Scene::new([step_run("a", 1), complete_with(data.clone())], [result(200, "")]).await;
        let run = scene.server.run(&scene.run_id).unwrap();
        assert_eq!((run.status, run.output.as_str()), (status, body), "{data}");
        assert_eq!(scene.violations(), violations, "{data}");
        let got = scene.client.output(&scene.token).await;
        assert_eq!((got.status, got.header("content-type"), got.text.as_str()), (200, JSON, body), "{data}");
        assert!(scene.app.seen().is_empty());
    }
}

// docs/protocol.md 5.2: RunComplete by /steps, and SyncRunComplete
#[tokio::test]
async fn a_run_ends_with_a_later_checkpoint() {
    let scene = Scene::new([step_run("a", 1)], [result(200, "")]).await;
    assert_eq!(scene.client.steps(&scene.run_id, [complete(200, "fin")]).await.status, 200);
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.output, "fin");
    assert_eq!(run.response.unwrap().header("X-Custom"), Some("v"));
    let view = scene.client.get(&format!("/api/v2/runs/{}?includeOutput=true", scene.run_id)).await.json();
    assert_eq!((&view["data"]["status"], &view["data"]["output"]), (&json!("COMPLETED"), &json!("fin")));
    scene.server.assert_no_violations();

    let sync = json!({"id": hash("complete"), "op": "SyncRunComplete", "data": {"data": {"status": 200, "body": "x"}}});
    let scene = Scene::new([step_run("a", 1), sync], [result(200, "")]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!((run.status, run.output.as_str()), (COMPLETED, ""));
}

// docs/protocol.md 5.2
#[tokio::test]
async fn a_failed_step_and_the_result_in_one_call_end_the_run() {
    for failed in [step_error("e"), step_failed("e")] {
        let scene = Scene::new([failed, complete(200, "caught")], [result(200, "")]).await;
        let run = scene.server.run(&scene.run_id).unwrap();
        assert_eq!((run.status, run.output.as_str(), run.outstanding), (COMPLETED, "caught", 0));
        scene.server.idle().await;
        assert!(scene.app.seen().is_empty());
        scene.server.assert_no_violations();
    }
}

// docs/protocol.md 4.5
#[tokio::test]
async fn an_empty_array_leaves_the_run_hanging() {
    let none = json!([{"id": hash("x"), "op": "None"}]).to_string();
    for answer in [Answer::new(206, "[]"), Answer::new(206, "  []"), Answer::new(206, none)] {
        let scene = Scene::new([sleep("s", "1s")], [answer]).await;
        scene.server.idle().await;
        assert_eq!(scene.server.run(&scene.run_id).unwrap().status, RunStatus::Running);
        assert_eq!(scene.violations(), [ViolationKind::EmptyAnswer]);
    }
}

// docs/protocol.md 4.1
#[tokio::test]
async fn white_space_before_an_array_does_not_matter() {
    let answer = Answer::new(206, format!(" \n{}", json!([step_run("b", 1)])));
    let scene = Scene::new([sleep("s", "1s")], [answer, result(200, "")]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    assert_eq!(run.steps.len(), 2);
    scene.server.assert_no_violations();
}

// docs/protocol.md 3.6
#[tokio::test]
async fn the_answers_version_replaces_the_runs() {
    let app = App::answering([
        ops([step_run("b", 1)]).without("x-inngest-req-version"),
        ops([step_run("c", 1)]),
        result(200, ""),
    ])
    .await;
    let scene = Scene::with(app, |domain, run_id| {
        let mut report = report(run_id, domain, [sleep("s", "1s")]);
        report.as_object_mut().unwrap().remove("request_version");
        report
    })
    .await;
    scene.server.wait_for_end(&scene.run_id).await;
    let versions: Vec<_> =
        scene.app.seen().iter().map(|r| r.header("x-inngest-req-version").unwrap().to_owned()).collect();
    assert_eq!(versions, ["-1", "0", "2"]);
    assert_eq!(
        scene.violations(),
        [ViolationKind::MissingRequestVersion, ViolationKind::MissingVersionHeader]
    );
}
