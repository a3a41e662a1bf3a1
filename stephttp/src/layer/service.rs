//! The service that the layer makes: tells re-entries from other requests.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use tower_service::Service;

use super::first::{BoxFuture, ResponseFuture};
use super::reentry;
use crate::app::App;
use crate::exchange::{is_reentry, keep};
use crate::remember::RememberedOutside;
use crate::run::{CurrentRun, Run};

/// A service whose requests may be runs; made by [`DurableLayer`](super::DurableLayer).
#[derive(Debug, Clone)]
pub struct DurableService<S> {
    inner: S,
    app: Arc<App>,
}

impl<S> DurableService<S> {
    pub(super) fn new(inner: S, app: Arc<App>) -> Self {
        Self { inner, app }
    }
}

impl<S, B, R> Service<Request<B>> for DurableService<S>
where
    S: Service<Request<Body>, Response = http::Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(Body::new);
        if let Some(CurrentRun(run)) = request.extensions().get() {
            // A layer further out has it in hand.
            self.app.warn_of_second_layer();
            if let Some(outer) = run.app() {
                outer.note_inner_layer();
            }
            return ResponseFuture::passing(boxed(self.inner.call(request)));
        }
        if is_reentry(request.headers()) {
            // The service that is ready must be the one that is called.
            let other = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, other);
            let call = Box::new(move |request| boxed(inner.call(request)));
            return ResponseFuture::answering(reentry::serve(self.app.clone(), call, request));
        }
        let (mut parts, body) = request.into_parts();
        if let Some(RememberedOutside(value)) = parts.extensions.get() {
            self.app.complain_of_remember_outside(value);
        }
        let run = Arc::new(Run::first(self.app.clone(), &parts));
        parts.extensions.insert(CurrentRun(run.clone()));
        let body = keep(run.clone(), body);
        ResponseFuture::first(boxed(self.inner.call(Request::from_parts(parts, body))), run)
    }
}

/// The service's future, whatever service it is: the only place that knows its responses' body.
fn boxed<R, E>(
    response: impl Future<Output = Result<http::Response<R>, E>> + Send + 'static,
) -> BoxFuture<Result<Response, E>>
where
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    Box::pin(async { Ok(response.await?.map(Body::new)) })
}
