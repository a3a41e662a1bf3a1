//! What a test is told when what it waits for does not come.

use std::time::Duration;

use serde_json::{Value, json};
use stephttp_dev::{Call, Clock, DevServer, RunStatus, RunView};
use tokio::time::Instant;

use crate::support::*;

fn wait_op(id: &str, opts: Value) -> Value {
    op_with("WaitForEvent", id, opts)
}

/// The message with which something panics.
async fn panic_of<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> String {
    let error = tokio::spawn(task).await.err().expect("it panics");
    *error.into_panic().downcast::<String>().unwrap()
}

/// A server with little patience.
async fn hasty() -> DevServer {
    DevServer::builder().patience(Duration::from_millis(30)).start().await.unwrap()
}

#[tokio::test]
async fn a_wait_that_was_over_at_once_is_told_of_at_once() {
    let wait = wait_op("e", json!({"event": "x", "timeout": "1d"}));
    let scene = Scene::new([step_run("a", 1), wait], [result(200, "x")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    let (run_id, began) = (scene.run_id.clone(), Instant::now());
    let message = panic_of(async move { scene.server.wait_for_waiting(&scene.run_id, "e").await }).await;
    let expected = format!(
        "run {run_id} does not wait in `e`: it timed out at once, since time is skipped; call `hold_time()` before \
         the request. Its steps: `a` Completed, `e` TimedOut. (Awaited at "
    );
    assert!(message.starts_with(&expected), "{message}");
    assert!(message.contains("patience.rs:"), "{message}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_is_over_or_cannot_come_is_told_of_at_once() {
    let steps = [step_run("a", 1), sleep("s", "1s"), op_with("WaitForSignal", "sig", json!({"signal": "n"}))];
    let scene = Scene::held(steps, [result(200, "x")]).await;
    scene.server.wait_for_waiting(&scene.run_id, "sig").await;
    assert_eq!(scene.server.send_signal("n", 1), Some(scene.run_id.clone()));
    scene.server.wait_for_end(&scene.run_id).await;
    let (server, run_id) = (std::sync::Arc::new(scene.server), scene.run_id);
    for (step, why) in [
        ("a", "it is no wait but a StepRun, and done. Its"),
        ("sig", "it has got what it waited for. Its"),
        ("s", "the run has ended (Completed). Its"),
        ("b", "the run has ended (Completed) without such a step. Its steps: `a` Completed, "),
    ] {
        let (server, run_id) = (std::sync::Arc::clone(&server), run_id.clone());
        let message = panic_of(async move { server.wait_for_waiting(&run_id, step).await }).await;
        assert!(message.contains(&format!("does not wait in `{step}`: {why}")), "{message}");
    }
}

#[tokio::test]
async fn patience_has_an_end_and_the_message_says_how_things_stand() {
    let server = hasty().await;
    server.hold_time();
    let opts = json!({"event": "bank/settled", "timeout": "1d", "if": "async.data.n > 1"});
    let app = App::answering([result(200, "x")]).await;
    let scene = Scene::on(server, app, |domain, id| {
        report(id, domain, [step_run("before", 1), wait_op("settlement", opts)])
    })
    .await;
    scene.server.send_event("bank/setled", json!({}));
    scene.client.steps(&new_id(), [step_run("b", 1)]).await;
    let (run_id, server) = (scene.run_id.clone(), scene.server);
    let message = panic_of(async move { server.wait_for_waiting(&run_id, "settlment").await }).await;
    let run_id = scene.run_id;
    for part in [
        format!("waited 30ms for run {run_id} to wait in `settlment`, in vain (awaited at "),
        format!("Runs:\n  {run_id} (`POST /orders`): Running, 1 outstanding\n    `before`: Completed\n"),
        "    `settlement`: WaitingForEvent, for the event `bank/settled` if `async.data.n > 1`\n".to_owned(),
        "Events: 1\nEvents that woke nobody:\n  `bank/setled` (".to_owned(),
        "API calls: 1 NewRun, 1 Steps\nRe-entries: 0\nUnder way: none\n".to_owned(),
        "Violations:\n  UnknownRun: ".to_owned(),
        "Time: held; `release_time()` lets it go on".to_owned(),
    ] {
        assert!(message.contains(&part), "{part}\nis not in\n{message}");
    }
}

#[tokio::test]
async fn everything_that_waits_has_patience() {
    let message = panic_of(async { hasty().await.wait_for_run().await }).await;
    assert!(message.starts_with("waited 30ms for run 1, in vain"), "{message}");
    let message = panic_of(async { hasty().await.wait_for_runs(2).await }).await;
    assert!(message.starts_with("waited 30ms for run 2, in vain"), "{message}");
    let message = panic_of(async { hasty().await.wait_for_end("x").await }).await;
    assert!(message.starts_with("waited 30ms for run x to end, in vain"), "{message}");
    let message = panic_of(async { hasty().await.wait_until("x", |_: &RunView| true).await }).await;
    assert!(message.starts_with("waited 30ms for run x to be as the condition wants it"), "{message}");
    let message = panic_of(async { hasty().await.wait_for_call(Call::Steps, 3).await }).await;
    assert!(message.starts_with("waited 30ms for call 3 of the kind Steps, in vain"), "{message}");
    let message = panic_of(async { hasty().await.wait_for_dispatch(1).await }).await;
    assert!(message.starts_with("waited 30ms for re-entry 1, in vain"), "{message}");
    let message = panic_of(async { hasty().await.wait_for_answer(1).await }).await;
    assert!(message.starts_with("waited 30ms for the answer to re-entry 1, in vain"), "{message}");
    let message = panic_of(async { hasty().await.wait_for_event(1).await }).await;
    assert!(message.starts_with("waited 30ms for event 1, in vain"), "{message}");
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_told_of() {
    let app = || App::start(|_| std::future::pending());
    let message = panic_of(async move {
        let scene =
            Scene::on(hasty().await, app().await, |domain, id| report(id, domain, [planned("p")])).await;
        scene.server.idle().await;
    })
    .await;
    assert!(message.starts_with("waited 30ms for nothing to be under way or planned, in vain"), "{message}");
    assert!(message.contains("Under way:\n  re-entries that the app has not answered: 1\n"), "{message}");

    let message = panic_of(async move {
        let builder = DevServer::builder().clock(Clock::Manual).patience(Duration::from_millis(30));
        let server = builder.start().await.unwrap();
        let scene = Scene::on(server, app().await, |domain, id| report(id, domain, [sleep("s", "1s")])).await;
        scene.server.advance(Duration::from_secs(1)).await;
    })
    .await;
    assert!(message.starts_with("waited 30ms for the time to be moved on by 1s"), "{message}");
    assert!(message.contains("Time: stands still until `advance(..)`"), "{message}");
}

#[tokio::test]
async fn the_second_use_of_an_id_can_be_waited_for() {
    let mut second = wait_op("e", json!({"event": "x", "timeout": "1d"}));
    second["id"] = hash("e:1").into();
    second["userland"]["index"] = 1.into();
    let first = wait_op("e", json!({"event": "x", "timeout": "1d"}));
    let scene = Scene::held([first], [ops([second]), result(200, "x")]).await;
    scene.server.wait_for_waiting(&scene.run_id, "e").await;
    scene.server.send_event("x", json!({}));
    let run = scene.server.wait_for_waiting(&scene.run_id, "e:1").await;
    assert_eq!(run.step("e:1").unwrap().index, 1);
    scene.server.send_event("x", json!({}));
    assert_eq!(scene.server.wait_for_end(&scene.run_id).await.status, RunStatus::Completed);
    assert_eq!(scene.server.events().iter().map(|event| event.woken).sum::<usize>(), 2);
}

#[tokio::test]
async fn steps_are_shown_in_the_order_in_which_they_were_reported() {
    let wait = wait_op("wait", json!({"event": "x", "timeout": "1d"}));
    let scene =
        Scene::held([step_run("a", 1), planned("p"), wait, step_run("b", 1)], [result(200, "x")]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    let steps: Vec<_> = run.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["a", "p", "wait", "b"]);
}
