//! What an app under replay takes for Inngest: it has one run's state, and keeps what it is told in
//! memory.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use crate::socket;
use crate::sync::lock;

/// It stops when it is dropped.
#[derive(Debug)]
pub(super) struct Inngest {
    state: Arc<Mutex<Held>>,
    address: SocketAddr,
    task: AbortHandle,
}

/// The run that is held.
#[derive(Debug, Default)]
struct Held {
    run: String,
    state: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Saved {
    #[serde(default)]
    steps: Vec<SavedStep>,
}

#[derive(Deserialize)]
struct SavedStep {
    id: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

impl Drop for Inngest {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inngest {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(Held::default()));
        let task = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Ok(Self { state, address, task })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this is how the run stands.
    pub(super) fn hold(&self, run: &str, state: BTreeMap<String, String>) {
        *lock(&self.state) = Held { run: run.to_owned(), state };
    }
}

/// Takes connections, for ever; they end with it.
async fn accept(listener: TcpListener, state: Arc<Mutex<Held>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = socket::accept(&listener).await;
        while connections.try_join_next().is_some() {}
        let state = Arc::clone(&state);
        connections.spawn(socket::serve(stream, move |request| answer(Arc::clone(&state), request)));
    }
}

async fn answer(state: Arc<Mutex<Held>>, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (status, text) = take(&mut lock(&state), &parts.method, parts.uri.path(), &body);
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    Ok(response)
}

fn take(held: &mut Held, method: &Method, path: &str, body: &Bytes) -> (StatusCode, String) {
    let of_run = |prefix: &str, suffix: &str| {
        path.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix)) == Some(held.run.as_str())
    };
    if method == Method::GET && of_run("/v0/runs/", "/actions") {
        let entries: Vec<String> =
            held.state.iter().map(|(hash, value)| format!("\"{hash}\":{value}")).collect();
        return (StatusCode::OK, format!("{{{}}}", entries.join(",")));
    }
    if method == Method::GET && path.ends_with("/actions") {
        return (StatusCode::GONE, r#"{"error":"runtime state is no longer available"}"#.to_owned());
    }
    if method == Method::GET && of_run("/v1/runs/", "") {
        return (StatusCode::OK, serde_json::json!({"data": {"status": "Running"}}).to_string());
    }
    if method == Method::POST && of_run("/v1/checkpoint/", "/async") {
        match serde_json::from_slice::<Saved>(body) {
            Ok(saved) => {
                for SavedStep { id, data } in saved.steps {
                    let data = data.as_ref().map_or("null", |data| data.get());
                    held.state.entry(id).or_insert_with(|| format!("{{\"data\":{data}}}"));
                }
                return (StatusCode::OK, String::new());
            }
            Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()),
        }
    }
    (StatusCode::OK, "{}".to_owned())
}
