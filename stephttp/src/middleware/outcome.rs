//! How an execution ended.

use http::StatusCode;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler has answered, with this status.
    Responded(StatusCode),
    /// The run goes on at Inngest, which calls back.
    HandedOver,
    /// The handler has panicked.
    Panicked,
    /// The request was given up: a step was misused, a service gave an error, a middleware failed,
    /// or the run could not be handed over; or a layer, such as one for timeouts or panics, has
    /// answered after the body of a handler with the [attribute](macro@crate::api_fn) had begun,
    /// and before its end. In a re-entry, so has an extractor's or a layer's answer in the
    /// handler's place in general. The text is for the developer.
    Failed(String),
    /// The run goes on, or has ended, without this request: whoever made it is gone, and nothing
    /// was done that would be worth going on for; or, in a re-entry, Inngest has given the work to
    /// another request, or the run has ended meanwhile and Inngest does not show it as cancelled.
    Abandoned,
    /// The run was [cancelled](crate::guide::production#cancellation), and this re-entry noticed
    /// it: the handler was dropped, or its answer is ignored.
    ///
    /// A first request never notices a cancellation. A re-entry does not notice it either if it has
    /// nothing left to save, or if Inngest does not show the cancellation within four seconds.
    #[non_exhaustive]
    Cancelled {
        /// The id of the last step whose output Inngest no longer took. `None` if Inngest has the
        /// output of every step that has ended.
        at: Option<String>,
    },
}

/// A response whose body is about to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredResponse {
    status: StatusCode,
    is_read_by_client: bool,
}

impl StoredResponse {
    pub(crate) fn new(status: StatusCode, is_read_by_client: bool) -> Self {
        Self { status, is_read_by_client }
    }

    /// The response's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the run's client reads the body from where it is stored: then what a middleware
    /// makes of it is what the client gets.
    ///
    /// It does when the run was handed over, unless
    /// [`AsyncResponse::Proxy`](crate::AsyncResponse::Proxy), which is the default in an app that
    /// has an [output route](crate::Provider::output_route), or `Negotiate` has sent it there,
    /// where the body is [restored](super::Middleware::restore_response_body). Otherwise the client
    /// gets the handler's own response, and only viewers of Inngest's dashboard see what is stored.
    #[must_use]
    pub fn is_read_by_client(&self) -> bool {
        self.is_read_by_client
    }
}
