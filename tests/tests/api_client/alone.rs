//! An SDK by hand: nothing but the client, against the dev engine.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use inngest::client::ApiClient;
use inngest::wire::RunId;
use inngest::wire::{
    ApiResult, CheckpointAsyncRequest, CheckpointNewRunRequest, NewApiRunData, Op, StepHash,
};
use inngest::{Provider, SetupOpts};
use stephttp_dev::{DevServer, RunStatus};
use stephttp_tests::serve;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn new_run(domain: &str) -> CheckpointNewRunRequest<'_> {
    let data = NewApiRunData::new(domain, "POST", "/orders").function("create-order").body(b"{}");
    CheckpointNewRunRequest::new(RunId::new(SystemTime::now()), data)
}

#[tokio::test]
async fn a_run_ends_in_its_first_request() {
    let server = DevServer::builder().signing_key(KEY).start().await.unwrap();
    let client = ApiClient::new(server.url(), KEY).unwrap();
    for (status, ends) in [(201, RunStatus::Completed), (503, RunStatus::Failed)] {
        let request = new_run("http://127.0.0.1:1").step(Op::step_run("charge", "ch_1").unwrap());
        let run = client.checkpoint_new_run(&request).await.unwrap();
        assert!(run.token.is_some());
        client.checkpoint_steps(&run, &[Op::step_run("mail", &()).unwrap()]).await.unwrap();
        // Again, as after an answer that was lost.
        assert_eq!(client.checkpoint_new_run(&request).await.unwrap().run_id, run.run_id);

        let steps = client.get_steps(run.run_id.parse().unwrap()).await.unwrap();
        assert_eq!(steps.len(), 2);
        let charge = steps.get(StepHash::of("charge")).unwrap();
        assert_eq!(charge.outcome::<String>().unwrap().unwrap(), "ch_1");

        let result = ApiResult::new(status).header("content-type", "text/plain").body("thanks");
        client.checkpoint_response(&run, &result).await.unwrap();
        let ended = server.wait_for_end(&run.run_id).await;
        assert_eq!((ended.status, ended.output.as_str()), (ends, "thanks"));
        let gone = client.get_steps(run.run_id.parse().unwrap()).await.unwrap_err();
        assert_eq!(gone.status(), Some(StatusCode::GONE));
    }
    server.assert_no_violations();
}

/// What the app answers when Inngest calls it back: one more step, saved at once, and the end.
async fn reentry(State(client): State<ApiClient>, headers: HeaderMap) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap();
    let run_id: RunId = header("x-run-id").parse().unwrap();
    let memo = client.get_steps(run_id).await.unwrap();
    assert!(memo.get(StepHash::of("cool-off")).unwrap().is_null());
    let before = memo.get(StepHash::of("before")).unwrap().outcome::<String>().unwrap().unwrap();
    let save = CheckpointAsyncRequest::new(run_id)
        .dispatch(
            header("x-inngest-job-id"),
            header("x-request-id"),
            header("x-inngest-generation-id").parse().unwrap(),
        )
        .step(Op::step_run("after", &format!("after {before}")).unwrap());
    client.checkpoint_async(&save).await.unwrap();
    let memo = client.get_steps(run_id).await.unwrap();
    let after = memo.get(StepHash::of("after")).unwrap().outcome::<String>().unwrap().unwrap();

    let complete = Op::run_complete(&ApiResult::new(200).body(after)).unwrap();
    let headers = [("x-inngest-sdk", "hand-made"), ("x-inngest-req-version", "2")];
    (StatusCode::PARTIAL_CONTENT, headers, serde_json::to_string(&complete).unwrap()).into_response()
}

#[tokio::test]
async fn a_run_goes_on_at_inngest() {
    let server = DevServer::start().await.unwrap();
    let provider = Provider::setup(SetupOpts::default().dev_server(server.url())).unwrap();
    // What the provider uses itself.
    let client = provider.client().clone();
    let (domain, _) = serve(Router::new().route("/orders", post(reentry)).with_state(client.clone())).await;
    let request = new_run(&domain)
        .retries(3)
        .step(Op::step_run("before", "A").unwrap())
        .step(Op::sleep("cool-off", Duration::from_secs(3_600)));
    let run = client.checkpoint_new_run(&request).await.unwrap();

    let ended = server.wait_for_end(&run.run_id).await;
    assert_eq!(ended.status, RunStatus::Completed);
    let url = client.output_url(run.run_id.parse().unwrap(), &run.token.unwrap());
    assert_eq!(reqwest::get(url).await.unwrap().text().await.unwrap(), "after A");
    server.assert_no_violations();
}
