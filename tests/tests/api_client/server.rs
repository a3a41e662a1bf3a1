//! A server that notes what it is asked, and answers what a test says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use inngest::client::{ApiClient, ApiClientBuilder};
use inngest::wire::CheckpointRun;
use serde_json::Value;
use stephttp_tests::serve;
use tokio::time::Instant;

pub(crate) const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";
pub(crate) const FN_ID: &str = "98819a18-31a9-54ed-84ac-c194c2ef94d6";
const APP_ID: &str = "bec6ee9c-d9e0-5d93-8399-cbfce8bc4104";

/// What the server was asked.
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers by what was asked and how many requests came before it; `None` is no answer, ever.
    pub(crate) async fn new(
        answer: impl Fn(&Seen, usize) -> Option<Response> + Clone + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let noted = seen.clone();
        let handler = move |request: Request| {
            let (answer, noted) = (answer.clone(), noted.clone());
            async move {
                let (head, body) = request.into_parts();
                let request = Seen {
                    method: head.method.to_string(),
                    path: head.uri.to_string(),
                    headers: head.headers,
                    body: axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec(),
                    at: Instant::now(),
                };
                let response = {
                    let mut noted = noted.lock().unwrap();
                    let response = answer(&request, noted.len());
                    noted.push(request);
                    response
                };
                match response {
                    Some(response) => response,
                    None => std::future::pending().await,
                }
            }
        };
        let (url, _) = serve(Router::new().fallback(handler)).await;
        Self { url, seen }
    }

    /// Answers with these in turn, and with the last for ever.
    pub(crate) async fn answers(answers: &'static [(u16, &'static str)]) -> Self {
        Self::new(|_, before| {
            let (status, body) = answers[before.min(answers.len() - 1)];
            Some(respond(status, body))
        })
        .await
    }

    /// A client in dev mode that does not wait for long.
    pub(crate) fn builder(&self) -> ApiClientBuilder {
        ApiClient::builder().dev_server(&self.url)
    }

    pub(crate) fn client(&self) -> ApiClient {
        self.builder().build().unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

pub(crate) fn respond(status: u16, body: impl Into<Body>) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.into()).into_response()
}

pub(crate) fn run() -> CheckpointRun {
    CheckpointRun::new(RUN_ID, FN_ID.parse().unwrap(), APP_ID.parse().unwrap())
}
