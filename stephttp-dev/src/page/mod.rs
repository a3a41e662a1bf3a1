//! The page that shows runs as they happen, and what it asks for: `GET /`, and paths below
//! `/stephttp`, where Inngest's API has nothing.
//!
//! The page's calls are not among those that tests look at, no fault strikes them, and nothing is
//! done for the page while nobody has it open.

mod act;
mod feed;
mod guard;
mod look;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use tower_service::Service;

use crate::engine::Engine;

const HTML: &str = include_str!("index.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(include_str!("page.js"), include_str!("runs.js"), include_str!("timeline.js"));

/// Nothing from elsewhere is loaded, run, asked or shown around the page, and nothing within it is
/// run that is not the page's script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page of one engine.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    engine: Arc<Engine>,
    /// Where the server listens.
    address: SocketAddr,
    router: Router,
}

impl Page {
    pub(crate) fn new(engine: Arc<Engine>, address: SocketAddr) -> Self {
        let router = Router::new()
            .route("/", get(|| async { document("text/html; charset=utf-8", HTML) }))
            .route("/stephttp/page.css", get(|| async { document("text/css; charset=utf-8", STYLE) }))
            .route("/stephttp/page.js", get(|| async { document("text/javascript; charset=utf-8", SCRIPT) }))
            .route("/stephttp/feed", get(feed::feed))
            .route("/stephttp/runs/{run}", get(look::run))
            .route("/stephttp/runs/{run}/text", get(look::text))
            .route("/stephttp/runs/{run}/picture", get(look::picture))
            .route("/stephttp/runs/{run}/steps/{hash}", get(look::step))
            .route("/stephttp/runs/{run}/answers/{n}", get(look::answer))
            .route("/stephttp/runs/{run}/response", get(look::response))
            .route("/stephttp/runs/{run}/cancel", post(act::cancel))
            .route("/stephttp/events", post(act::event))
            .route("/stephttp/signals", post(act::signal))
            .route("/stephttp/clock", post(act::clock))
            .route("/stephttp/dispatches", post(act::dispatches))
            // An event is refused for its size by the engine, which says why.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&engine));
        Self { engine, address, router }
    }

    /// Whether a request is for the page.
    pub(crate) fn is_for<B>(request: &Request<B>) -> bool {
        let looks = matches!(*request.method(), Method::GET | Method::HEAD);
        (request.uri().path() == "/" && looks) || request.uri().path().starts_with("/stephttp/")
    }

    /// Answers a request for the page.
    pub(crate) async fn serve(&self, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        let keyed = self.engine.settings.signing_key.is_some();
        let mut response = match guard::admit(&request, self.address, peer, keyed) {
            Err(why) => refused(StatusCode::FORBIDDEN, &why),
            Ok(()) => {
                let response: Result<_, Infallible> = self.router.clone().call(request).await;
                response.unwrap_or_else(|never| match never {})
            }
        };
        let same_origin = HeaderName::from_static("cross-origin-resource-policy");
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
            (same_origin, "same-origin"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn document(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn json(value: &serde_json::Value) -> Response<Body> {
    document("application/json", value.to_string())
}

/// An answer that says why, for people.
fn refused(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = json(&serde_json::json!({ "error": why }));
    *response.status_mut() = status;
    response
}
