//! What a test lets go wrong.

use std::time::Duration;

use serde_json::json;
use stephttp_dev::{Call, DevServer, Gate, InjectedFault};

use crate::support::*;

async fn server() -> (DevServer, Client, String) {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let run_id = new_id();
    client.create(&report(&run_id, "http://127.0.0.1:1", [step_run("a", 1)])).await;
    (server, client, run_id)
}

#[tokio::test]
async fn a_call_is_answered_otherwise_and_not_processed() {
    let (server, client, run_id) = server().await;
    server.inject(InjectedFault::on(Call::Steps).nth(2).respond(500));
    server.inject(InjectedFault::on(Call::Steps).nth(3).respond(429).retry_after(Duration::from_secs(3)));
    server.inject(InjectedFault::on(Call::Steps).nth(4).body("garbage"));
    server.inject(InjectedFault::on(Call::Steps).nth(5).respond(401));
    let mut got = Vec::new();
    for id in ["b", "c", "d", "e", "f", "g"] {
        got.push(client.steps(&run_id, [step_run(id, 1)]).await);
    }
    assert_eq!(got.iter().map(|got| got.status).collect::<Vec<_>>(), [200, 500, 429, 200, 401, 200]);
    assert_eq!(got[2].header("retry-after"), "3");
    assert_eq!(got[3].text, "garbage");
    assert_eq!(got[4].text, "Authentication failed\n");
    let ids: Vec<_> = server.run(&run_id).unwrap().steps.iter().map(|step| step.id.clone()).collect();
    assert_eq!(ids, ["a", "b", "g"]);
    let statuses: Vec<_> =
        server.calls_of(Call::Steps).iter().map(|call| call.status.unwrap().as_u16()).collect();
    assert_eq!(statuses, [200, 500, 429, 200, 401, 200]);
    server.assert_no_violations();
}

#[tokio::test]
async fn a_connection_is_closed_before_or_after_the_call_is_processed() {
    let (server, client, run_id) = server().await;
    let path = format!("/v1/checkpoint/{run_id}/steps");
    let body = |id: &str| json!({"run_id": run_id, "steps": [step_run(id, 1)]});
    server.inject(InjectedFault::on(Call::Steps).refuse());
    assert!(client.try_post(&path, body("b")).await.is_err());
    assert_eq!(server.run(&run_id).unwrap().steps.len(), 1);
    server.inject(InjectedFault::on(Call::Steps).drop_response());
    assert!(client.try_post(&path, body("b")).await.is_err());
    assert_eq!(server.run(&run_id).unwrap().steps.len(), 2);
    assert_eq!(client.post(&path, body("b")).await.status, 200);
    assert_eq!(
        server.calls_of(Call::Steps).iter().map(|call| call.status.is_some()).collect::<Vec<_>>(),
        [false, false, true]
    );
    // The same call three times is no step that ran twice.
    server.assert_no_violations();
}

#[tokio::test]
async fn a_call_is_held_at_a_gate() {
    let (server, client, run_id) = server().await;
    let gate = Gate::new();
    server.inject(InjectedFault::on(Call::Steps).every().hold(&gate));
    let save = |id: &'static str| {
        let (client, run_id) = (client.clone(), run_id.clone());
        tokio::spawn(async move { client.steps(&run_id, [step_run(id, 1)]).await })
    };
    let saves = [save("b"), save("c")];
    gate.reached(2).await;
    assert_eq!(server.run(&run_id).unwrap().steps.len(), 1);
    gate.release();
    for save in saves {
        assert_eq!(save.await.unwrap().status, 200);
    }
    assert_eq!(server.run(&run_id).unwrap().steps.len(), 3);
}

#[tokio::test]
async fn a_call_hangs_until_its_caller_gives_up() {
    let (server, client, run_id) = server().await;
    server.inject(InjectedFault::on(Call::Actions).hang());
    let path = format!("/v0/runs/{run_id}/actions");
    let request = client.request(http::Method::GET, &path).timeout(Duration::from_millis(20));
    assert!(client.send(request).await.unwrap_err().is_timeout());
    assert_eq!(client.actions(&run_id).await.status, 200);
}

#[tokio::test]
async fn faults_are_taken_back() {
    let (server, client, run_id) = server().await;
    server.inject(InjectedFault::on(Call::Actions).first(2).respond(503));
    server.inject(InjectedFault::on(Call::Batch).every().respond(503));
    for status in [503, 503, 200] {
        assert_eq!(client.actions(&run_id).await.status, status);
    }
    assert_eq!(client.get(&format!("/v0/runs/{run_id}/batch")).await.status, 503);
    server.clear_faults();
    assert_eq!(client.get(&format!("/v0/runs/{run_id}/batch")).await.status, 200);
}

#[tokio::test]
async fn a_call_is_delayed() {
    let (server, client, run_id) = server().await;
    server.inject(InjectedFault::on(Call::Actions).delay(Duration::from_millis(30)));
    let began = tokio::time::Instant::now();
    assert_eq!(client.actions(&run_id).await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn a_server_goes_down_and_comes_up() {
    let (server, client, run_id) = server().await;
    server.go_down();
    assert!(client.try_post("/v1/checkpoint", "{}").await.is_err());
    assert_eq!(server.calls_of(Call::NewRun).len(), 2);
    server.come_up();
    assert_eq!(client.actions(&run_id).await.status, 200);
}
