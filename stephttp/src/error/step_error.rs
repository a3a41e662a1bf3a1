//! What a handler gets from a step that failed for good.

use std::error::Error;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::untrusted::shown;
use crate::wire::{OpError, RunId};

/// A step failed for good: without retries left, or because retrying cannot help.
///
/// It is the same value in the request in which the step failed and in every later one: the step's
/// id, and the name, message and causes of its [`Failure`](crate::Failure) as text. The causes are
/// its [`source`](Error::source), and the source of that, and so on; their `Debug` shows their
/// names, too.
///
/// A handler may catch it and go on, to compensate for what was done before:
///
/// ```
/// # use inngest::{Failure, Step, StepError};
/// # async fn book_flight() -> Result<u32, Failure> { Ok(1) }
/// # async fn cancel_hotel() -> Result<(), Failure> { Ok(()) }
/// async fn book(step: Step) -> Result<(), StepError> {
///     if let Err(error) = step.run("book-flight", book_flight()).await {
///         step.run("cancel-hotel", cancel_hotel()).await?;
///         return Err(error);
///     }
///     Ok(())
/// }
/// ```
///
/// As a response it is a 500 with `{"error":"a step failed","step":"<id>"}`. The message is logged,
/// and shown in Inngest. It may tell more than a client should know, so the response has it, as
/// `"message"`, in two cases alone:
///
/// - if the SDK wrote it: for a limit of this SDK, a step's time limit, or an invalid id or
///   timeout;
/// - in dev mode, for steps that run in the process: [`run`](crate::Step::run) and those that send.
#[derive(Clone)]
pub struct StepError {
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    step: String,
    name: String,
    message: String,
    cause: Option<Cause>,
    /// Whether a client may see the message.
    is_public: bool,
    is_timeout: bool,
    /// For the log.
    run: Option<(RunId, Option<String>)>,
}

/// The name of what a step failed with whose attempt took too long.
pub(crate) const STEP_TIMEOUT: &str = "StepTimeout";

/// The name that Inngest gives to what an invocation failed with that took too long.
const INVOKE_TIMEOUT: &str = "InngestInvokeTimeoutError";

impl StepError {
    pub(crate) fn new(step: impl Into<String>, error: OpError) -> Self {
        let is_public = error.is_own();
        let is_timeout = (is_public && error.name == STEP_TIMEOUT) || error.name == INVOKE_TIMEOUT;
        let OpError { name, message, cause, .. } = error;
        Self {
            inner: Box::new(Inner {
                is_public,
                is_timeout,
                step: step.into(),
                name,
                message,
                cause: cause.map(|cause| Cause::new(*cause)),
                run: None,
            }),
        }
    }

    /// Which run the step is of, and its function, for the log.
    pub(crate) fn of_run(mut self, run_id: RunId, function: Option<String>) -> Self {
        self.inner.run = Some((run_id, function));
        self
    }

    /// Whoever sees the response is a developer.
    pub(crate) fn shown_in_dev(mut self, is_dev: bool) -> Self {
        self.inner.is_public |= is_dev;
        self
    }

    /// The id of the step that failed, as written in the handler.
    #[must_use]
    pub fn step_id(&self) -> &str {
        &self.inner.step
    }

    /// The name of the error: the type that the step returned, such as `CardDeclined`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether the step failed because its last attempt exceeded the step's
    /// [time limit](crate::step::RunStep::timeout), or because an invoked function exceeded the
    /// [timeout of the invocation](crate::step::InvokeStep::timeout).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use inngest::{Failure, Step, StepError};
    /// # async fn quote() -> Result<u32, Failure> { Ok(7) }
    /// async fn price(step: &Step) -> Result<u32, StepError> {
    ///     match step.run("quote", quote()).timeout(Duration::from_secs(20)).await {
    ///         Err(error) if error.is_timeout() => Ok(990),
    ///         quoted => quoted,
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.inner.is_timeout
    }

    /// The error's message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step `{}` failed", self.inner.step)?;
        // An error may have no text.
        if self.inner.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.inner.message) }
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepError")
            .field("step_id", &self.inner.step)
            .field("name", &self.inner.name)
            .field("message", &self.inner.message)
            .field("cause", &self.inner.cause)
            .finish()
    }
}

impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.cause.as_ref().map(|cause| cause as _)
    }
}

impl IntoResponse for StepError {
    fn into_response(self) -> Response {
        let text = self.to_string();
        let (run_id, function) = self.inner.run.clone().unzip();
        tracing::error!(run_id = run_id.map(display), function = function.flatten(), step = %shown(self.step_id()), name = %shown(self.name()), "{}", shown(&text));
        let mut body = serde_json::json!({ "error": "a step failed", "step": self.step_id() });
        if self.inner.is_public {
            body["message"] = self.message().into();
        }
        let body = body.to_string();
        let json = HeaderValue::from_static("application/json");
        (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, json)], body).into_response()
    }
}

/// A cause, as text.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    name: String,
    message: String,
    cause: Option<Box<Cause>>,
}

impl Cause {
    fn new(error: OpError) -> Self {
        let OpError { name, message, cause, .. } = error;
        Self { name, message, cause: cause.map(|cause| Box::new(Self::new(*cause))) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;

    #[test]
    fn causes_are_complete_also_those_of_other_sdks() {
        // An error as a function of the JS SDK leaves it, a text as its last cause.
        let json = r#"{"error":"NonRetriableError","name":"OrderError","message":"no order","stack":"OrderError: …",
            "cause":{"__serialized":true,"name":"TypeError","message":"not a number","stack":null,"cause":"NaN"}}"#;
        let error = StepError::new("order", serde_json::from_str(json).unwrap());
        assert_eq!((error.step_id(), error.name(), error.message()), ("order", "OrderError", "no order"));
        assert_eq!(error.to_string(), "step `order` failed: no order");
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), "not a number");
        assert!(format!("{cause:?}").contains("TypeError"));
        assert_eq!(cause.source().unwrap().to_string(), "NaN");
        assert!(cause.source().unwrap().source().is_none());
    }

    #[test]
    fn an_error_without_a_text_has_none() {
        let error = StepError::new("charge", OpError::new("Declined", ""));
        assert_eq!(error.to_string(), "step `charge` failed");
    }

    #[test]
    fn an_error_that_is_a_failures_cause_keeps_its_names() {
        #[derive(Debug, thiserror::Error)]
        #[error("booking failed")]
        struct BookingFailed(#[source] StepError);

        let inner =
            OpError { cause: Some(Box::new(OpError::new("Io", "reset"))), ..OpError::new("Declined", "no") };
        let wire = Failure::from(BookingFailed(StepError::new("charge", inner))).to_wire();
        let cause = wire.cause.unwrap();
        assert_eq!((cause.name.as_str(), cause.message.as_str()), ("Declined", "step `charge` failed: no"));
        let root = cause.cause.unwrap();
        assert_eq!((root.name.as_str(), root.message.as_str()), ("Io", "reset"));
    }
}
