//! Values that a re-entry cannot extract again.

use std::any::type_name;
use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exchange::is_reentry;
use crate::journal::{RememberedValues, remembered_step};
use crate::run::{CurrentRun, Run};
use crate::untrusted::{Complaint, Complaints, shown};
use crate::wire::limits::STEP_OUTPUT_BYTES;

/// Keeps an extractor's value over the whole run.
///
/// When Inngest calls an endpoint back, the request carries the method, path, query, content type
/// and body of the first one, and nothing else: no `Authorization`, no cookies, no peer address. An
/// extractor that reads those fails then, or gives another value. `Remember` runs the extractor in
/// the first request only; the value is stored (as JSON, at Inngest) when the run hands over, and
/// every re-entry gets it from there.
///
/// ```
/// use axum::Json;
/// use axum::extract::FromRequestParts;
/// use axum::http::{StatusCode, request::Parts};
/// use inngest::{Remember, Step, StepError};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct AuthUser {
///     name: String,
/// }
///
/// impl<S: Sync> FromRequestParts<S> for AuthUser {
///     type Rejection = StatusCode;
///
///     async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
///         let token = parts.headers.get("authorization").ok_or(StatusCode::UNAUTHORIZED)?;
///         Ok(AuthUser { name: token.to_str().unwrap_or_default().to_owned() })
///     }
/// }
///
/// #[inngest::api_fn(id = "close-account")]
/// async fn close_account(Remember(user): Remember<AuthUser>, step: Step) -> Result<Json<String>, StepError> {
///     step.sleep("time-to-think-again", std::time::Duration::from_secs(7 * 86_400)).await;
///     Ok(Json(format!("good bye, {}", user.name)))
/// }
/// ```
///
/// `T` must be serializable, which `HeaderMap`, `TypedHeader` or `CookieJar` are not: write an
/// extractor of what you need, as above.
///
/// A value has 1 MiB at most as JSON, and all of a run together 4 MiB. The first request has it
/// from its JSON too, so that all have the same. When a number in it would not come back the same,
/// all values are stored as one text, as a step's [output](crate::step::Storable#what-is-stored)
/// is.
///
/// Do not remember secrets: the value is visible in Inngest's dashboard. Values are told apart by
/// their type's name, and those of one type by their order in the handler's arguments; renaming the
/// type strands runs in flight, which are answered with an error that says so.
///
/// Axum's `from_fn` functions can take `Remember` too, but only inside of
/// [`Provider::layer`](crate::Provider::layer). Outside of it, `Remember` keeps nothing: the SDK
/// logs this, and answers re-entries with an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Remember<T>(pub T);

impl<T> Deref for Remember<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Remember<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<S, T> FromRequestParts<S> for Remember<T>
where
    S: Send + Sync,
    T: FromRequestParts<S> + Serialize + DeserializeOwned,
{
    type Rejection = RememberRejection<T::Rejection>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let run = parts.extensions.get::<CurrentRun>().map(|current| current.0.clone());
        match run {
            None if is_reentry(&parts.headers) => Err(outside::<T, _>()),
            // Without the layer there is nothing to store it in, and no re-entry either. Should the
            // layer be further in, it finds this.
            None => {
                let value = T::from_request_parts(parts, state).await.map_err(RememberRejection::Extract)?;
                parts.extensions.insert(RememberedOutside(type_name::<T>()));
                Ok(Self(value))
            }
            Some(run) if run.dispatch().is_some() => restore(&run).map(Self),
            Some(run) => {
                let value = T::from_request_parts(parts, state).await.map_err(RememberRejection::Extract)?;
                let refuse = |reason: String| {
                    let value = type_name::<T>();
                    tracing::error!(run_id = %run.id(), function = run.log_name(), reason, value, "a `Remember` value cannot be stored");
                    RememberRejection::Store(RememberError { value, reason })
                };
                let json = serde_json::value::to_raw_value(&value).map_err(|error| {
                    refuse(format!("it cannot be written as JSON: {}", shown(&error.to_string())))
                })?;
                let bytes = json.get().len();
                if bytes > STEP_OUTPUT_BYTES / 4 {
                    return Err(refuse(format!("it has {bytes} bytes as JSON; the most is 1 MiB")));
                }
                // From its stored form, as in every re-entry.
                let value = serde_json::from_str(json.get()).map_err(|error| {
                    let error = error.to_string();
                    refuse(format!(
                        "it cannot be read back from the JSON it was written as: {}",
                        shown(&error)
                    ))
                })?;
                run.remembered.push::<T>(json);
                Ok(Self(value))
            }
        }
    }
}

/// What a request has in its extensions of which a value was extracted without a run.
#[derive(Clone, Copy)]
pub(crate) struct RememberedOutside(pub(crate) &'static str);

/// A request that claims to be a re-entry has come to no layer yet. There is no provider here that
/// could limit how often this is said.
fn outside<T, R>() -> RememberRejection<R> {
    static LINES: LazyLock<Complaints> = LazyLock::new(Complaints::default);
    let (value, reason) = (type_name::<T>(), OUTSIDE);
    if let Some(left_out) = LINES.admit(Complaint::MissingLayer) {
        tracing::error!(value, reason, left_out, "a `Remember` value cannot be restored");
    }
    RememberRejection::Restore(RememberError { value, reason: reason.to_owned() })
}

const OUTSIDE: &str = "it is extracted outside of `inngest.layer()`, where nothing is remembered, and the request is a call \
                       back: add `inngest.layer()` after the layer that extracts it, a `from_fn` say";

fn restore<T: DeserializeOwned, R>(run: &Run) -> Result<T, RememberRejection<R>> {
    let value = type_name::<T>();
    let refuse = |reason: String| {
        let reason = shown(&reason).to_string();
        tracing::error!(run_id = %run.id(), function = run.log_name(), value, reason, "a `Remember` value cannot be restored");
        RememberRejection::Restore(RememberError { value, reason })
    };
    let stored = run.memoized(remembered_step().hash);
    let stored = stored
        .ok_or_else(|| refuse("the run has none stored: it began before the handler asked for it".into()))?;
    let stored: Result<RememberedValues, _> = stored.outcome().map_err(|error| refuse(error.to_string()))?;
    let mut stored = stored.map_err(|error| refuse(error.message))?;
    let index = run.remembered.next_index::<T>();
    let json =
        stored.0.get_mut(value).filter(|values| index < values.len()).map(|values| values.swap_remove(index));
    let json = json.ok_or_else(|| refuse("the run has none of this type stored".into()))?;
    serde_json::from_str(json.get()).map_err(|error| refuse(error.to_string()))
}

/// The rejection of the extractor [`Remember`].
///
/// What the wrapped extractor has refused is answered by its own rejection; what cannot be
/// remembered is a 500.
#[derive(Debug)]
#[non_exhaustive]
pub enum RememberRejection<R> {
    /// The wrapped extractor refused the first request.
    Extract(R),
    /// The value cannot be written as JSON, or not be read back from it.
    Store(RememberError),
    /// In a re-entry: the stored value is missing, or is no value of this type any more.
    Restore(RememberError),
}

impl<R> RememberRejection<R> {
    /// The status of the response; `None` where the wrapped extractor's rejection says it.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.error().map(RememberError::status)
    }

    /// The text of the response; `None` where the wrapped extractor's rejection says it.
    #[must_use]
    pub fn body_text(&self) -> Option<String> {
        self.error().map(RememberError::body_text)
    }

    fn error(&self) -> Option<&RememberError> {
        match self {
            Self::Extract(_) => None,
            Self::Store(error) | Self::Restore(error) => Some(error),
        }
    }
}

impl<R: fmt::Display> fmt::Display for RememberRejection<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extract(rejection) => rejection.fmt(f),
            Self::Store(error) | Self::Restore(error) => error.fmt(f),
        }
    }
}

impl<R: Error> Error for RememberRejection<R> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Extract(rejection) => rejection.source(),
            Self::Store(error) | Self::Restore(error) => error.source(),
        }
    }
}

impl<R: IntoResponse> IntoResponse for RememberRejection<R> {
    fn into_response(self) -> Response {
        match self {
            Self::Extract(rejection) => rejection.into_response(),
            Self::Store(error) | Self::Restore(error) => error.into_response(),
        }
    }
}

/// A value that could not be stored or restored. What it prints is for the developer, and is
/// logged; what [a client gets](Self::body_text) names neither the type nor the reason.
#[derive(Debug)]
pub struct RememberError {
    value: &'static str,
    reason: String,
}

impl RememberError {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// The text of the response. A client cannot mend what is wrong, so it does not say it.
    #[must_use]
    pub fn body_text(&self) -> String {
        "a remembered value was lost".to_owned()
    }
}

impl fmt::Display for RememberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remember<{}>: {}", self.value, self.reason)
    }
}

impl Error for RememberError {}

impl IntoResponse for RememberError {
    fn into_response(self) -> Response {
        (self.status(), self.body_text()).into_response()
    }
}
