//! The service that the layer makes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{is_ours, stand_in};
use crate::app::App;
use crate::exchange::{Reentry, is_reentry};
use crate::layer::admission::{Admitted, admit};
use crate::layer::first::BoxFuture;
use crate::layer::once::as_another;
use crate::layer::verified::{ShownState, Verified};
use crate::layer::{answer, standing};
use crate::run::CurrentRun;

/// A service whose re-entries are verified; made by [`VerifyLayer`](super::VerifyLayer).
#[derive(Debug, Clone)]
pub struct VerifyService<S> {
    inner: S,
    app: Arc<App>,
}

impl<S> VerifyService<S> {
    pub(super) fn new(inner: S, app: Arc<App>) -> Self {
        Self { inner, app }
    }
}

impl<S, B, R> Service<Request<B>> for VerifyService<S>
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
    type Future = VerifyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(Body::new);
        if !is_reentry(request.headers()) || is_in_hand(&self.app, &request) {
            return VerifyFuture { stage: Stage::Passing { future: self.inner.call(request) } };
        }
        // The service that is ready must be the one that is called.
        let other = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, other);
        VerifyFuture {
            stage: Stage::Answering { response: Box::pin(serve(self.app.clone(), inner, request)) },
        }
    }
}

/// Whether a layer further out has the request in hand.
fn is_in_hand(app: &App, request: &Request<Body>) -> bool {
    if request.extensions().get::<CurrentRun>().is_some() {
        app.warn_of_verify_inside();
        return true;
    }
    let is_verified = request.extensions().get::<Verified>().is_some_and(|by| std::ptr::eq(&*by.app, app));
    if is_verified {
        app.warn_of_second_verify();
    }
    is_verified
}

/// Verifies a re-entry, and answers it.
async fn serve<S, R>(app: Arc<App>, mut inner: S, request: Request<Body>) -> Response
where
    S: Service<Request<Body>, Response = http::Response<R>> + Send,
    S::Future: Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    let Admitted { mut parts, body, dispatch, sure_retries } = match admit(&app, request).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    // The signature says nothing of the run. And behind the guards may be a route that is not
    // durable, which would ask nobody.
    if let Some(answer) = as_another(&app, &dispatch).await {
        return answer;
    }
    let state = match standing::state(&app, &dispatch, sure_retries).await {
        Ok(memo) => ShownState::now(memo),
        Err(ending) => return answer::ending(dispatch.run_id, ending),
    };
    let route = (parts.method.clone(), parts.extensions.get::<MatchedPath>().cloned());
    parts.extensions.insert(Reentry::of(dispatch.run_id));
    let verified =
        Verified { app: app.clone(), dispatch: dispatch.clone(), body: body.clone(), state: state.clone() };
    parts.extensions.insert(verified);
    let answered = inner.call(Request::from_parts(parts, Body::from(body))).await;
    let response = answered.ok().map(|response| response.map(Body::new));
    match response {
        Some(response) if is_ours(&response) => response,
        response => {
            let status = response.as_ref().map(Response::status);
            // Its body may hold something that the handler needs to go on.
            drop(response);
            stand_in(app, dispatch, state, route, status).await
        }
    }
}

pin_project! {
    /// The future of [`VerifyService`].
    pub struct VerifyFuture<F> {
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F> {
        Passing { #[pin] future: F },
        Answering { response: BoxFuture<Response> },
    }
}

impl<F, R, E> Future for VerifyFuture<F>
where
    F: Future<Output = Result<http::Response<R>, E>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            StageProjection::Passing { future } => {
                Poll::Ready(ready!(future.poll(cx)).map(|response| response.map(Body::new)))
            }
            StageProjection::Answering { response } => response.as_mut().poll(cx).map(Ok),
        }
    }
}

impl<F> fmt::Debug for VerifyFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyFuture").finish_non_exhaustive()
    }
}
