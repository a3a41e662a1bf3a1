//! A wire between an app and its Inngest, which counts calls, and loses answers: the call was
//! processed, and the app does not learn of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use reqwest::redirect::Policy;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::explain;
use crate::meter::Meter;
use crate::scenario::Loss;

/// A wire; dropping it cuts it.
pub(crate) struct LossyWire {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

struct Inner {
    inngest: String,
    loss: Option<Loss>,
    meter: Meter,
    /// The calls whose answers were lost.
    lost: Mutex<HashSet<(String, Bytes)>>,
    /// Keeps its connections, as the app's does: a server does not die meanwhile.
    http: reqwest::Client,
}

impl LossyWire {
    /// A wire to the server at `inngest`.
    pub(crate) async fn to(inngest: &str, loss: Option<Loss>, meter: Meter) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client");
        let inner =
            Arc::new(Inner { inngest: inngest.to_owned(), loss, meter, lost: Mutex::default(), http });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = inner.clone();
                let service = hyper::service::service_fn(move |request| {
                    // In a task of its own: a caller that goes away does not take back its call.
                    let call = tokio::spawn(carry(inner.clone(), request));
                    async { call.await.unwrap_or_else(|error| Err(error.to_string())) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, task }
    }
}

impl Drop for LossyWire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inner {
    /// Whether the answer to this call is lost. The next time that it is made, it is not.
    fn loses(&self, path: &str, body: &Bytes) -> bool {
        let concerned = match self.loss {
            // A client's waiting for its output is no call of the app's.
            None => false,
            Some(Loss::Every) => !path.contains("/output"),
            Some(Loss::Of(end)) => path.ends_with(end),
        };
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        concerned && lost.insert((path.to_owned(), body.clone()))
    }
}

/// An error closes the connection.
async fn carry(inner: Arc<Inner>, request: Request<Incoming>) -> Result<Response<Body>, String> {
    let (parts, body) = request.into_parts();
    // A stream goes through as it comes, either way; whatever else is whole before it goes on.
    let streams = parts.uri.path().contains("/realtime/");
    let (body, sent) = if streams {
        (Bytes::new(), reqwest::Body::wrap(body))
    } else {
        let body = body.collect().await.map_err(|error| explain(&error))?.to_bytes();
        (body.clone(), body.into())
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    inner.meter.note_call(&path, &body);
    let mut call = inner.http.request(parts.method, format!("{}{path}", inner.inngest)).body(sent);
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length")
    {
        call = call.header(name, value);
    }
    let answer = call.send().await.map_err(|error| explain(&error))?;
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value);
    }
    let answer = if streams {
        Body::new(reqwest::Body::from(answer))
    } else {
        answer.bytes().await.map_err(|error| explain(&error))?.into()
    };
    if inner.loses(&path, &body) {
        return Err("the answer is lost".to_owned());
    }
    response.body(answer).map_err(|error| error.to_string())
}
