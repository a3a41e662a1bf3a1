//! The wire between an app and its Inngest, on which calls can get lost.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::http;
use crate::socket;
use crate::text::explain;

/// How long a part of a stream goes on whose process is to die of it.
const DYING_PART: Duration = Duration::from_millis(50);

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Passes,
    /// It is answered with a 500 and goes no further.
    Fails,
    /// The connection is closed, and it goes no further.
    CutBefore,
    /// It is processed, and the connection is closed.
    CutAfter,
    /// Whoever made the call dies of it; it goes no further.
    DeathBefore,
    /// It is processed, and whoever made it dies.
    DeathAfter,
}

/// Who decides about the calls.
pub(super) trait Fates: Send + Sync + 'static {
    /// The fate of the n-th call, from 1, by its method and path.
    fn of_call(&self, nth: usize, method: &Method, path: &str) -> Fate;

    /// The call has come to its end.
    fn ended(&self);

    /// The caller dies; returns when it has.
    fn death(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A call will be processed whose caller dies then: what it leads to waits until
    /// [`death`](Self::death) has come.
    fn prepare_death(&self);
}

/// A wire; dropping it cuts it.
pub(super) struct Wire {
    pub(super) url: String,
    task: JoinHandle<()>,
}

/// The wire's other end.
#[derive(Clone)]
struct Far {
    inngest: Arc<str>,
    http: reqwest::Client,
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Cut(String);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cut {}

impl Wire {
    /// A wire to the server at `inngest`.
    pub(super) async fn to(inngest: &str, fates: Arc<impl Fates>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let far = Far { inngest: Arc::from(inngest), http: http()? };
        let calls = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = socket::accept(&listener).await;
                let (far, fates, calls) = (far.clone(), Arc::clone(&fates), Arc::clone(&calls));
                tokio::spawn(socket::serve(stream, move |request| {
                    // In a task of its own: the death of the caller ends the connection, and must
                    // not end this.
                    let call =
                        tokio::spawn(carry(request, far.clone(), Arc::clone(&fates), Arc::clone(&calls)));
                    async { call.await.unwrap_or_else(|error| Err(Cut(error.to_string()))) }
                }));
            }
        });
        Ok(Self { url, task })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    request: Request<Incoming>,
    far: Far,
    fates: Arc<impl Fates>,
    calls: Arc<AtomicUsize>,
) -> Result<Response<Body>, Cut> {
    // The client's waiting for its output is no call of the app's, nor is its reading of a stream.
    if request.uri().path().ends_with("/output") || !request.headers().contains_key("x-inngest-sdk") {
        return forward(request, &far).await;
    }
    let path = request.uri().path().to_owned();
    let fate = fates.of_call(calls.fetch_add(1, Ordering::SeqCst) + 1, request.method(), &path);
    // A part of a stream is under way as long as its re-entry: nobody waits for its end.
    let is_part = path.ends_with("/tee");
    if is_part {
        fates.ended();
    }
    let outcome = meet(fate, request, &far, &fates).await;
    if !is_part {
        fates.ended();
    }
    outcome
}

async fn meet(
    fate: Fate,
    request: Request<Incoming>,
    far: &Far,
    fates: &Arc<impl Fates>,
) -> Result<Response<Body>, Cut> {
    let cut = || Err(Cut("the wire is cut".to_owned()));
    match fate {
        Fate::Passes => forward(request, far).await,
        Fate::Fails => {
            let mut response = Response::new(Body::from(r#"{"error":"on purpose","status":500}"#));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            Ok(response)
        }
        Fate::CutBefore => cut(),
        Fate::CutAfter => {
            forward(request, far).await?;
            cut()
        }
        Fate::DeathBefore => {
            Arc::clone(fates).death().await;
            cut()
        }
        Fate::DeathAfter => {
            fates.prepare_death();
            if request.uri().path().ends_with("/tee") {
                // It lasts as long as its re-entry, which does nothing that counts any more.
                let _ = tokio::time::timeout(DYING_PART, forward(request, far)).await;
            } else {
                forward(request, far).await?;
            }
            Arc::clone(fates).death().await;
            cut()
        }
    }
}

async fn forward(request: Request<Incoming>, far: &Far) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    // A stream goes through as it comes, either way; whatever else is whole before it goes on.
    let streams = parts.uri.path().contains("/realtime/");
    let body = if streams {
        reqwest::Body::wrap(body)
    } else {
        body.collect().await.map_err(|error| Cut(explain(&error)))?.to_bytes().into()
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut call = far.http.request(parts.method, format!("{}{path}", far.inngest)).body(body);
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length")
    {
        call = call.header(name, value);
    }
    let answer = call.send().await.map_err(|error| Cut(explain(&error)))?;
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value);
    }
    let body = if streams {
        Body::new(reqwest::Body::from(answer))
    } else {
        answer.bytes().await.map_err(|error| Cut(explain(&error)))?.into()
    };
    response.body(body).map_err(|error| Cut(error.to_string()))
}
