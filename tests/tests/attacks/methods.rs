//! Methods: what runs of a function share is nothing that a client has sent.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::extract::State;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use inngest::{Step, StepError};
use reqwest::Method;
use serde_json::{Value, json};
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Stage, World};

use crate::turn;

#[inngest::api_fn(id = "methods-nap")]
async fn nap(method: Method, State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen(format!("entered by {method}"));
    step.sleep("nap", Duration::from_secs(3_600)).await;
    step.run("wake", async { Ok(()) }).await?;
    Ok(format!("rested, by {method}"))
}

fn method(name: &str) -> Method {
    name.parse().expect("a method")
}

#[tokio::test]
async fn a_method_that_inngest_does_not_call_back_with_is_refused_before_anything_runs() {
    let _turn = turn::beside_others().await;
    let stage = Stage::new();
    let world = World::of(stage.app(any(nap))).await;
    for name in ["FOO", "OPTIONS", "TRACE", "PROPFIND", "get"] {
        let response = world.request(method(name), "/").send().await.unwrap();
        assert_eq!(response.status(), 405, "{name}");
        assert_eq!(response.headers()["allow"], "GET, HEAD, POST, PUT, PATCH, DELETE", "{name}");
        let text = response.text().await.unwrap();
        assert!(
            text.contains("Inngest calls back by GET, POST, PUT, PATCH and DELETE alone"),
            "{name}: {text}"
        );
    }
    world.delivered().await;
    assert_eq!(stage.effects.all(), Vec::<String>::new());
    assert!(world.inngest.calls().is_empty(), "{:?}", world.inngest.calls());
}

#[tokio::test]
async fn one_clients_method_does_not_change_how_anothers_run_is_called_back() {
    let _turn = turn::beside_others().await;
    let stage = Stage::new();
    // Under several methods by one route, and under another route too.
    let app = Router::new().route("/", any(nap)).route("/other", get(nap)).with_state(stage.clone());
    let world = World::of(app).await;
    world.inngest.hold_time();
    let mut locations = Vec::new();
    for (name, path) in [
        ("POST", "/"),
        ("DELETE", "/"),
        ("PUT", "/"),
        ("PATCH", "/"),
        ("HEAD", "/"),
        ("GET", "/other"),
        ("FOO", "/"),
    ] {
        let response = world.request(method(name), path).send().await.unwrap();
        if name != "FOO" {
            locations.push((name, response));
        }
    }
    world.inngest.release_time();
    for (name, response) in locations {
        let by = if name == "HEAD" { "GET" } else { name };
        let text = world.follow(response).await.text().await.unwrap();
        assert_eq!(text, format!("rested, by {by}"), "the run that began by {name}");
    }
    let runs = world.inngest.runs();
    assert!(runs.iter().all(|run| run.status == RunStatus::Completed), "{runs:?}");
    let functions: BTreeSet<_> = runs.iter().map(|run| run.function.as_str()).collect();
    let named =
        ["DELETE methods-nap", "GET methods-nap", "PATCH methods-nap", "PUT methods-nap", "methods-nap"];
    assert_eq!(functions, named.into());
    world.assert_clean();
}

async fn plain() -> &'static str {
    "plain"
}

async fn refuse() -> axum::http::StatusCode {
    axum::http::StatusCode::METHOD_NOT_ALLOWED
}

#[tokio::test]
async fn where_all_endpoints_are_recorded_none_is_that_the_routes_do_not_have() {
    let _turn = turn::beside_others().await;
    let app =
        Router::new().route("/plain", post(plain)).route("/any", any(plain)).route("/refuse", get(refuse));
    let world =
        World::builder().opts(|opts, url| opts.dev_server(url).track_all_endpoints(true)).start(app).await;
    for (name, path) in [
        ("POST", "/plain"),
        ("FOO", "/plain"),
        ("DELETE", "/plain"),
        ("FOO", "/any"),
        ("OPTIONS", "/any"),
        ("DELETE", "/any"),
        ("GET", "/nowhere"),
    ] {
        world.request(method(name), path).send().await.unwrap();
    }
    world.delivered().await;
    let mut recorded: Vec<Value> = (world.inngest.calls_of(Call::NewRun).iter())
        .map(|call| call.json()["event"]["data"].take())
        .map(|data| json!([data["method"], data["path"]]))
        .collect();
    recorded.sort_by_key(Value::to_string);
    assert_eq!(recorded, [json!(["DELETE", "/any"]), json!(["POST", "/plain"])]);
}

#[inngest::api_fn(id = "methods-save")]
async fn save(step: Step, Json(body): Json<Value>) -> Result<Json<Value>, StepError> {
    step.run("save", async { Ok(body) }).await.map(Json)
}

#[tokio::test]
async fn maps_by_method_do_not_grow_with_what_strangers_think_of() {
    let _turn = turn::alone().await;
    let stage = Stage::new();
    let world =
        World::of(Router::new().route("/{id}", any(save)).route("/nap/{id}", any(nap)).with_state(stage))
            .await;
    let client = reqwest::Client::new();
    let ask = async |from: usize, to: usize| {
        for n in from..to {
            let url = format!("{}/nap/{n}", world.origin);
            let response = client.request(method(&format!("M{n}")), url).send().await.unwrap();
            assert_eq!(response.status(), 405);
        }
    };
    // What is made once is made by now.
    ask(0, 20).await;
    let held = turn::Held::since_now();
    ask(20, 1_020).await;
    let bytes = held.now();
    assert!(bytes < 500_000, "1,000 methods are kept in {bytes} bytes");
}
