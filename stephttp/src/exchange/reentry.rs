//! What guards tell Inngest's calls back by.

use std::convert::Infallible;

use axum::extract::OptionalFromRequestParts;
use http::request::Parts;

use crate::wire::RunId;

/// Marks a request as Inngest's call back. It is an extension of the request, which
/// [`inngest.layer()`](crate::Provider::layer), or [`inngest.verify()`](crate::Provider::verify),
/// sets once it has verified the request's signature, and Inngest has shown that the run goes on.
///
/// A call back does not have the client's credentials, cookies or peer address. A login, a rate
/// limit or another guard inside of the layer should let requests with this extension pass. No
/// header can set the extension: a request without a signature of Inngest never has it. Dev mode is
/// the exception: the dev server does not sign, so every request that claims to come from Inngest
/// has it.
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
/// Inngest signs the body and the time, but not the method, the path or the run. Whoever has read a
/// signature that is less than five minutes old, and knows a run that still goes on, can send a
/// request that gets the extension, to any route inside of the layer. A durable route takes such a
/// request for one more call back of that run. An ordinary handler knows nothing of runs. So do not
/// look for the extension in the guard of an ordinary route.
///
/// # As an argument
///
/// A `from_fn` function can take `Option<Reentry>` as an argument. A handler does not need it: the
/// same code runs in each request of a run, and [`Remember`](crate::Remember) keeps the result of
/// the login.
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
