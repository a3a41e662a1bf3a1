//! How time goes by.

use std::time::Duration;

use stephttp_dev::{Clock, DevServer, RunStatus};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_skipping_clock_fires_timers_in_their_order() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering([Answer::new(206, "[]")]).await;
    let started = server.now();
    // Held back, so that all are there before the first fires.
    server.hold_dispatches();
    let mut ids = Vec::new();
    for sleeps in [[("a", "3h"), ("b", "1h")], [("c", "2h"), ("d", "1h")]] {
        let run_id = new_id();
        client.create(&report(&run_id, &app.domain, sleeps.map(|(id, duration)| sleep(id, duration)))).await;
        ids.push(run_id);
    }
    assert_eq!(server.now(), started);
    server.release_dispatches();
    server.idle().await;
    let fired: Vec<_> = server
        .dispatches()
        .iter()
        .map(|dispatch| {
            (dispatch.run_id.clone(), dispatch.at.duration_since(started).unwrap().as_secs() / 3_600)
        })
        .collect();
    let [first, second] = [&ids[0], &ids[1]].map(String::clone);
    assert_eq!(fired, [(first.clone(), 1), (second.clone(), 1), (second, 2), (first, 3)]);
}

#[tokio::test]
async fn a_later_timer_waits_for_the_answer_to_an_earlier_one() {
    let server = std::sync::Arc::new(DevServer::start().await.unwrap());
    let client = Client::new(&server);
    let watched = std::sync::Arc::clone(&server);
    let app = App::start(move |reentry: Reentry| {
        let server = std::sync::Arc::clone(&watched);
        async move {
            match reentry.n {
                1 => {
                    // Everything that is due now goes out while this one is being answered, but
                    // nothing later.
                    assert_eq!(server.dispatches().len(), 1);
                    ops([step_run("x", 1)])
                }
                2 => ops([step_run("y", 1), sleep("late", "9h")]),
                _ => result(200, ""),
            }
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("early", "1h"), sleep("late", "9h")])).await;
    server.wait_for_end(&run_id).await;
    // The discoveries after x and y came before the late sleep's end.
    let hours: Vec<_> = server
        .dispatches()
        .iter()
        .map(|dispatch| dispatch.at.duration_since(server.calls()[0].at).unwrap().as_secs() / 3_600)
        .collect();
    assert_eq!(hours, [1, 1, 9]);
    server.assert_no_violations();
}

#[tokio::test]
async fn a_manual_clock_moves_only_by_hand() {
    let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let client = Client::new(&server);
    // The sleep's end leads to work that is due at once and is waited for too.
    let answers =
        [ops([step_run("x", 1)]), ops([step_run("y", 1)]), ops([sleep("t", "1h")]), result(200, "")];
    let app = App::answering(answers).await;
    let started = server.now();
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("s", "1h")])).await;
    server.advance(HOUR - Duration::from_secs(1)).await;
    assert!(app.seen().is_empty());
    server.advance(Duration::from_secs(1)).await;
    assert_eq!(app.seen().len(), 3);
    assert_eq!(server.now(), started + HOUR);
    server.advance(HOUR * 5).await;
    assert_eq!(server.run(&run_id).unwrap().status, RunStatus::Completed);
    let dispatches = server.dispatches();
    assert_eq!(dispatches[3].at, started + HOUR * 2);
    assert_eq!(server.now(), started + HOUR * 6);
    server.assert_no_violations();
}

#[tokio::test]
async fn work_that_is_due_at_once_needs_no_advance() {
    let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering([ops([step_run("p", 1)]), result(200, "")]).await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [planned("p")])).await;
    server.wait_for_end(&run_id).await;
}

#[tokio::test]
async fn a_real_clock_goes_by_itself() {
    let server = DevServer::builder().clock(Clock::Real).start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering([result(200, "")]).await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("s", "20ms")])).await;
    server.wait_for_end(&run_id).await;
    let waited = server.dispatches()[0].at.duration_since(server.calls()[0].at).unwrap();
    assert!(waited >= Duration::from_millis(20));
}

#[tokio::test]
#[should_panic(expected = "only Clock::Manual can be advanced")]
async fn a_clock_that_is_not_manual_cannot_be_moved() {
    let server = DevServer::start().await.unwrap();
    server.advance(HOUR).await;
}

#[tokio::test]
async fn a_server_that_is_dropped_or_shut_down_serves_no_more() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    assert_eq!(client.get("/api/v2/runs").await.status, 200);
    server.shutdown().await;
    assert!(client.try_post("/v1/checkpoint", "{}").await.unwrap_err().is_connect());

    let server = DevServer::start().await.unwrap();
    let (client, port) = (Client::new(&server), server.address().port());
    drop(server);
    // Aborted tasks end when the runtime gets to them.
    while client.try_post("/v1/checkpoint", "{}").await.is_ok() {}
    // The port is free again.
    let again = DevServer::builder().port(port).start().await;
    drop(again);
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let server = DevServer::start().await.unwrap();
    let error = DevServer::builder().port(server.address().port()).start().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

fn wait_op(timeout: &str) -> serde_json::Value {
    op_with("WaitForEvent", "wait", serde_json::json!({"event": "e", "timeout": timeout}))
}

#[tokio::test]
async fn at_one_instant_a_wait_ends_after_everything_else() {
    let server = std::sync::Arc::new(DevServer::start().await.unwrap());
    let client = Client::new(&server);
    let watched = std::sync::Arc::clone(&server);
    // What the sleep's end leads to can still send the event.
    let app = App::start(move |reentry: Reentry| {
        let server = std::sync::Arc::clone(&watched);
        async move {
            if reentry.n == 1 {
                server.send_event("e", serde_json::json!({}));
                return ops([wait_op("1h")]);
            }
            result(200, "")
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [wait_op("1h"), sleep("s", "1h")])).await;
    let run = server.wait_for_end(&run_id).await;
    assert_eq!(run.step("wait").unwrap().status, stephttp_dev::StepStatus::Completed);
    server.assert_no_violations();
}

#[tokio::test]
async fn a_manual_clock_lets_waits_time_out_even_past_a_function_at_work() {
    let builder = DevServer::builder().clock(Clock::Manual);
    let server =
        builder.function("never", |_| std::future::pending::<Result<_, String>>()).start().await.unwrap();
    let client = Client::new(&server);
    let app = App::answering([result(200, "")]).await;
    let (waits, invokes) = (new_id(), new_id());
    client.create(&report(&waits, &app.domain, [wait_op("1h")])).await;
    let opts = serde_json::json!({"function_id": "never", "payload": {"data": {}}, "timeout": "2h"});
    client.create(&report(&invokes, &app.domain, [op_with("InvokeFunction", "inv", opts)])).await;
    server.advance(HOUR).await;
    assert_eq!(server.run(&waits).unwrap().status, RunStatus::Completed);
    assert_eq!(server.run(&invokes).unwrap().status, RunStatus::Running);
    server.advance(HOUR).await;
    let run = server.run(&invokes).unwrap();
    assert_eq!(run.step("inv").unwrap().value.as_ref().unwrap()["name"], "InngestInvokeTimeoutError");
    assert_eq!(run.status, RunStatus::Completed);
}

#[tokio::test]
async fn time_that_is_held_goes_on_when_it_is_released() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    server.hold_time();
    let started = server.now();
    let app = App::answering([ops([step_run("p", 1)]), ops([sleep("s", "1h")]), result(200, "")]).await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [planned("p")])).await;
    // What is due now is done; what is due later is not.
    server.idle().await;
    assert_eq!((app.seen().len(), server.now()), (2, started));
    server.release_time();
    server.wait_for_end(&run_id).await;
    assert_eq!(server.now(), started + HOUR);
}

/// An instant so long after another, as an SDK writes it.
fn instant(after: std::time::SystemTime, by: Duration) -> String {
    humantime::format_rfc3339_millis(after + by).to_string()
}

// docs/protocol.md 5.3
#[tokio::test]
async fn a_sleep_until_an_instant_can_end_half_a_second_early() {
    for (wanted, slept) in [(10_499, 10), (10_500, 11), (400, 0)] {
        let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
        let client = Client::new(&server);
        let app = App::answering([result(200, "")]).await;
        let began = server.now();
        let until = instant(began, Duration::from_millis(wanted));
        client.create(&report(&new_id(), &app.domain, [sleep("s", &until)])).await;
        server.advance(Duration::from_secs(60)).await;
        let at = server.dispatches()[0].at;
        assert_eq!(at.duration_since(began).unwrap(), Duration::from_secs(slept), "{wanted}");
    }
}

// docs/protocol.md 7.3
#[tokio::test]
async fn retry_after_counts_from_the_beginning_of_the_second() {
    let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let client = Client::new(&server);
    let failed = ops([step_error("a")]).with("retry-after", "2");
    let app = App::answering([failed, result(200, "")]).await;
    // So that 0.7 s of a second have gone by.
    let since_epoch = server.now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let whole = Duration::from_secs(since_epoch.as_secs() + 1);
    let sleeps = whole + Duration::from_millis(700) - since_epoch;
    let duration = format!("{}ms", sleeps.as_millis());
    client.create(&report(&new_id(), &app.domain, [sleep("s", &duration)])).await;
    server.advance(Duration::from_secs(60)).await;
    let dispatches = server.dispatches();
    assert_eq!(dispatches[1].at.duration_since(dispatches[0].at).unwrap(), Duration::from_millis(1_300));
}
