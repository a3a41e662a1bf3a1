//! Each call's request and answer, compared with what was recorded of the real server: in
//! `tests/tests/it/recordings`, or here as `docs/protocol.md` has it.

use std::time::{Duration, SystemTime};

use inngest::wire::RunId;
use inngest::wire::{
    ApiResult, CheckpointAsyncRequest, CheckpointNewRunRequest, NewApiRunData, Op, OpError, StepHash,
};
use serde_json::{Value, json};

use crate::server::{RUN_ID, Server, run};

#[tokio::test]
async fn a_new_run_is_as_recorded() {
    let text = include_str!("../it/recordings/first-call-sleep.json");
    let recorded: Value = serde_json::from_str(text).unwrap();
    let answer = recorded["response"]["json"].to_string().leak();
    let server = Server::new(|_, _| Some(crate::server::respond(200, &*answer))).await;

    let data = NewApiRunData::new("http://127.0.0.1:28166", "POST", "/event-body-base64")
        .content_type("application/json")
        .query_params("a=1&b=two%20words&b=3")
        .body(br#"{"b":1, "a":"x"}"#);
    let run_id: RunId = "01M818949KQQCEZ4GNZY2N6Z3W".parse().unwrap();
    let mut request =
        CheckpointNewRunRequest::new(run_id, data).step(Op::sleep("s", Duration::from_secs(1))).retries(3);
    request.ts = 1_795_338_572_790;
    let run = server.client().checkpoint_new_run(&request).await.unwrap();

    let seen = server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/checkpoint"));
    assert_eq!(seen.json(), recorded["request"]["json"]);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert!(seen.header("x-inngest-sdk").unwrap().starts_with("rust:v"));
    assert_eq!(seen.header("user-agent"), None);

    assert_eq!(run.fn_id.to_string(), "442b0818-b256-573d-a931-c27c7e331112");
    assert_eq!(run.app_id.to_string(), "bedc9ccb-243e-53c9-bf7a-7d25b025c7a1");
    assert_eq!((run.run_id, run.token.as_deref()), (run_id.to_string(), Some("RUN_TOKEN")));
}

#[tokio::test]
async fn an_answer_without_a_token_is_read() {
    // A call without operations: docs/protocol.md 2.2
    let server = Server::answers(&[(200, r#"{"data":{"fn_id":"c447f140-a0d7-5ed6-b4bc-b34597dc8a7e","app_id":"38628d2f-3dcc-5cc3-9130-381291504e64","run_id":"01M818EPG43SEGGNNE10JGMV2N","realtime_token":"REALTIME_TOKEN"},"metadata":{"fetched_at":"2026-11-22T09:12:34.537717862Z"}}"#)]).await;
    let request = CheckpointNewRunRequest::new(RunId::new(SystemTime::now()), NewApiRunData::default());
    assert_eq!(server.client().checkpoint_new_run(&request).await.unwrap().token, None);
}

#[tokio::test]
async fn operations_are_added_as_recorded() {
    // As tests/tests/it/recordings/steps-call.json, without what only JS sends, and
    // docs/protocol.md 5.1
    let server = Server::answers(&[(200, "")]).await;
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_795_337_944_526_000_000);
    let ops = [
        Op::step_run("before", "A").unwrap().timing(start, Duration::from_nanos(812_000)),
        Op::step_run("dup", &()).unwrap().repeated(1),
        Op::step_failed("e", OpError::new("Error", "bad e")),
        Op::sleep("zzz", Duration::from_secs(2)),
    ];
    server.client().checkpoint_steps(&run(), &ops).await.unwrap();

    let seen = server.seen().remove(0);
    assert_eq!((seen.method, seen.path), ("POST".into(), format!("/v1/checkpoint/{RUN_ID}/steps")));
    let mut sent = serde_json::from_slice::<Value>(&seen.body).unwrap();
    assert!(sent["ts"].take().is_u64());
    let expected = json!({
        "run_id": RUN_ID,
        "fn_id": "98819a18-31a9-54ed-84ac-c194c2ef94d6",
        "app_id": "bec6ee9c-d9e0-5d93-8399-cbfce8bc4104",
        "steps": [
            {"id":"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d","op":"StepRun","name":"before","displayName":"before",
             "userland":{"id":"before"},"data":"A","timing":{"a":1_795_337_944_526_000_000_u64,"b":812_000}},
            {"id":StepHash::of("dup:1").to_string(),"op":"StepRun","name":"dup","displayName":"dup",
             "userland":{"id":"dup","index":1},"data":null},
            {"id":StepHash::of("e").to_string(),"op":"StepFailed","name":"e","displayName":"e","userland":{"id":"e"},
             "error":{"name":"Error","message":"bad e"}},
            {"id":"40fa37ec00c761c7dbb6ebdee6d4a260b922f5f4","op":"Sleep","name":"zzz","displayName":"zzz",
             "userland":{"id":"zzz"},"opts":{"duration":"2s"}},
        ],
        "ts": null,
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_response_ends_its_run_by_an_operation() {
    let server = Server::answers(&[(200, "")]).await;
    let result = ApiResult::new(200)
        .header("Content-Type", "application/json")
        .body("{\"a\":{\"ok\":true}}\n")
        .duration(Duration::from_nanos(11_057));
    server.client().checkpoint_response(&run(), &result).await.unwrap();

    let seen = server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.clone()), ("POST", format!("/v1/checkpoint/{RUN_ID}/steps")));
    // As recorded of Go, without the fields that it always sends: docs/protocol.md 5.7 and 11
    let expected = json!([{"op":"RunComplete","id":"0737c22d3bfae812339732d14d8c7dbd6dc4e09c",
        "data":{"status":200,"headers":{"Content-Type":"application/json"},"body":"{\"a\":{\"ok\":true}}\n","duration":11057}}]);
    assert_eq!(seen.json()["steps"], expected);
}

#[tokio::test]
async fn finished_steps_are_saved_as_recorded() {
    let server = Server::answers(&[(200, "")]).await;
    // docs/protocol.md 2.6
    let started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_338_754_450);
    let mut request = CheckpointAsyncRequest::new(RUN_ID)
        .function(
            "4865a3f7-b85c-5b70-845b-db8a9723078e".parse().unwrap(),
            "35003b56-1d5e-5343-a015-f53cec20d18d".parse().unwrap(),
        )
        .dispatch("3grhoe7sz37dm", "01M817P1FPERGHCE2NPYZ07ZTV", 2)
        .started_at(started)
        .step(Op::step_run("a", &1).unwrap());
    request.ts = 1_795_338_754_454;
    server.client().checkpoint_async(&request).await.unwrap();

    let seen = server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.clone()), ("POST", format!("/v1/checkpoint/{RUN_ID}/async")));
    let expected = json!({
        "run_id": RUN_ID,
        "fn_id": "4865a3f7-b85c-5b70-845b-db8a9723078e",
        "app_id": "35003b56-1d5e-5343-a015-f53cec20d18d",
        "qi_id": "3grhoe7sz37dm",
        "request_id": "01M817P1FPERGHCE2NPYZ07ZTV",
        "generation_id": 2,
        "request_started_at": 1_795_338_754_450_u64,
        "steps": [{"id": StepHash::of("a").to_string(), "op": "StepRun", "name": "a", "displayName": "a",
                   "userland": {"id": "a"}, "data": 1}],
        "ts": 1_795_338_754_454_u64,
    });
    assert_eq!(seen.json(), expected);
}

#[tokio::test]
async fn memoized_steps_are_read_by_their_kind() {
    // As recorded: docs/protocol.md 6.2
    let server = Server::answers(&[(
        200,
        concat!(
            r#"{"405906c9d5be6ae5393ca65fb0e7c38e0d585ecb":{"data":"B"},"40fa37ec00c761c7dbb6ebdee6d4a260b922f5f4":null,"#,
            r#""51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d":{"error":{"name":"E","message":"m","stack":"s"}},"#,
            r#""0737c22d3bfae812339732d14d8c7dbd6dc4e09c":{"data":{"by":"Ada"},"name":"a","ts":7}}"#,
            "\n"
        ),
    )])
    .await;
    let steps = server.client().get_steps(RUN_ID.parse().unwrap()).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.path.clone()), ("GET", format!("/v0/runs/{RUN_ID}/actions")));
    assert_eq!((seen.header("content-type"), seen.body.len()), (None, 0));

    let step = |id: &str| steps.get(StepHash::of(id)).unwrap();
    assert_eq!(step("after").outcome::<String>().unwrap().unwrap(), "B");
    assert_eq!(step("after").as_json(), r#"{"data":"B"}"#);
    let failed = step("before").outcome::<String>().unwrap().unwrap_err();
    assert_eq!((failed.name.as_str(), failed.message.as_str()), ("E", "m"));
    assert!(step("zzz").is_null());
    assert_eq!(step("complete").bare::<Value>().unwrap().unwrap()["data"]["by"], "Ada");
    assert!(steps.get(StepHash::of("missing")).is_none());
    assert_eq!((steps.len(), steps.is_empty(), steps.iter().count()), (4, false, 4));
}

#[tokio::test]
async fn what_go_sends_is_read() {
    // docs/protocol.md 11
    let json = r#"{"run_id":"01M817TVTZQVWSCYGDM2QP9EA9","idempotency":"","event":{"name":"http/run.started","data":{"domain":"http://127.0.0.1:22009","method":"POST","path":"/one-step","fn":"","ip":"127.0.0.1","content_type":"","query_params":"","body":""}},"steps":[{"op":"StepRun","id":"fe05bcdcdc4928012781a5f1a2a77cbb5398e106","name":"one","opts":null,"data":{"ok":true},"error":null,"displayName":null,"timing":{"a":1795338104671791115,"b":110},"userland":{"id":"one"}},{"op":"RunComplete","id":"0737c22d3bfae812339732d14d8c7dbd6dc4e09c","name":"","opts":null,"data":{"status":200,"headers":{"Content-Type":"application/json"},"body":"{}","duration":11057},"error":null,"displayName":null,"timing":{"a":0,"b":0},"userland":{"id":"complete"}}]}"#;
    let request: CheckpointNewRunRequest<'_> = serde_json::from_str(json).unwrap();
    assert_eq!((&*request.event.name, &*request.event.data.path), ("http/run.started", "/one-step"));
    assert_eq!(request.steps[0].id, StepHash::of("one"));
    let result: ApiResult<'_> = serde_json::from_str(request.steps[1].data.as_ref().unwrap().get()).unwrap();
    assert_eq!((result.status, &*result.body), (200, "{}"));
}
