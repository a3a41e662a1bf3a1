//! What a handler says of itself while it runs.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::Step;
use crate::error::StepError;
use crate::function::FnOpts;
use crate::run::RefusedOpts;
use crate::untrusted::shown;
use crate::wire::OpError;

impl Step {
    /// Says the options of a handler without the attribute [`#[api_fn]`](macro@crate::api_fn), or
    /// of any service that is no handler. Before the first step; in re-entries too, so do it at the
    /// top.
    ///
    /// ```
    /// use inngest::{AsyncResponse, FnOpts, Step, StepError};
    ///
    /// async fn export(step: Step) -> Result<String, StepError> {
    ///     step.configure(FnOpts::new("export").retries(5).async_response(AsyncResponse::Token))?;
    ///     step.run("collect", async { Ok::<_, inngest::Failure>("a,b,c".to_owned()) }).await
    /// }
    /// ```
    ///
    /// The attribute does more: it checks at compile time that extractors accept a re-entry, it is
    /// known before the first request, and its function is in
    /// [`registered`](crate::function::registered). Where handlers say fewer
    /// [retries](FnOpts::retries) than three here, a re-entry that comes to a new process, and
    /// cannot get to its handler since Inngest's API fails just then, may ask for a retry that it
    /// does not have: its run hangs. With the attribute that is known.
    ///
    /// # Errors
    /// When a step has begun already, when options were given before, by the attribute or another
    /// call, when the handler is over, when the id is that of an annotated function, when there are
    /// more retries than Inngest makes, when the time limit of its steps is zero, and when there is
    /// an [`AsyncResponse::Custom`], which takes
    /// [`configure_with_parts`](Self::configure_with_parts). Nothing has changed then. It is
    /// logged.
    ///
    /// [`AsyncResponse::Custom`]: crate::AsyncResponse::Custom
    #[doc(alias = "Configure")]
    pub fn configure(&self, opts: FnOpts) -> Result<(), ConfigureError> {
        self.run.configure(opts, None).map_err(|reason| self.refused(&opts, reason))
    }

    /// As [`configure`](Self::configure), with the request's parts for an
    /// [`AsyncResponse::Custom`], which is given them. A handler gets them by an argument of that
    /// type.
    ///
    /// # Errors
    /// As [`configure`](Self::configure).
    ///
    /// [`AsyncResponse::Custom`]: crate::AsyncResponse::Custom
    pub fn configure_with_parts(&self, opts: FnOpts, parts: Parts) -> Result<(), ConfigureError> {
        self.run.configure(opts, Some(parts)).map_err(|reason| self.refused(&opts, reason))
    }

    /// Says whether Inngest is not given the response's body, whatever the options say: at any time
    /// before the response ends, also while it is streamed, and as often as you like. So a handler
    /// can keep its errors, and omit what went well:
    ///
    /// ```
    /// use axum::response::{IntoResponse, Response};
    /// use inngest::{Step, StepError};
    /// # async fn statement() -> Result<String, inngest::Failure> { Ok("42".to_owned()) }
    ///
    /// #[inngest::api_fn(id = "statement")]
    /// async fn show(step: Step) -> Result<Response, StepError> {
    ///     let statement = step.run("statement", statement()).await?;
    ///     step.omit_response_body(true);
    ///     Ok(statement.into_response())
    /// }
    /// ```
    ///
    /// The last word counts. What has passed of a body while it was omitted is not kept, so such a
    /// body stays omitted. For all else see [`FnOpts::omit_response_body`].
    #[doc(alias = "UpdateOmitResponseBody")]
    #[doc(alias = "update_omit_response_body")]
    pub fn omit_response_body(&self, omit: bool) {
        self.run.omit_response_body(omit);
    }

    fn refused(&self, opts: &FnOpts, reason: RefusedOpts) -> ConfigureError {
        tracing::error!(run_id = %self.run.id(), function = self.run.log_name(), id = %shown(opts.id()), "a handler's options have no effect: {reason}");
        ConfigureError { reason }
    }
}

/// Why [`Step::configure`] had no effect.
///
/// As a response it is a 500; the reason is logged. In a handler that answers with [`StepError`],
/// `?` makes it one, of the name `ConfigureError`.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the handler's options have no effect: {reason}")]
pub struct ConfigureError {
    reason: RefusedOpts,
}

/// As `Display`: a handler that unwraps it shows it so.
impl fmt::Debug for ConfigureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl IntoResponse for ConfigureError {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, "the endpoint misuses its options; its log says how")
            .into_response()
    }
}

#[diagnostic::do_not_recommend]
impl From<ConfigureError> for StepError {
    fn from(error: ConfigureError) -> Self {
        Self::new("configure", OpError::new("ConfigureError", error.to_string()))
    }
}
