//! What is tried again, when, and what is not.

use std::time::{Duration, SystemTime};

use axum::response::Response;
use inngest::client::{ApiClient, ApiError, ApiErrorKind};
use inngest::wire::RunId;
use inngest::wire::{ApiResult, CheckpointAsyncRequest, CheckpointNewRunRequest, NewApiRunData, Op, OpCode};
use stephttp_dev::{Call, DevServer, InjectedFault};

use crate::server::{RUN_ID, Server, respond, run};

const RUN: &str = r#"{"data":{"fn_id":"98819a18-31a9-54ed-84ac-c194c2ef94d6","app_id":"bec6ee9c-d9e0-5d93-8399-cbfce8bc4104","run_id":"01M817NZCZ3BTTPY1FEX7T2M4B","token":"t"}}"#;

fn new_run() -> CheckpointNewRunRequest<'static> {
    let data = NewApiRunData::new("http://127.0.0.1:1", "POST", "/orders");
    CheckpointNewRunRequest::new(RunId::new(SystemTime::now()), data)
}

/// Makes every call once; gives the errors.
async fn every_call(client: &ApiClient) -> Vec<ApiError> {
    let step = || Op::step_run("a", &1).unwrap();
    vec![
        client.checkpoint_new_run(&new_run()).await.unwrap_err(),
        client.checkpoint_steps(&run(), &[step()]).await.unwrap_err(),
        client.checkpoint_response(&run(), &ApiResult::new(200)).await.unwrap_err(),
        client.checkpoint_async(&CheckpointAsyncRequest::new(RUN_ID).step(step())).await.unwrap_err(),
        client.get_steps(RUN_ID.parse().unwrap()).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn what_will_not_change_is_not_tried_again() {
    for status in [301, 400, 403, 404, 409, 410, 413, 422] {
        let body = r#"{"error":"not this one","data":null,"status":0}"#;
        let server = Server::new(move |_, _| Some(respond(status, body))).await;
        let errors = every_call(&server.client()).await;
        assert_eq!(server.seen().len(), errors.len(), "{status}");
        for error in errors {
            assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (status, 1));
            assert!(!error.is_transient() && !error.is_outcome_unclear(), "{error:?}");
            assert_eq!(error.message(), "not this one");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_attempts_are_counted() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = Server::new(move |_, _| Some(respond(status, "busy"))).await;
        let client = server.builder().retries(1).build().unwrap();
        let errors = every_call(&client).await;
        assert_eq!(server.seen().len(), 2 * errors.len(), "{status}");
        for (index, error) in errors.iter().enumerate() {
            assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (status, 2));
            assert!(error.is_transient() && error.to_string().contains("2 attempts"), "{error}");
            // Fetching has no effect that could be unclear.
            assert_eq!(error.is_outcome_unclear(), status >= 500 && index < 4, "{error:?}");
        }
    }
}

#[tokio::test]
async fn waits_grow_and_the_same_run_is_created() {
    let server = Server::answers(&[(503, ""), (500, ""), (429, ""), (200, RUN)]).await;
    let run = server.client().checkpoint_new_run(&new_run()).await.unwrap();
    assert_eq!(run.token.as_deref(), Some("t"));
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|call| call.body == seen[0].body));
    for (index, least) in [100, 200, 400].into_iter().enumerate() {
        let waited = seen[index + 1].at - seen[index].at;
        assert!(waited >= Duration::from_millis(least), "{index}: {waited:?}");
    }
}

fn later(retry_after: &str) -> Response {
    let mut response = respond(429, "Rate limits exceeded");
    response.headers_mut().insert("retry-after", retry_after.parse().unwrap());
    response
}

#[tokio::test]
async fn retry_after_is_waited_for_in_seconds_and_as_a_date() {
    for as_date in [false, true] {
        let asked_at = SystemTime::now();
        // A date has whole seconds: of three, at least two are left.
        let (asked, until) = if as_date {
            let date = asked_at + Duration::from_secs(3);
            (httpdate(date), asked_at + Duration::from_secs(2))
        } else {
            ("1".to_owned(), asked_at + Duration::from_secs(1))
        };
        let server =
            Server::new(move |_, before| Some(if before == 0 { later(&asked) } else { respond(200, "") }))
                .await;
        server.client().checkpoint_steps(&run(), &[]).await.unwrap();
        assert_eq!(server.seen().len(), 2);
        // A few milliseconds less, since two clocks are compared.
        assert!(SystemTime::now() + Duration::from_millis(50) > until, "as a date: {as_date}");
    }
}

fn httpdate(time: SystemTime) -> String {
    // 2026-11-22T09:09:32.799Z -> Sun, 22 Nov 2026 09:09:32 GMT; the weekday does not matter to who
    // reads it.
    let text = inngest::wire::duration::format_instant(time);
    let (year, month, day) = (&text[..4], text[5..7].parse::<usize>().unwrap(), &text[8..10]);
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    format!("{}, {day} {} {year} {} GMT", weekday(time), names[month - 1], &text[11..19])
}

fn weekday(time: SystemTime) -> &'static str {
    let days = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][usize::try_from(days % 7).unwrap()]
}

#[tokio::test]
async fn a_wait_that_is_longer_than_the_time_left_is_told_at_once() {
    for asked in ["3600", &httpdate(SystemTime::now() + Duration::from_secs(3_600))] {
        let asked = asked.to_owned();
        let server = Server::new(move |_, _| Some(later(&asked))).await;
        let error = server.client().checkpoint_steps(&run(), &[]).await.unwrap_err();
        assert!(error.retry_after().unwrap() > Duration::from_secs(3_500), "{error:?}");
        assert_eq!((error.attempts(), server.seen().len()), (1, 1));
        assert!(error.to_string().contains("asking to wait"), "{error}");
    }
}

#[tokio::test]
async fn a_total_timeout_ends_the_attempts_and_tells_the_last_error() {
    let server = Server::answers(&[(503, "down for now")]).await;
    let client = server.builder().retries(1_000).total_timeout(Duration::from_millis(700)).build().unwrap();
    let error = client.checkpoint_steps(&run(), &[]).await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.message()), (503, "down for now"));
    assert!((2..=4).contains(&error.attempts()), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::new(|_, _| None).await;
    let client = server.builder().retries(1).attempt_timeout(Duration::from_millis(50)).build().unwrap();
    for (index, error) in every_call(&client).await.into_iter().enumerate() {
        assert_eq!((error.kind(), error.attempts(), error.status()), (ApiErrorKind::TimedOut, 2, None));
        assert!(error.is_transient() && error.is_outcome_unclear() == (index < 4), "{error:?}");
        assert!(error.to_string().contains("did not answer in time"), "{error}");
    }
}

#[tokio::test]
async fn a_total_timeout_cuts_an_attempt() {
    let server = Server::new(|_, _| None).await;
    let client = server.builder().total_timeout(Duration::from_millis(50)).build().unwrap();
    let error = client.get_steps(RUN_ID.parse().unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::TimedOut, 1));
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_unclear() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = ApiClient::builder().dev_server(&url).retries(1).build().unwrap();
    for error in every_call(&client).await {
        assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Unreachable, 2));
        assert!(error.is_transient() && !error.is_outcome_unclear(), "{error:?}");
        assert!(error.to_string().contains(url.trim_start_matches("http://")), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_once_leaves_the_outcome_unclear() {
    let server = DevServer::start().await.unwrap();
    server.inject(InjectedFault::on(Call::NewRun).nth(1).drop_response());
    server.inject(InjectedFault::on(Call::NewRun).nth(2).respond(400));
    let client = ApiClient::builder().dev_server(server.url()).build().unwrap();
    let error = client.checkpoint_new_run(&new_run()).await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (400, 2));
    assert!(error.is_outcome_unclear(), "{error:?}");
    assert!(error.to_string().contains("may have taken the call all the same"), "{error}");
}

#[tokio::test]
async fn a_gateways_request_is_not_asked_for_twice() {
    let gateway = || {
        let mut op = Op::new(OpCode::Gateway, "fetch");
        let mut opts = inngest::wire::OpOpts::default();
        opts.url = Some("https://example.com/".into());
        op.opts = Some(Box::new(opts));
        op
    };
    let server = Server::answers(&[(500, "")]).await;
    let error = server.client().checkpoint_steps(&run(), &[gateway()]).await.unwrap_err();
    assert_eq!((error.attempts(), server.seen().len()), (1, 1));
    assert!(error.is_outcome_unclear());
    // It was surely not taken.
    let server = Server::answers(&[(429, ""), (200, RUN)]).await;
    server.client().checkpoint_new_run(&new_run().step(gateway())).await.unwrap();
    assert_eq!(server.seen().len(), 2);
}
