//! Requests without a content type, for an extractor that looks at it.

use std::time::{Duration, SystemTime};

use axum::routing::post;
use axum::{Json, Router};
use inngest::wire::RunId;
use inngest::wire::headers::NO_CONTENT_TYPE;
use inngest::wire::{CheckpointNewRunRequest, NewApiRunData, Op};
use inngest::{Step, StepError};
use stephttp_dev::RunStatus;
use stephttp_tests::World;

const PAUSE: Duration = Duration::from_secs(86_400);

/// Takes JSON, or nothing at all.
#[inngest::api_fn(id = "content-type-optional")]
async fn optional(step: Step, order: Option<Json<String>>) -> Result<String, StepError> {
    step.sleep("pause", PAUSE).await;
    Ok(order.map_or_else(|| "nothing".to_owned(), |Json(order)| order))
}

#[tokio::test]
async fn an_optional_body_that_was_not_there_is_not_there_when_inngest_calls_back() {
    for (content_type, body, answer) in [
        (None, "", "nothing"),
        // A body of no type is none to this extractor.
        (None, "\"book\"", "nothing"),
        (Some("application/json"), "\"book\"", "book"),
    ] {
        let world = World::of(Router::new().route("/", post(optional))).await;
        let request = world.post("/").body(body);
        let request =
            content_type.into_iter().fold(request, |request, value| request.header("content-type", value));
        let response = request.send().await.unwrap();
        let output = world.follow(response).await;
        assert_eq!((output.status().as_u16(), output.text().await.unwrap().as_str()), (200, answer));
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed);
        // What Inngest keeps, and repeats: an empty text would come back as JSON.
        let kept = content_type.unwrap_or(NO_CONTENT_TYPE);
        assert_eq!(run.event["data"]["content_type"], kept);
        assert_eq!(world.inngest.wait_for_dispatch(1).await.headers["content-type"], kept);
        world.assert_clean();
    }
}

/// As a request without a content type was recorded before there was a word for it.
#[tokio::test]
async fn a_run_whose_type_was_recorded_empty_goes_on_with_json() {
    let world = World::of(Router::new().route("/", post(optional))).await;
    let data =
        NewApiRunData::new(&world.origin, "POST", "/").function("content-type-optional").body(b"\"book\"");
    assert_eq!(data.content_type, "");
    let request = CheckpointNewRunRequest::new(RunId::new(SystemTime::now()), data);
    let request = request.step(Op::sleep("pause", PAUSE));
    let run = world.provider.client().checkpoint_new_run(&request).await.unwrap();
    let run = world.inngest.wait_for_end(&run.run_id).await;
    assert_eq!(run.response.unwrap().body, "book");
    world.assert_clean();
}
