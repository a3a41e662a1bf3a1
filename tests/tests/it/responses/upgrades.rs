//! Upgrades: a WebSocket after steps.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use inngest::{Step, StepError};
use serde_json::Value;
use stephttp_dev::RunStatus;
use stephttp_tests::{Logs, Stage, World};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{self, Error};

const PAUSE: Duration = Duration::from_secs(86_400);

/// Sends the ticket, then everything back.
async fn echo(mut socket: WebSocket, ticket: usize) {
    if socket.send(Message::text(format!("ticket {ticket}"))).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Close(_)) || socket.send(message).await.is_err() {
            return;
        }
    }
}

#[inngest::api_fn(id = "upgrades-socket", sync_only)]
async fn with_steps(
    State(stage): State<Stage>,
    step: Step,
    #[not_replayed] upgrade: WebSocketUpgrade,
) -> Result<Response, StepError> {
    let ticket = step.run("ticket", async { Ok(stage.effects.happen("ticket")) }).await?;
    Ok(upgrade.protocols(["echo"]).on_upgrade(move |socket| echo(socket, ticket)))
}

#[inngest::api_fn(id = "upgrades-no-steps")]
async fn without_steps(_step: Step, #[not_replayed] upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["echo"]).on_upgrade(move |socket| echo(socket, 1))
}

async fn plain(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["echo"]).on_upgrade(move |socket| echo(socket, 1))
}

fn address(world: &World) -> String {
    world.origin.replace("http://", "ws://")
}

#[tokio::test]
async fn a_socket_talks_both_ways_and_its_run_ends_with_the_handshake() {
    for (route, is_recorded) in [(get(plain), false), (get(without_steps), false), (get(with_steps), true)] {
        let world = World::of(Stage::new().app(route)).await;
        let request = tungstenite::ClientRequestBuilder::new(address(&world).parse().unwrap());
        let (mut socket, response) = connect_async(request.with_sub_protocol("echo")).await.unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-protocol"], "echo");
        assert_eq!(socket.next().await.unwrap().unwrap(), tungstenite::Message::text("ticket 1"));
        if is_recorded {
            // While the socket is open.
            let run = world.ended().await;
            assert_eq!((run.status, run.steps.len()), (RunStatus::Completed, 1));
            let stored = run.response.unwrap();
            assert_eq!((stored.status, stored.body.as_str()), (101, ""));
            assert_eq!(stored.header("sec-websocket-protocol"), Some("echo"));
            assert_eq!((stored.header("upgrade"), stored.header("x-stephttp-body-not-stored")), (None, None));
        }
        for message in [tungstenite::Message::text("there"), tungstenite::Message::binary(vec![0, 255])] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), message);
        }
        socket.close(None).await.unwrap();
        world.delivered().await;
        assert_eq!(world.inngest.calls().len(), usize::from(is_recorded));
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "upgrades-waits")]
async fn waits_first(step: Step, #[not_replayed] upgrade: WebSocketUpgrade) -> Response {
    step.sleep("pause", PAUSE).await;
    upgrade.on_upgrade(move |socket| echo(socket, 1))
}

#[tokio::test]
async fn a_handshake_that_is_handed_over_fails_and_the_log_says_why() {
    let (logs, world) = (Logs::collect(), World::of(Stage::new().app(get(waits_first))).await);
    let Err(Error::Http(response)) = connect_async(address(&world)).await else { panic!("no handshake") };
    assert_eq!(response.status(), 303);
    let run = world.ended().await;
    assert_eq!(run.response.unwrap().status, 500);
    logs.assert_line_with(&["ERROR", &run.id, "a layer or an extractor answered"]);
    world.assert_rejected();
}

#[inngest::api_fn(id = "upgrades-late")]
async fn switches_late(step: Step) -> StatusCode {
    step.sleep("pause", PAUSE).await;
    StatusCode::SWITCHING_PROTOCOLS
}

#[tokio::test]
async fn what_only_a_connection_can_be_told_is_no_result_of_a_run_that_was_handed_over() {
    let world = World::of(Stage::new().app(get(switches_late))).await;
    let response = world.get("/").send().await.unwrap();
    let output = world.follow(response).await;
    assert_eq!(output.status(), 500);
    let error = output.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("handshake") && error.contains("sync_only"), "{error}");
    assert_eq!(world.ended().await.status, RunStatus::Failed);
    world.assert_clean();
}
