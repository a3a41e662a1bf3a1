//! A run told as a timeline.

use std::time::Duration;

use serde_json::{Value, json};
use stephttp_dev::{Clock, DevServer, Recording, RunStatus, Timeline};

use crate::support::*;

/// A run that sleeps, fails once, waits for an event and ends, by a clock that is moved by hand.
async fn told() -> Scene {
    let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let wait = op_with("WaitForEvent", "settled", json!({"event": "bank/settled", "timeout": "1d"}));
    let app = App::answering([
        ops([step_error("ship")]),
        ops([wait]),
        ops([step_run("b", 2)]),
        result(200, "done"),
    ])
    .await;
    let scene = Scene::on(server, app, |domain, id| {
        report(id, domain, [step_run("charge", "ch_1"), sleep("cool-off", "3h")])
    })
    .await;
    scene.server.advance(Duration::from_secs(3 * 3_600)).await;
    scene.server.advance(Duration::from_secs(60)).await;
    scene.server.wait_for_waiting(&scene.run_id, "settled").await;
    scene.server.send_event("bank/settled", json!({"cents": 990}));
    scene.server.wait_for_end(&scene.run_id).await;
    scene
}

/// The lines without what is not the same each time.
fn lines(scene: &Scene) -> Vec<String> {
    let text = scene.server.timeline(&scene.run_id).unwrap().to_string();
    let text = text.replace(&scene.run_id, "RUN").replace(&scene.app.domain, "APP");
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn a_timeline_tells_what_happened_and_when() {
    let scene = told().await;
    let lines = lines(&scene);
    let expected = [
        "run RUN of `POST /orders`: Completed after 3 h 1 min (4 re-entries)",
        "+0 ms client POST APP/orders",
        "+0 ms call POST /v1/checkpoint: 200",
        "+0 ms step `charge` done in 1 µs: \"ch_1\"",
        "+0 ms sleep `cool-off` sleeps until +3 h",
        "+3 h re-entry 1 POST APP/orders; memoized `charge`, `cool-off`",
        "+3 h answer 1 answered 206, having run `ship`: [{",
        "+3 h step `ship` failed, to be retried: bad ship",
        "+3 h retry again in 15 s: step ship failed: bad ship",
        "+3 h re-entry 2 POST APP/orders, generation 2; memoized `charge`, `cool-off`",
        "+3 h event `settled` waits for bank/settled until +1 d 3 h",
        "+3 h 1 min event `settled` has it: {\"data\":{\"cents\":990}",
        "+3 h 1 min re-entry 3 POST APP/orders; memoized `charge`, `cool-off`, `settled`",
        "+3 h 1 min step `b` done in 1 µs: 2",
        "+3 h 1 min end Completed: 200: done",
    ];
    let mut from = 0;
    for line in expected {
        let found = lines[from..].iter().position(|told| told.starts_with(line));
        from += found.unwrap_or_else(|| panic!("no `{line}` after the {from}th of {lines:#?}")) + 1;
    }
    assert_eq!(scene.server.timeline(&scene.run_id).unwrap().status(), RunStatus::Completed);
    assert_eq!(scene.server.timeline("01M8M4Y5MD73RVNXATMY8RESG4"), None);
}

#[tokio::test]
async fn a_timeline_tells_violations_and_no_keys() {
    let gateway = op_with(
        "AIGateway",
        "ask",
        json!({"type": "step.ai.infer", "url": "http://192.0.2.1:1/v1", "auth_key": "sk-secret", "format": "openai-chat",
               "body": {"model": "m", "messages": []}}),
    );
    let answers =
        [ops([gateway]), ops([step_run("a", 2)]), result(200, "x").without("x-inngest-req-version")];
    let scene = Scene::new([step_run("a", 1), planned_discovery()], answers).await;
    scene.server.wait_for_end(&scene.run_id).await;
    let lines = lines(&scene);
    let has = |beginning: &str| lines.iter().any(|line| line.contains(beginning));
    assert!(has("VIOLATION StepRanTwice: "), "{lines:#?}");
    assert!(has("step `a`, attempt 1 done") && has("step `a`, attempt 2 done"), "{lines:#?}");
    assert!(has("VIOLATION MissingVersionHeader: an answer to a re-entry has no"), "{lines:#?}");
    assert!(has("\"auth_key\":\"***\""), "{lines:#?}");
    assert!(!has("sk-secret"), "{lines:#?}");
}

#[tokio::test]
async fn the_picture_has_a_row_for_each_step_and_no_markup_of_the_apps() {
    let evil = "<script>alert(1)</script>&\"";
    let scene = Scene::new([step_run(evil, "</svg>\u{1}"), sleep("s", "1d")], [result(200, "x")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    let svg = scene.server.timeline(&scene.run_id).unwrap().svg();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>"), "{svg}");
    assert!(svg.contains("&lt;script&gt;alert(1)&lt;/sc") && !svg.contains("<script"), "{svg}");
    assert_eq!(svg.matches("</svg>").count(), 1, "{svg}");
    assert!(!svg.chars().any(char::is_control), "{svg}");
    // The requests and two steps; a day that is told of by itself.
    assert_eq!(svg.matches("class=\"row\"").count(), 3, "{svg}");
    assert!(svg.contains(">1 d</text>"), "{svg}");
}

#[tokio::test]
async fn patience_that_is_over_tells_what_the_run_did() {
    let server = DevServer::builder().patience(Duration::from_millis(30)).start().await.unwrap();
    server.hold_time();
    let app = App::answering([result(200, "x")]).await;
    let scene =
        Scene::on(server, app, |domain, id| report(id, domain, [step_run("a", 1), sleep("s", "1h")])).await;
    let end = tokio::spawn(async move { scene.server.wait_for_end(&scene.run_id).await });
    let message = *end.await.unwrap_err().into_panic().downcast::<String>().unwrap();
    assert!(
        message.contains("What happened in run ") && message.contains("`s` sleeps until +1 h"),
        "{message}"
    );
}

/// A server that runs all day forgets when the steps of old runs ran.
#[tokio::test]
async fn what_is_kept_has_a_bound() {
    let server = DevServer::builder().keep(1).start().await.unwrap();
    let client = Client::new(&server);
    let runs = [new_id(), new_id()];
    for run in &runs {
        client.create(&report(run, "http://127.0.0.1:1", [step_run("a", 1), complete(200, "x")])).await;
    }
    let told = runs.map(|run| server.timeline(&run).unwrap().to_string());
    assert!(!told[0].contains("`a` done in 1 µs") && told[1].contains("`a` done in 1 µs"), "{told:?}");
}

/// As a self-hosted server showed it, shortened.
fn shown() -> (Value, Value) {
    let run = json!({
        "data": {"app": {"id": "http://127.0.0.1:3000"}, "function": {"id": "checkout", "name": "checkout"},
                 "id": "01M8M4XK4RRVJJNXFYC4Y2PEHE", "queuedAt": "2026-11-29T17:16:22.552Z",
                 "startedAt": "2026-11-29T17:16:22.552Z", "endedAt": "2026-11-29T17:16:54.935Z", "status": "COMPLETED",
                 "output": {"id": "0737c22d3bfae812339732d14d8c7dbd6dc4e09c", "op": "RunComplete",
                            "data": {"status": 200, "headers": {}, "body": "waited, worked"}}},
        "metadata": {"fetchedAt": "2026-11-29T17:16:57.947537089Z"}
    });
    let step = |name: &str, op: &str, from: &str, to: &str, status: &str, output: Value| {
        let at = |time: &str| format!("2026-11-29T17:16:{time}Z");
        json!({"name": name, "stepId": hash(name), "stepOp": op, "queuedAt": at(from), "startedAt": at(from),
               "endedAt": at(to), "status": status, "output": output})
    };
    let mut attempt =
        step("Attempt 0", "", "25.563", "25.569", "FAILED", json!({"message": "no", "name": "Error"}));
    attempt.as_object_mut().unwrap().remove("stepId");
    let trace = json!({"data": {"rootSpan": {"name": "Run", "children": [
        {"name": "stephttp:order:0", "stepId": hash("o"), "stepOp": "RUN", "status": "COMPLETED",
         "queuedAt": "1970-01-01T00:00:00Z", "startedAt": "1970-01-01T00:00:00Z", "endedAt": "1970-01-01T00:00:00.001Z"},
        step("ship", "RUN", "25.561", "25.568", "FAILED", json!({"message": "the carrier does not answer", "name": "Error"})),
        step("charge-card", "RUN", "22.553", "22.554", "COMPLETED", json!({"data": "charge-1"})),
        step("cool-off", "SLEEP", "22.561", "25.561", "COMPLETED", Value::Null),
        {"name": "Finalization", "stepOp": "RUN", "status": "FAILED", "children": [attempt]},
    ]}}});
    (run, trace)
}

#[test]
fn a_real_servers_trace_is_read() {
    let (run, trace) = shown();
    let timeline = Timeline::from_server(&run, &trace).unwrap();
    let text = timeline.to_string();
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "run 01M8M4XK4RRVJJNXFYC4Y2PEHE of `checkout`: Completed after 32.38 s (1 re-entry)",
        "+0 ms client app http://127.0.0.1:3000",
        "+2 ms step `charge-card` done in 1 ms: \"charge-1\"",
        "+9 ms sleep `cool-off` sleeps",
        "+3.01 s re-entry 1 the server calls the app",
        "+3.01 s step `ship` failed in 7 ms: the carrier does not answer",
        "+3.01 s answer 1 failed: no",
        "+32.38 s end Completed: 200: waited, worked",
    ];
    for line in expected {
        assert!(lines.contains(&line.to_owned()), "no `{line}` in {lines:#?}");
    }
    let error = Timeline::from_server(&json!({"errors": []}), &trace).unwrap_err().to_string();
    assert_eq!(error, "the server's answer is not the trace of a run: there is no `data.id`");
}

/// The command, as a user runs it.
fn command(arguments: &[&str], key: Option<&str>) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stephttp-dev"));
    command.args(arguments).env_remove("SOME_KEY").env_remove("INNGEST_SIGNING_KEY");
    if let Some(key) = key {
        command.env("SOME_KEY", key);
    }
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_show_a_run_of_a_server_or_say_why_not() {
    const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let server = DevServer::builder().clock(Clock::Manual).signing_key(KEY).start().await.unwrap();
    let client = Client::new(&server);
    let (run, flight) = (new_id(), new_id());
    for (run, last) in [(&run, complete(201, "made")), (&flight, sleep("nap", "1h"))] {
        let body = report(run, "http://127.0.0.1:1", [step_run("a", "value"), last]).to_string();
        let request = client.request(http::Method::POST, "/v1/checkpoint").bearer_auth(KEY).body(body);
        assert_eq!(client.send(request).await.unwrap().status, 200);
    }

    let url = server.url();
    let view = |arguments: &[&str], key| command(&[&["view", "--server", url], arguments].concat(), key);
    let (done, text) = view(&["--key-env", "SOME_KEY", &run], Some(KEY));
    assert!(done && text.contains(&format!("run {run} of `POST /orders`: Completed after")), "{text}");
    assert!(text.contains("`a` done") && text.contains("\"value\"") && text.contains("made"), "{text}");
    let file = std::env::temp_dir().join(format!("{run}.svg"));
    let (done, text) = view(&["--key-env=SOME_KEY", "--svg", file.to_str().unwrap(), &run], Some(KEY));
    let svg = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(done && svg.starts_with("<svg ") && text.starts_with("wrote "), "{text}");

    let (done, text) = command(&["record", "--server", url, &flight], None);
    assert!(!done && text.contains("wants its signing key"), "{text}");
    let (done, text) = command(&["record", "--server", url, "--key-env=SOME_KEY", &flight], Some(KEY));
    assert!(done, "{text}");
    let recording = Recording::from_json(&text).unwrap();
    assert_eq!((recording.run.as_str(), recording.steps[0].id.as_str()), (flight.as_str(), "a"));
    // A file that is there is not lost where there is no recording.
    let file = std::env::temp_dir().join(format!("{flight}.json"));
    std::fs::write(&file, "the former one").unwrap();
    let into = ["record", "--server", url, "--key-env=SOME_KEY", "--out", file.to_str().unwrap(), &flight];
    assert!(!command(&into, Some("00")).0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "the former one");
    let (done, text) = command(&into, Some(KEY));
    assert!(done && text.starts_with("wrote "), "{text}");
    let written = Recording::from_json(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written.run, recording.run);
    std::fs::remove_file(&file).unwrap();

    let other = new_id();
    for (arguments, key, why) in [
        (
            &["--key-env", "SOME_KEY", run.as_str()] as &[&str],
            None,
            "SOME_KEY, which `--key-env` names, is not set",
        ),
        (&[run.as_str()], None, "wants its signing key (401 Unauthorized): give it"),
        (&["--key-env", "SOME_KEY", &run], Some("00"), "refuses the signing key"),
        (&["--key-env", "SOME_KEY", &other], Some(KEY), "knows no run"),
        (&["--key-env", "SOME_KEY", "some-run"], Some(KEY), "`some-run` is no run's id"),
    ] {
        let (done, text) = view(arguments, key);
        assert!(!done && text.contains(why), "{why}: {text}");
    }
    drop(server);
    let (done, text) = command(&["view", "--server", "http://127.0.0.1:1", &run], None);
    assert!(!done && text.contains("http://127.0.0.1:1 does not answer: "), "{text}");
}
