//! Answers that make no sense, and calls that are not made.

use std::time::SystemTime;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use inngest::client::{ApiError, ApiErrorKind};
use inngest::wire::RunId;
use inngest::wire::limits::STEP_OUTPUT_BYTES;
use inngest::wire::{
    ApiResult, CheckpointAsyncRequest, CheckpointNewRunRequest, CheckpointRun, NewApiRunData, Op, OpCode,
};

use crate::server::{FN_ID, RUN_ID, Server, run};

fn new_run() -> CheckpointNewRunRequest<'static> {
    CheckpointNewRunRequest::new(RunId::new(SystemTime::now()), NewApiRunData::new("http://a", "GET", "/"))
}

#[tokio::test]
async fn garbage_is_asked_for_once_more_and_told() {
    for garbage in
        ["", "null", "[]", "<html>", r#"{"data":{"fn_id":1}}"#, r#"{"data":{"run_id":"x"}}"#, "\u{0}"]
    {
        let server = Server::new(move |_, _| Some(crate::server::respond(200, garbage))).await;
        let error = server.client().checkpoint_new_run(&new_run()).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Answer, 2), "{garbage}");
        // Whoever answered 200 may have taken it.
        assert!(error.is_outcome_unclear() && !error.is_transient(), "{error:?}");
        assert!(error.to_string().contains("could not be read"), "{error}");
        if garbage.starts_with('{') {
            continue;
        }
        let error = server.client().get_steps(RUN_ID.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_outcome_unclear()), (ApiErrorKind::Answer, false), "{garbage}");
    }
}

#[tokio::test]
async fn one_answer_of_garbage_is_an_accident_where_repeating_the_call_is_safe() {
    const RUN: &str = r#"{"data":{"fn_id":"98819a18-31a9-54ed-84ac-c194c2ef94d6","app_id":"bec6ee9c-d9e0-5d93-8399-cbfce8bc4104","run_id":"01M817NZCZ3BTTPY1FEX7T2M4B","token":"t"}}"#;
    let server = Server::answers(&[(200, "<html>"), (200, RUN)]).await;
    assert_eq!(server.client().checkpoint_new_run(&new_run()).await.unwrap().fn_id.to_string(), FN_ID);
    assert_eq!(server.seen().len(), 2);
    // A wait that comes with the run's creation is carried out each time.
    let server = Server::answers(&[(200, "<html>"), (200, RUN)]).await;
    let waits = new_run().step(Op::sleep("pause", std::time::Duration::from_secs(60)));
    let error = server.client().checkpoint_new_run(&waits).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), server.seen().len()), (ApiErrorKind::Answer, 1, 1));
    // Nor is there a second time without patience.
    let server = Server::answers(&[(200, "<html>"), (200, RUN)]).await;
    let client = server.builder().retries(0).build().unwrap();
    assert_eq!(client.checkpoint_new_run(&new_run()).await.unwrap_err().attempts(), 1);
}

#[tokio::test]
async fn a_token_or_an_id_that_fills_the_answer_is_none() {
    let answering = async |fn_id: &str, token: &str| {
        let answer = format!(
            r#"{{"data":{{"fn_id":"{fn_id}","app_id":"bec6ee9c-d9e0-5d93-8399-cbfce8bc4104","run_id":"01M817NZCZ3BTTPY1FEX7T2M4B","token":"{token}"}}}}"#
        );
        let server = Server::new(move |_, _| Some(crate::server::respond(200, answer.clone()))).await;
        server.client().checkpoint_new_run(&new_run()).await
    };
    for (length, is_one) in [(4 * 1024, true), (4 * 1024 + 1, false)] {
        let run = answering(FN_ID, &"t".repeat(length)).await.unwrap();
        assert_eq!(run.token.is_some(), is_one, "{length}");
    }
    for fn_id in ["f", "", &FN_ID[1..], &"f".repeat(100_000)] {
        let error = answering(fn_id, "t").await.unwrap_err();
        assert_eq!(error.kind(), ApiErrorKind::Answer);
        assert!(error.to_string().len() < 1_000, "{error}");
    }
    // Garbage is not quoted at length.
    let garbage = format!("\"{}\"", "x".repeat(100_000));
    let server = Server::new(move |_, _| Some(crate::server::respond(200, garbage.clone()))).await;
    let error = server.client().checkpoint_new_run(&new_run()).await.unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Answer);
    assert!(error.to_string().len() < 1_000, "{error}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    fn endless() -> Response {
        let chunk = bytes::Bytes::from(vec![b' '; 64 * 1024]);
        Body::from_stream(futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone())))
            .into_response()
    }
    let server = Server::new(|_, _| Some(endless())).await;
    let client = server.client();
    let check = |error: ApiError| {
        assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Answer, 1), "{error:?}");
        assert!(error.to_string().contains("bytes"), "{error}");
    };
    check(client.checkpoint_new_run(&new_run()).await.unwrap_err());
    check(client.checkpoint_steps(&run(), &[]).await.unwrap_err());
    check(client.get_steps(RUN_ID.parse().unwrap()).await.unwrap_err());
}

#[tokio::test]
async fn a_refusal_in_any_words_is_told_in_short() {
    let long: &'static str = "x".repeat(100_000).leak();
    let server = Server::new(move |_, _| Some(crate::server::respond(400, long))).await;
    let error = server.client().checkpoint_steps(&run(), &[]).await.unwrap_err();
    assert!(error.message().starts_with(&long[..200]) && error.message().len() < 230, "{error}");
}

#[tokio::test]
async fn a_refusal_without_words_ends_with_its_status() {
    let server = Server::answers(&[(400, "")]).await;
    let error = server.client().checkpoint_steps(&run(), &[]).await.unwrap_err();
    assert_eq!((error.message(), error.to_string().as_str()), ("", "Inngest answered 400 Bad Request"));
}

#[tokio::test]
async fn what_the_server_would_drop_or_crash_on_is_not_sent() {
    let server = Server::answers(&[(200, "{}")]).await;
    let client = server.client();
    let check = |error: ApiError, words: &str| {
        assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::Request, 0), "{error:?}");
        assert!(!error.is_transient() && !error.is_outcome_unclear(), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let large = "x".repeat(STEP_OUTPUT_BYTES);
    let large_step = || Op::step_run("report", &large).unwrap();
    check(client.checkpoint_steps(&run(), &[large_step()]).await.unwrap_err(), "`report`");
    let save = CheckpointAsyncRequest::new(RUN_ID).step(large_step());
    check(client.checkpoint_async(&save).await.unwrap_err(), "4 MiB");
    let result = ApiResult::new(200).body(&*large);
    check(client.checkpoint_response(&run(), &result).await.unwrap_err(), "4 MiB");
    let data = NewApiRunData::new("http://a", "POST", "/").body(large.as_bytes());
    let request = CheckpointNewRunRequest::new(RUN_ID, data);
    check(client.checkpoint_new_run(&request).await.unwrap_err(), "4 MiB");

    let unexplained = [Op::new(OpCode::StepError, "charge")];
    check(client.checkpoint_steps(&run(), &unexplained).await.unwrap_err(), "`charge`");
    let stranger = CheckpointRun::new("../../e/key", run().fn_id, run().app_id);
    check(client.checkpoint_steps(&stranger, &[]).await.unwrap_err(), "../../e/key");
    let request = CheckpointNewRunRequest::new("1", NewApiRunData::default());
    check(client.checkpoint_new_run(&request).await.unwrap_err(), "ULID");
    assert!(server.seen().is_empty());
}
