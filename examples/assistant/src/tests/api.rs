//! The client of a model's API, with an API of the test's.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{StreamExt, TryStreamExt, stream};
use inngest::Failure;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::model::{Api, Model, Prompt};

/// What the API was asked, and with which key.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// What a model gives whose API answers so, in frames of so many bytes.
async fn tokens(
    status: StatusCode,
    answer: &'static str,
    frame: usize,
) -> (Result<Vec<String>, Failure>, Asked) {
    let asked = Asked::default();
    let api = async move |State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>| {
        let key = headers["authorization"].to_str().unwrap().to_owned();
        asked.lock().unwrap().push((key, body));
        let frames = answer.as_bytes().chunks(frame).map(Ok::<_, std::io::Error>);
        (status, Body::from_stream(stream::iter(frames))).into_response()
    };
    let app = Router::new().route("/v1/chat/completions", post(api)).with_state(asked.clone());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let model = Model::Api(Api::new(&url, "small".to_owned(), Some("secret".to_owned())).unwrap());
    let tokens = model.tokens(Prompt::draft("Why?")).boxed().try_collect().await;
    server.abort();
    (tokens, asked)
}

const ANSWER: &str = ": a comment\n\n\
    data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
    data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Grüße\"}}]}\r\n\r\n\
    data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" 🫖\"},\"finish_reason\":null}]}\n\n\
    data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n\
    data: [DONE]\n\n";

#[tokio::test]
async fn the_pieces_of_a_text_come_however_they_are_cut() {
    for frame in [1, 2, 7, 4_096] {
        let (tokens, asked) = tokens(StatusCode::OK, ANSWER, frame).await;
        assert_eq!(tokens.unwrap(), ["Grüße", " 🫖"]);
        let asked = asked.lock().unwrap();
        let [(key, body)] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!(
            (key.as_str(), &body["model"], &body["stream"]),
            ("Bearer secret", &"small".into(), &true.into())
        );
        assert_eq!(body["messages"][1]["content"], "Why?");
    }
}

#[tokio::test]
async fn half_a_text_is_a_failure() {
    let half = ANSWER.split_once("data: [DONE]").unwrap().0;
    let failure = tokens(StatusCode::OK, half, 100).await.0.unwrap_err();
    assert_eq!(failure.to_string(), "the model's response broke off");
}

#[tokio::test]
async fn a_refusal_is_tried_again_if_that_can_help() {
    for (status, is_final) in [(401, true), (404, true), (429, false), (503, false)] {
        let status = StatusCode::from_u16(status).unwrap();
        let failure = tokens(status, "{}", 100).await.0.unwrap_err();
        assert_eq!(failure.is_retriable(), !is_final, "{failure}");
    }
}
