//! What guards tell Inngest's calls back by.

use std::convert::Infallible;

use axum::extract::OptionalFromRequestParts;
use http::request::Parts;

use crate::wire::RunId;

/// Marks a request as Inngest's call back. It is an extension of the request, which
/// [`inngest.layer()`](crate::Provider::layer), or [`inngest.verify()`](crate::Provider::verify),
/// sets once it has verified the request's signature, and Inngest has shown that the run goes on.
///
/// A call back has no credentials, cookies or peer address of the client's. A login, a rate limit
/// or another guard inside of the layer lets it pass by this mark. No header can bring the mark
/// about: a request without a signature of Inngest's never has it. In dev mode alone it says no
/// more than that the request claims to be Inngest's, since the dev server signs nothing.
///
/// ```
/// use axum::extract::Request;
/// use axum::http::{StatusCode, header::AUTHORIZATION};
/// use axum::middleware::{Next, from_fn};
/// use axum::response::Response;
/// use axum::{Router, routing::post};
/// use inngest::{Provider, Reentry};
///
/// async fn login(request: Request, next: Next) -> Result<Response, StatusCode> {
///     // The client was let in with the first request.
///     let is_inngest = request.extensions().get::<Reentry>().is_some();
///     if is_inngest || request.headers().contains_key(AUTHORIZATION) {
///         Ok(next.run(request).await)
///     } else {
///         Err(StatusCode::UNAUTHORIZED)
///     }
/// }
///
/// # async fn order() {}
/// fn app(inngest: &Provider) -> Router {
///     Router::new()
///         .route("/orders", post(order))
///         .layer(from_fn(login))
///         // Outermost, so that it has verified the request before `login` sees it.
///         .layer(inngest.layer())
/// }
/// ```
///
/// # Around durable routes alone
///
/// Inngest signs the body and the time, not the method, the path or the run. Whoever has read a
/// signature less than five minutes old, and knows a run that still goes on, can send a request
/// that has the mark, to any route inside of the layer. A durable route takes it for one more call
/// back of that run. An ordinary handler knows nothing of runs: so let no guard of an ordinary
/// route look for the mark, and give such a route the guard without the exception.
///
/// # As an argument
///
/// As an argument of a `from_fn` function it is `Option<Reentry>`. A handler needs none: it is the
/// same code in each request of a run, and what the login has found comes by
/// [`Remember`](crate::Remember).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reentry {
    run_id: RunId,
}

impl Reentry {
    pub(crate) fn of(run_id: RunId) -> Self {
        Self { run_id }
    }

    /// The run that Inngest calls back for.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run_id
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Reentry {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().copied())
    }
}
