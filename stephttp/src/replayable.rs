//! Which extractors give the same in a re-entry.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{
    Extension, Form, MatchedPath, NestedPath, OriginalUri, Path, Query, RawForm, RawPathParams, RawQuery,
    State,
};
use http::{Method, Uri};

use crate::live::Live;
use crate::remember::Remember;
use crate::step::Step;

/// An extractor that gives the same in a re-entry as in the first request.
///
/// When Inngest calls an endpoint back, the request carries the method, path, query, content type
/// and body of the first one, and nothing else: no `Authorization`, no cookies, no peer address. In
/// a handler that can be called back, [`#[api_fn]`](macro@crate::api_fn) demands of each argument
/// that it can be made of those. axum's own extractors of them are `Replayable`, as are
/// [`Remember`], which keeps the first request's value, and [`Step`].
///
/// An extractor of your own declares it:
///
/// ```
/// use axum::extract::{FromRequestParts, Path};
/// use axum::http::request::Parts;
/// use inngest::extract::Replayable;
/// use inngest::{Step, StepError};
///
/// struct OrderId(u64);
///
/// impl<S: Send + Sync> FromRequestParts<S> for OrderId {
///     type Rejection = axum::extract::rejection::PathRejection;
///
///     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
///         Path::from_request_parts(parts, state).await.map(|Path(id)| OrderId(id))
///     }
/// }
///
/// // It reads the path, and a re-entry has that.
/// impl Replayable for OrderId {}
///
/// #[inngest::api_fn(id = "ship")]
/// async fn ship(OrderId(id): OrderId, step: Step) -> Result<String, StepError> {
///     step.run("ship", async move { Ok(format!("shipped {id}")) }).await
/// }
/// ```
///
/// For another crate's, as for `axum::extract::Multipart`, the argument declares it:
/// `#[replayable] form: Multipart`.
///
/// An [`Extension`] is what a layer has set. Where every request gets the same, as a pool from
/// `.layer(Extension(pool))`, the argument says so; for a type of your own,
/// `impl Replayable for Shop {}` says it of `Extension<Shop>` in all handlers. What a layer makes
/// of a request's headers, as who is logged in, is [remembered](Remember):
///
/// ```
/// use axum::extract::{Extension, FromRequestParts};
/// use axum::http::{StatusCode, request::Parts};
/// use inngest::{Remember, Step, StepError};
/// use serde::{Deserialize, Serialize};
///
/// # #[derive(Clone)] struct Pool;
/// /// A layer puts it into the request's extensions.
/// #[derive(Clone, Serialize, Deserialize)]
/// struct User(String);
///
/// impl<S: Sync> FromRequestParts<S> for User {
///     type Rejection = StatusCode;
///
///     async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
///         parts.extensions.get().cloned().ok_or(StatusCode::UNAUTHORIZED)
///     }
/// }
///
/// #[inngest::api_fn(id = "greet-user")]
/// async fn greet(
///     #[replayable] Extension(pool): Extension<Pool>,
///     Remember(User(name)): Remember<User>,
///     step: Step,
/// ) -> Result<String, StepError> {
///     step.run("greet", async move { Ok(format!("hello, {name}")) }).await
/// }
/// ```
///
/// Where it is not so, and the handler can do with another value or with none, the argument says
/// so:
///
/// ```
/// use axum::http::HeaderMap;
/// use inngest::{Step, StepError};
///
/// #[inngest::api_fn(id = "log-agent")]
/// async fn log_agent(#[not_replayed] headers: HeaderMap, step: Step) -> Result<String, StepError> {
///     let agent = headers.get("user-agent").cloned();
///     step.run("greet", async move { Ok(format!("hello, {agent:?}")) }).await
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the same when Inngest calls this handler again",
    label = "write `Remember<{Self}>`, which keeps the first request's value",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl extract::Replayable for ..`; for another \
            crate's, write `#[replayable]` before the argument",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait Replayable {}

macro_rules! replayable {
    ($($extractor:ty),* $(,)?) => {
        $(#[diagnostic::do_not_recommend] impl Replayable for $extractor {})*
    };
}

replayable!(
    Body,
    Bytes,
    MatchedPath,
    Method,
    NestedPath,
    OriginalUri,
    RawForm,
    RawPathParams,
    RawQuery,
    Live,
    Step,
    String,
    Uri,
    (),
);

#[diagnostic::do_not_recommend]
impl<T: Replayable> Replayable for Extension<T> {}
#[diagnostic::do_not_recommend]
impl<T> Replayable for Form<T> {}
#[diagnostic::do_not_recommend]
impl<T> Replayable for Json<T> {}
#[diagnostic::do_not_recommend]
impl<T> Replayable for Path<T> {}
#[diagnostic::do_not_recommend]
impl<T> Replayable for Query<T> {}
#[diagnostic::do_not_recommend]
impl<T> Replayable for Remember<T> {}
#[diagnostic::do_not_recommend]
impl<T> Replayable for State<T> {}
#[diagnostic::do_not_recommend]
impl<T: Replayable> Replayable for Option<T> {}
#[diagnostic::do_not_recommend]
impl<T: Replayable, E> Replayable for Result<T, E> {}

/// axum takes several extractors as one argument.
macro_rules! tuples {
    ($first:ident $($more:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$first: Replayable, $($more: Replayable),*> Replayable for ($first, $($more,)*) {}
        tuples!($($more)*);
    };
    () => {};
}

tuples!(A B C D E F G H I J K L M N O P);
