//! What a verified re-entry carries for layers, and the SDK's own answers for `verify`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::OptionalFromRequestParts;
use bytes::Bytes;
use http::request::Parts;

use crate::app::App;
use crate::exchange::Dispatch;
use crate::wire::RunId;

/// A request extension: Inngest is calling a run back.
///
/// Only a re-entry has it, and only one that has been verified: [`Provider::layer`] sets it, and so
/// does [`Provider::verify`], before what is inside of them sees the request. No header of a
/// request gives it. (In dev mode a request without a signature is believed to be Inngest's.)
///
/// A re-entry has no credentials, cookies or peer address of the client's, whose first request has
/// passed all guards. So a guard lets it pass:
///
/// ```
/// use axum::extract::Request;
/// use axum::http::StatusCode;
/// use axum::middleware::Next;
/// use axum::response::Response;
/// use inngest::Reentry;
///
/// async fn only_with_token(request: Request, next: Next) -> Result<Response, StatusCode> {
///     if request.extensions().get::<Reentry>().is_none() && !request.headers().contains_key("authorization") {
///         return Err(StatusCode::UNAUTHORIZED);
///     }
///     Ok(next.run(request).await)
/// }
///
/// # fn app(inngest: inngest::Provider) -> axum::Router {
/// axum::Router::new()
///     // .route("/orders", post(create_order))
///     .layer(axum::middleware::from_fn(only_with_token))
///     .layer(inngest.layer())
/// # }
/// ```
///
/// It is an extractor too, as `Option<Reentry>`. That is for guards: a handler that does one thing
/// in its first request and another in a re-entry does not replay.
///
/// [`Provider::layer`]: crate::Provider::layer
/// [`Provider::verify`]: crate::Provider::verify
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reentry {
    run_id: RunId,
}

impl Reentry {
    pub(super) fn new(run_id: RunId) -> Self {
        Self { run_id }
    }

    /// The run that goes on.
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

/// What the layer inside need not do again.
#[derive(Clone)]
pub(super) struct Verified {
    /// Whose keys it was verified by.
    pub(super) app: Arc<App>,
    pub(super) dispatch: Dispatch,
    pub(super) body: Bytes,
}

/// Marks an answer that the SDK has made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ours;
