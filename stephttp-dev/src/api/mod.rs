//! The server's API over HTTP: what every call has in common. The calls themselves are in the
//! modules below.

mod auth;
mod checkpoint;
mod cut;
mod events;
mod listening;
mod output;
mod realtime;
mod respond;
mod runs;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, ORIGIN, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use inngest::wire::headers;
use tower_service::Service;

use self::cut::Cut;
use crate::engine::Engine;
use crate::fault::{Act, Call, Strike};
use crate::inspect::ApiCall;
use crate::page::Page;

/// What the server reads of one request at most.
const BODY_BYTES: usize = 256 * 1024 * 1024;

/// A call's place among all calls.
#[derive(Debug, Clone, Copy)]
struct Place(usize);

/// The API of one engine.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    engine: Arc<Engine>,
    router: Router,
    page: Option<Page>,
}

/// The connection is closed without an answer.
#[derive(Debug)]
pub(crate) struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Closed {}

impl Api {
    pub(crate) fn new(engine: Arc<Engine>, page: Option<Page>) -> Self {
        let router = Router::new()
            .merge(checkpoint::routes())
            .merge(runs::routes())
            .merge(events::signal_routes())
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&engine), auth::require))
            // The output is protected by its token alone, and events by their key. Realtime tells
            // tokens from keys by itself.
            .merge(output::routes())
            .merge(realtime::routes())
            .merge(events::routes())
            .with_state(Arc::clone(&engine));
        Self { engine, router, page }
    }

    /// Takes one request: notes it, lets go wrong what a test wants to go wrong, and answers.
    pub(crate) async fn serve(
        self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Closed> {
        if let Some(page) = self.page.as_ref().filter(|_| Page::is_for(&request)) {
            return Ok(page.serve(request.map(Body::new), peer).await);
        }
        let (mut parts, body) = request.into_parts();
        parts.uri = without_trailing_slash(parts.uri);
        let kind = Call::of(&parts.method, parts.uri.path());
        let run_id = Call::run_of(&parts.uri);
        // A stream is taken while it comes; its call has its body when that has ended.
        let (known, body) = if kind == Call::Tee {
            (Bytes::new(), Body::new(body))
        } else {
            let body = Limited::new(body, BODY_BYTES).collect().await.map_err(|_| Closed)?.to_bytes();
            (body.clone(), Body::from(body))
        };
        let (place, strike, down) = self.engine.change(|state| {
            let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
            let call = ApiCall {
                kind,
                method: parts.method.clone(),
                path,
                headers: parts.headers.clone(),
                body: known,
                at: state.now(),
                status: None,
                run_id: run_id.clone(),
                noted: state.log.moment(),
            };
            let place = state.log.call(call);
            // Every fault counts, also those behind the one that strikes.
            let over = run_id.as_ref().is_some_and(|id| state.is_over(id));
            let strikes: Vec<Strike> =
                state.faults.iter_mut().filter_map(|fault| fault.strike(kind, over)).collect();
            (place, strikes.into_iter().next(), state.down)
        });
        if down {
            return Err(Closed);
        }
        let origin = parts.headers.get(ORIGIN).cloned();
        let preflight = parts.method == Method::OPTIONS;
        parts.extensions.insert(Place(place));
        let request = Request::from_parts(parts, body);
        let mut response = self.act(kind, strike, request).await?;
        self.engine.change(|state| state.log.calls[place].status = Some(response.status()));
        let server_kind = if self.engine.settings.signing_key.is_some() { "cloud" } else { "dev" };
        response.headers_mut().insert(headers::SERVER_KIND, HeaderValue::from_static(server_kind));
        allow_origin(response.headers_mut(), origin, preflight);
        Ok(response)
    }

    async fn act(
        &self,
        kind: Call,
        strike: Option<Strike>,
        request: Request<Body>,
    ) -> Result<Response<Body>, Closed> {
        let Some(strike) = strike else { return Ok(self.process(request).await) };
        if let Some(delay) = strike.delay {
            tokio::time::sleep(delay).await;
        }
        if let Some(gate) = &strike.gate {
            gate.pass().await;
        }
        match strike.act {
            Act::Process => self.broken_off(kind, strike.break_off, request).await,
            Act::DropResponse => {
                self.process(request).await;
                Err(Closed)
            }
            Act::Refuse => Err(Closed),
            Act::Hang => std::future::pending().await,
            Act::Respond { status, retry_after, body } => {
                let mut response =
                    body.map_or_else(|| usual(kind, status), |body| respond::bare(status, body));
                if let Some(value) = retry_after.and_then(|after| HeaderValue::from_str(&after).ok()) {
                    response.headers_mut().insert(RETRY_AFTER, value);
                }
                Ok(response)
            }
        }
    }

    /// Processes a request whose connection breaks off after so many bytes, if that is wanted.
    async fn broken_off(
        &self,
        kind: Call,
        bytes: Option<usize>,
        request: Request<Body>,
    ) -> Result<Response<Body>, Closed> {
        let Some(bytes) = bytes else { return Ok(self.process(request).await) };
        if kind != Call::Tee {
            return Ok(self.process(request).await.map(|body| Body::new(Cut::after(bytes, body))));
        }
        self.process(request.map(|body| Body::new(Cut::after(bytes, body)))).await;
        Err(Closed)
    }

    async fn process(&self, request: Request<Body>) -> Response<Body> {
        if request.method() == Method::OPTIONS {
            return respond::bare(StatusCode::OK, "");
        }
        let response: Result<_, Infallible> = self.router.clone().call(request).await;
        response.unwrap_or_else(|never| match never {})
    }
}

/// `/v1/checkpoint/` is `/v1/checkpoint`.
fn without_trailing_slash(uri: Uri) -> Uri {
    let Some(path) = uri.path().strip_suffix('/').filter(|path| !path.is_empty()) else { return uri };
    let whole = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    whole.parse().unwrap_or(uri)
}

/// Reflects any origin, as the real server does.
fn allow_origin(map: &mut HeaderMap, origin: Option<HeaderValue>, preflight: bool) {
    // A stream allows all of them by itself.
    let Some(origin) = origin.filter(|_| !map.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)) else { return };
    map.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if preflight {
        map.insert(http::header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
        map.insert(http::header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    } else {
        let exposed = HeaderValue::from_static("Link, Mcp-Session-Id");
        map.insert(http::header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// What the server usually says with a status.
fn usual(kind: Call, status: StatusCode) -> Response<Body> {
    match status {
        StatusCode::UNAUTHORIZED => auth::failed(),
        StatusCode::TOO_MANY_REQUESTS => respond::error(status, "Rate limits exceeded"),
        StatusCode::GONE if matches!(kind, Call::Actions | Call::Batch) => {
            respond::error(status, "runtime state is no longer available")
        }
        StatusCode::CONFLICT if kind == Call::Async => respond::error(status, "stale dispatch"),
        StatusCode::CONFLICT => respond::error(status, "Run already exists"),
        _ if status.is_success() => respond::json(status, ""),
        _ => respond::error(status, status.canonical_reason().unwrap_or("error")),
    }
}

/// A run's id in a path, in its canonical form.
fn run_id(text: &str) -> Option<String> {
    ulid::Ulid::from_string(text).ok().map(|id| id.to_string())
}
