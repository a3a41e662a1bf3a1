//! Dispatches that are superseded or come twice: docs/protocol.md 2.6.

use std::sync::Arc;

use stephttp_dev::{DevServer, RunStatus, ViolationKind};
use tokio::sync::{Mutex, mpsc};

use crate::support::*;

/// An app whose re-entries wait to be told what to answer.
struct Asking {
    app: App,
    asked: mpsc::UnboundedReceiver<(Reentry, tokio::sync::oneshot::Sender<Answer>)>,
}

impl Asking {
    async fn start() -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        let sender = Arc::new(Mutex::new(sender));
        let app = App::start(move |reentry| {
            let sender = Arc::clone(&sender);
            async move {
                let (answer, answered) = tokio::sync::oneshot::channel();
                sender.lock().await.send((reentry, answer)).unwrap();
                answered.await.unwrap()
            }
        })
        .await;
        Self { app, asked }
    }
}

async fn begin() -> (DevServer, Client, Asking, String) {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    (server, client, Asking::start().await, new_id())
}

#[tokio::test]
async fn a_superseded_dispatch_may_save_nothing_and_its_answer_is_ignored() {
    let (server, client, mut asking, run_id) = begin().await;
    client.create(&report(&run_id, &asking.app.domain, [sleep("s", "1s")])).await;
    let (first, answer_first) = asking.asked.recv().await.unwrap();
    assert_eq!(client.save(&first, [step_run("a", 1)]).await.status, 200);
    assert!(server.redispatch(&run_id));
    let (second, answer_second) = asking.asked.recv().await.unwrap();
    assert_eq!(first.header("x-inngest-job-id"), second.header("x-inngest-job-id"));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!((first.generation(), second.generation()), (1, 2));

    let got = client.save(&first, [step_run("b", 1)]).await;
    assert_eq!(got.status, 409);
    assert!(got.json()["error"].as_str().unwrap().starts_with("stale dispatch"));
    assert_eq!(client.save(&second, [step_run("b", 1)]).await.status, 200);
    answer_first.send(Answer::new(206, "[]")).unwrap();
    server.wait_for_answer(1).await;
    assert_eq!(server.run(&run_id).unwrap().status, RunStatus::Running);
    answer_second.send(result(200, "second")).unwrap();
    let run = server.wait_for_end(&run_id).await;
    assert_eq!(run.response.unwrap().body, "second");
    assert_eq!(
        server.dispatches().iter().map(|dispatch| dispatch.superseded).collect::<Vec<_>>(),
        [true, false]
    );
    assert!(!server.redispatch(&run_id));
    server.assert_no_violations();
}

#[tokio::test]
async fn a_dispatch_is_delivered_twice() {
    let (server, client, mut asking, run_id) = begin().await;
    server.deliver_twice();
    client.create(&report(&run_id, &asking.app.domain, [sleep("s", "1s")])).await;
    let (one, answer_one) = asking.asked.recv().await.unwrap();
    let (other, answer_other) = asking.asked.recv().await.unwrap();
    assert_eq!(one.header("x-inngest-job-id"), other.header("x-inngest-job-id"));
    let mut statuses = vec![client.save(&one, [step_run("a", 1)]).await.status];
    statuses.push(client.save(&other, [step_run("a", 1)]).await.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    answer_one.send(result(200, "x")).unwrap();
    answer_other.send(result(200, "x")).unwrap();
    server.wait_for_end(&run_id).await;
    // The next job comes once.
    server.idle().await;
    assert_eq!(asking.app.seen().len(), 2);
    server.assert_no_violations();
}

#[tokio::test]
async fn a_save_after_the_answer_is_refused_and_noted() {
    let (server, client, mut asking, run_id) = begin().await;
    client.create(&report(&run_id, &asking.app.domain, [sleep("s", "1s"), sleep("t", "1h")])).await;
    let (first, answer) = asking.asked.recv().await.unwrap();
    answer.send(Answer::new(206, "[]")).unwrap();
    server.wait_for_answer(1).await;
    assert_eq!(client.save(&first, [step_run("a", 1)]).await.status, 409);
    assert_eq!(kinds(&server), [ViolationKind::SavedAfterAnswer]);
}

#[tokio::test]
async fn a_save_after_the_end_is_refused_and_noted() {
    let (server, client, mut asking, run_id) = begin().await;
    client.create(&report(&run_id, &asking.app.domain, [sleep("s", "1s"), sleep("t", "1s")])).await;
    let (_one, answer) = asking.asked.recv().await.unwrap();
    let (other, _answer_other) = asking.asked.recv().await.unwrap();
    assert_eq!(client.save(&other, [step_run("a", 1)]).await.status, 200);
    answer.send(result(200, "")).unwrap();
    server.wait_for_end(&run_id).await;
    // The same again is a call that was repeated, and what began before anybody knew of the end is
    // nobody's mistake.
    for id in ["a", "b"] {
        let got = client.save(&other, [step_run(id, 1)]).await;
        assert_eq!((got.status, &got.json()["error"]), (400, &"run not found in state store".into()));
        assert_eq!(got.json()["data"]["run_id"], run_id.as_str());
    }
    server.assert_no_violations();
    let mut late = step_run("c", 1);
    late["timing"]["a"] = (since_epoch() + 3_600_000_000_000_u64).into();
    assert_eq!(client.save(&other, [late]).await.status, 400);
    assert_eq!(kinds(&server), [ViolationKind::RunEnded]);
}
