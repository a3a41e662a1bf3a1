//! Inngest's JS client, `fetchWithStream` of the npm package `inngest`, as the reader of streams.
//!
//! Played where `JS_CLIENT` names a folder that `tests/js/install` has filled.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use inngest::wire::StepHash;
use inngest::{Failure, Live, Step, StepError};
use serde_json::{Value, json};
use stephttp_tests::{Stage, World};
use tokio::process::Command;

use super::texts;

type Tea = (StatusCode, [(&'static str, &'static str); 1], String);

fn tea(text: String) -> Tea {
    (StatusCode::ACCEPTED, [("x-kind", "tea")], text)
}

#[inngest::api_fn(id = "js-first")]
async fn first(step: Step, live: Live) -> Result<Tea, StepError> {
    live.push("begins");
    let pouring = async {
        live.push(&json!({ "n": 1, "text": null }));
        live.pipe(texts(&["Grüße", " 🫖\n\nevent: no"])).await
    };
    let a = step.run("a", pouring).await?;
    step.run("b", async { Ok(()) }).await?;
    Ok(tea(a))
}

#[inngest::api_fn(id = "js-waits")]
async fn waits(State(stage): State<Stage>, step: Step, live: Live) -> Result<Tea, StepError> {
    live.push("begins");
    step.run("a", live.pipe(texts(&["before ", "it"]))).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    let attempt = async {
        stage.door.pass().await;
        live.push("lost");
        if stage.effects.happen("attempt") < 3 {
            return Err(Failure::new("again"));
        }
        Ok(live.pipe(texts(&["after ", "it"])).await?)
    };
    let b = step.run("b", attempt).await?;
    Ok(tea(b))
}

#[inngest::api_fn(id = "js-silent")]
async fn silent(State(stage): State<Stage>, step: Step, _live: Live) -> Result<Tea, StepError> {
    step.run("a", async { Ok(()) }).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    stage.door.pass().await;
    Ok(tea("at last".to_owned()))
}

#[inngest::api_fn(id = "js-fails-at-once", retries = 0)]
async fn fails_at_once(step: Step, live: Live) -> Result<Tea, StepError> {
    step.run("a", async {
        live.push("lost");
        Err(Failure::non_retriable("no tea"))
    })
    .await
    .map(tea)
}

#[inngest::api_fn(id = "js-fails-later", retries = 1)]
async fn fails_later(State(stage): State<Stage>, step: Step, live: Live) -> Result<Tea, StepError> {
    step.run("a", async {
        if stage.effects.happen("attempt") > 1 {
            stage.door.pass().await;
        }
        live.push("lost");
        Err(Failure::new("no tea"))
    })
    .await
    .map(tea)
}

fn app(stage: &Stage) -> Router {
    Router::new()
        .route("/first", post(first))
        .route("/waits", post(waits))
        .route("/silent", post(silent))
        .route("/fails-at-once", post(fails_at_once))
        .route("/fails-later", post(fails_later))
        .with_state(stage.clone())
}

/// What the client is told of an endpoint; `None`, with the reason printed, where there is none.
async fn told(relays: Option<usize>, path: &str) -> Option<Told> {
    let Some(folder) = env::var_os("JS_CLIENT") else {
        println!("skipped: JS_CLIENT is not set to where tests/js/install has put the client");
        return None;
    };
    let opts = move |opts: inngest::SetupOpts, url: &str| {
        let opts = opts.dev_server(url);
        relays.into_iter().fold(opts, inngest::SetupOpts::stream_relays)
    };
    let stage = Stage::new();
    let world = World::builder().opts(opts).start(app(&stage)).await;
    // A caller's own `accept`, to which the client adds its own.
    let options = json!({ "method": "POST", "headers": { "accept": "application/json" } }).to_string();
    let script = stephttp_tests::sources::root().join("tests/js/read.mjs");
    let mut node = Command::new("node");
    let node = node.arg(script).arg(folder).arg(format!("{}{path}", world.origin)).arg(options);
    // What is published before somebody has subscribed is lost, and this engine skips time.
    let subscribed = async {
        let run = world.inngest.wait_for_run().await;
        world.inngest.wait_for_subscribers(&run.id, 1).await;
        stage.door.open();
        std::future::pending::<()>().await;
    };
    let output = tokio::select! {
        output = node.kill_on_drop(true).output() => output.expect("node is installed"),
        () = subscribed => unreachable!("it waits"),
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("the client does not come to an end"),
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let run = world.ended().await;
    world.assert_clean();
    Some(Told { run: run.id, lines, origin: world.origin.clone(), inngest: world.inngest.url().to_owned() })
}

struct Told {
    run: String,
    lines: Vec<Value>,
    origin: String,
    inngest: String,
}

impl Told {
    /// All of a kind.
    fn all(&self, kind: &str) -> Vec<&Value> {
        self.lines.iter().filter_map(|line| line.get(kind)).collect()
    }

    fn end(&self) -> &Value {
        self.lines.last().unwrap()
    }

    /// What a page would show in the end, in order of its becoming final.
    fn committed(&self) -> Vec<Value> {
        let mut provisional = BTreeMap::<&str, Vec<Value>>::new();
        let mut committed = Vec::new();
        for line in &self.lines {
            if let Some(data) = line.get("data") {
                match line["step"].as_str() {
                    Some(step) => provisional.entry(step).or_default().push(data.clone()),
                    None => committed.push(data.clone()),
                }
            } else if let Some(step) = line.get("commit") {
                committed.extend(provisional.remove(step.as_str().unwrap()).unwrap_or_default());
            } else if let Some(step) = line.get("rollback") {
                provisional.remove(step.as_str().unwrap());
            }
        }
        assert!(provisional.values().all(Vec::is_empty), "{:?}", self.lines);
        committed
    }

    /// Each part says which run it is of, and the client was where it should have been.
    #[track_caller]
    fn assert_of_its_run(&self, goes_elsewhere: bool) {
        let runs = self.all("metadata");
        assert!(!runs.is_empty() && runs.iter().all(|run| *run == self.run.as_str()), "{:?}", self.lines);
        let fetched: Vec<_> = self.all("fetch").iter().map(|url| url.as_str().unwrap()).collect();
        assert!(fetched[0].starts_with(&self.origin));
        let elsewhere = format!("{}/v1/realtime/sse?token=", self.inngest.trim_end_matches('/'));
        assert_eq!(fetched.len(), 1 + usize::from(goes_elsewhere), "{fetched:?}");
        assert!(fetched[1..].iter().all(|url| url.starts_with(&elsewhere)), "{fetched:?}");
    }
}

#[tokio::test]
async fn it_reads_a_first_request() {
    let Some(told) = told(None, "/first").await else { return };
    told.assert_of_its_run(false);
    let (a, b) = (StepHash::of("a").to_string(), StepHash::of("b").to_string());
    assert_eq!(
        told.lines[1..],
        [
            json!({ "metadata": told.run }),
            json!({ "data": "begins", "step": null }),
            json!({ "data": { "n": 1, "text": null }, "step": a }),
            json!({ "data": "Grüße", "step": a }),
            json!({ "data": " 🫖\n\nevent: no", "step": a }),
            json!({ "commit": a }),
            json!({ "commit": b }),
            told.end().clone(),
        ]
    );
    let end = told.end();
    assert_eq!((&end["status"], &end["headers"]["x-kind"]), (&json!(202), &json!("tea")));
    assert_eq!(end["body"], "Grüße 🫖\n\nevent: no");
}

/// A wait, and two attempts that fail, by which the run goes on in other requests.
async fn reads_over_a_hand_over(relays: Option<usize>) {
    let Some(told) = told(relays, "/waits").await else { return };
    told.assert_of_its_run(relays.is_some());
    assert_eq!(told.committed(), ["begins", "before ", "it", "lost", "after ", "it"]);
    assert_eq!(told.all("data").iter().filter(|data| **data == "lost").count(), 3);
    let b = StepHash::of("b").to_string();
    let rollbacks = told.all("rollback");
    assert!(rollbacks.len() >= 2 && rollbacks.iter().all(|step| *step == b.as_str()), "{rollbacks:?}");
    assert_eq!(told.all("commit"), [StepHash::of("a").to_string().as_str(), b.as_str()]);
    let end = told.end();
    assert_eq!((&end["status"], &end["headers"]["x-kind"]), (&json!(202), &json!("tea")));
    assert_eq!(end["body"], "after it");
}

#[tokio::test]
async fn it_reads_a_relay() {
    reads_over_a_hand_over(None).await;
}

#[tokio::test]
async fn it_goes_on_at_inngest_where_no_relay_is_left() {
    reads_over_a_hand_over(Some(0)).await;
}

#[tokio::test]
async fn it_reads_the_response_of_a_run_that_streams_nothing() {
    for relays in [None, Some(0)] {
        let Some(told) = told(relays, "/silent").await else { return };
        told.assert_of_its_run(relays.is_some());
        assert_eq!(told.committed(), [Value::Null; 0]);
        assert_eq!((&told.end()["status"], &told.end()["body"]), (&json!(202), &json!("at last")));
    }
}

#[tokio::test]
async fn a_failure_is_a_response_and_what_was_streamed_is_void() {
    for path in ["/fails-at-once", "/fails-later"] {
        for relays in [None, Some(0)] {
            let Some(told) = told(relays, path).await else { return };
            told.assert_of_its_run(relays.is_some() && path == "/fails-later");
            assert_eq!(told.committed(), [Value::Null; 0]);
            assert!(!told.all("rollback").is_empty());
            let end = told.end();
            assert_eq!(end["status"], 500, "{end}");
            assert!(end["body"].as_str().unwrap().contains("no tea"), "{end}");
        }
    }
}
