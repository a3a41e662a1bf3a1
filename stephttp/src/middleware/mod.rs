//! What runs around every durable execution and step: metrics, encryption, tracing.
//!
//! A [`Middleware`] is given to [`SetupOpts::middleware`](crate::SetupOpts::middleware), once for
//! all endpoints of a provider.

mod chain;
mod checkpoint_context;
mod contained;
mod delivery_context;
#[cfg(feature = "encryption")]
mod encryption;
mod erased;
mod execution;
mod lost_run;
#[cfg(feature = "metrics")]
mod metrics;
mod outcome;
mod publish_context;
mod send_context;
mod step_context;
mod traces;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::value::RawValue;

pub(crate) use chain::Chain;
pub use checkpoint_context::{CheckpointCall, CheckpointContext};
pub(crate) use contained::{MiddlewareFault, contained, told};
pub use delivery_context::DeliveryContext;
#[cfg(feature = "encryption")]
pub use encryption::{Encryption, EncryptionError, EncryptionErrorKind, EncryptionKeyError};
pub use execution::Execution;
pub use lost_run::LostRun;
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
pub use outcome::{Outcome, StoredResponse};
pub use publish_context::PublishContext;
pub use send_context::SendContext;
pub use step_context::StepContext;
pub use traces::{TraceContext, Tracing};

use crate::client::ApiError;
use crate::error::{Failure, StepError};
use crate::wire::RunId;

/// Code around every execution of a handler and every step, and over all that is stored at Inngest.
///
/// Every method has a default that does nothing. They are called in first requests and in
/// re-entries alike.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use inngest::middleware::{Middleware, StepContext};
/// use inngest::{Provider, SetupError, SetupOpts, StepError};
///
/// #[derive(Default)]
/// struct CountFailures {
///     failures: AtomicU64,
/// }
///
/// impl Middleware for CountFailures {
///     async fn after_step(&self, step: &StepContext, outcome: Result<(), &StepError>) {
///         if let Err(error) = outcome {
///             self.failures.fetch_add(1, Ordering::Relaxed);
///             eprintln!("{} of run {}: {error}", step.id(), step.execution().run_id());
///         }
///     }
/// }
///
/// # fn provider() -> Result<Provider, SetupError> {
/// let opts = SetupOpts::new("https://api.example.com").middleware(CountFailures::default());
/// let provider = Provider::setup(opts)?;
/// # Ok(provider) }
/// ```
///
/// # Order
///
/// The middleware that was added first is the outermost, as in a `tower::ServiceBuilder`: nearest
/// to Inngest. What comes from outside (`before_…`, `restore_…`) passes the first before the last;
/// what goes outside (`after_…`, `on_…`, `transform_…`) passes the last before the first.
///
/// # What is an execution
///
/// One request's share of a run: the client's request is the first, each call back from Inngest
/// another. It begins with the handler's body, where the handler has the attribute
/// [`#[api_fn]`](macro@crate::api_fn), and with its first step otherwise. Handlers that take no
/// [`Step`](crate::Step) have executions if they are recorded by
/// [`Track::Always`](crate::function::Track::Always);
/// [`SetupOpts::track_all_endpoints`](crate::SetupOpts::track_all_endpoints) alone gives them none.
///
/// # Time
///
/// A handler waits for these methods, and its client with it. What takes long belongs in a task of
/// its own. What happens outside of the handler (after an execution, to bodies, to what a re-entry
/// begins with) is given up after 30 seconds, which is logged, and counts as a failure.
///
/// # Errors
///
/// A transformation that fails never leads to the original being stored in its place. What happens
/// instead is said at each method.
///
/// # Panics
///
/// A panic in a `before_…` method, in a method that gives a span, or in a transformation of a step
/// is as one of the handler. Elsewhere it is contained and logged. In a transformation it counts as
/// a failure; in `after_…` and `on_…` it changes nothing, and the other middlewares are told
/// all the same.
///
/// # Cancellation
///
/// A step that is dropped, as the loser of a `select!` is, drops the methods that are under way for
/// it, and has no `after_step`. A client that goes away cuts off no
/// [`after_execution`](Self::after_execution). A process that dies calls nothing.
#[doc(alias = "BaseMiddleware")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a middleware",
    label = "if it is the `Result` or the builder of one, as `Encryption::new(key)` gives it, open it with `?`",
    note = "a type of your own implements `inngest::middleware::Middleware`, whose methods are `async fn`s"
)]
pub trait Middleware: Send + Sync + 'static {
    /// An execution begins.
    ///
    /// It has ended before the handler's first step begins. If it waits for something, the handler
    /// is not polled meanwhile; only what the handler does before it first waits itself may come
    /// earlier.
    fn before_execution(&self, execution: &Execution) -> impl Future<Output = ()> + Send {
        let _ = execution;
        async {}
    }

    /// An execution has ended; its handler is gone. The response's body may still be on its way.
    fn after_execution(&self, execution: &Execution, outcome: &Outcome) -> impl Future<Output = ()> + Send {
        let _ = (execution, outcome);
        async {}
    }

    /// The handler has panicked, with this text; empty if the panic's payload was none. Before
    /// [`after_execution`](Self::after_execution).
    fn on_panic(&self, execution: &Execution, panic: &str) -> impl Future<Output = ()> + Send {
        let _ = (execution, panic);
        async {}
    }

    /// A step's code is about to run in this process. Not called for what Inngest does (sleeps,
    /// waits, invocations), nor for a step whose result is stored.
    fn before_step(&self, step: &StepContext) -> impl Future<Output = ()> + Send {
        let _ = step;
        async {}
    }

    /// What a test has a step give in place of its code, which then does not run: `stephttp-dev`'s
    /// mocks. After [`before_step`](Self::before_step); of several middlewares the first that gives
    /// something counts.
    #[doc(hidden)]
    fn stands_in(&self, step: &StepContext) -> Option<Result<Box<RawValue>, Failure>> {
        let _ = step;
        None
    }

    /// A step's code has run in this process, after
    /// [`transform_step_output`](Self::transform_step_output): an output that cannot be
    /// transformed, or has grown over Inngest's limit by it, is an error here. An error may be an
    /// attempt's: whether the step is tried again is Inngest's to say.
    fn after_step(
        &self,
        step: &StepContext,
        outcome: Result<(), &StepError>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (step, outcome);
        async {}
    }

    /// Changes what is stored of a step that has run in this process; also of the values of
    /// [`Remember`](crate::Remember), together, as those of a step without a
    /// [kind](StepContext::kind). The handler gets the original.
    ///
    /// A step's errors are not transformed.
    ///
    /// # Errors
    /// A [`Failure`] is one of the step: it is tried again, its code included, unless the failure
    /// says otherwise. Of `Remember`'s values it is one of the request: the client gets a 503.
    fn transform_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        let _ = step;
        async { Ok(output) }
    }

    /// Changes back what was stored of a step, or has come for it: the result of an invoked
    /// function, say. Not called for errors, sleeps and events, nor for `null`: do not transform an
    /// output into that.
    ///
    /// # Errors
    /// A [`Failure`] does not count as the step's, since the step did end well: the request is
    /// given up, which is logged, and Inngest tries it again while it has attempts left.
    fn restore_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        let _ = step;
        async { Ok(output) }
    }

    /// Changes the `data` of an event that [`send_event`](crate::Step::send_event) or `send_events`
    /// is about to send, or of the payload of an [`invoke`](crate::Step::invoke). A JSON object, or
    /// `null`; it must stay one.
    ///
    /// # Errors
    /// A [`Failure`] is one of the step that sends. For an invocation the request is given up. Data
    /// that is over 3 MiB now is such a failure.
    fn transform_event_data(
        &self,
        step: &StepContext,
        data: Box<RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        let _ = step;
        async { Ok(data) }
    }

    /// Changes the `data` of an event that is about to be sent outside of steps, by
    /// [`Provider::events`](crate::Provider::events): what
    /// [`transform_event_data`](Self::transform_event_data) is for one that a step sends. A JSON
    /// object, or `null`; it must stay one.
    ///
    /// # Errors
    /// With a [`Failure`], nothing is sent.
    fn transform_sent_event(
        &self,
        data: Box<RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        async { Ok(data) }
    }

    /// A call of [`Provider::events`](crate::Provider::events) is over, with all its attempts; also
    /// one that was not made, since an event made no sense. Events that steps send have
    /// [`after_step`](Self::after_step).
    fn after_send(
        &self,
        sent: &SendContext,
        outcome: Result<(), &ApiError>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (sent, outcome);
        async {}
    }

    /// A call of [`Realtime::publish`](crate::Realtime::publish) is over, with all its attempts;
    /// also one that was not made, since the message made no sense. What steps publish has
    /// [`after_step`](Self::after_step).
    fn after_publish(
        &self,
        published: &PublishContext,
        outcome: Result<(), &ApiError>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (published, outcome);
        async {}
    }

    /// Changes back the `data` of an event that [`wait_for_event`](crate::Step::wait_for_event) has
    /// waited for.
    ///
    /// # Errors
    /// As [`restore_step_output`](Self::restore_step_output).
    fn restore_event_data(
        &self,
        step: &StepContext,
        data: Box<RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, Failure>> + Send {
        let _ = step;
        async { Ok(data) }
    }

    /// Changes what is stored of the request's body. Not called for an empty one, nor for one that
    /// is omitted. It may be called several times, when the run's creation is tried again.
    ///
    /// # Errors
    /// With a [`Failure`] the run is not recorded, and not handed over: its client gets a 503 then.
    /// So it is with a body that has over 3,096,576 bytes now, and the client gets a 413.
    fn transform_request_body(
        &self,
        execution: &Execution,
        body: Bytes,
    ) -> impl Future<Output = Result<Bytes, Failure>> + Send {
        let _ = execution;
        async { Ok(body) }
    }

    /// Changes back the request's body, with which Inngest calls back, before any extractor reads
    /// it. The execution's [function](Execution::function_id) is not known then.
    ///
    /// # Errors
    /// As [`restore_step_output`](Self::restore_step_output).
    fn restore_request_body(
        &self,
        execution: &Execution,
        body: Bytes,
    ) -> impl Future<Output = Result<Bytes, Failure>> + Send {
        let _ = execution;
        async { Ok(body) }
    }

    /// Changes what is stored of the response's body. Not called for an empty one, nor for one that
    /// is omitted. It must be UTF-8. Mind who [reads](StoredResponse::is_read_by_client) it.
    ///
    /// # Errors
    /// With a [`Failure`] the run is recorded without the body; a run that was handed over asks for
    /// a retry.
    fn transform_response_body(
        &self,
        execution: &Execution,
        response: &StoredResponse,
        body: Bytes,
    ) -> impl Future<Output = Result<Bytes, Failure>> + Send {
        let _ = (execution, response);
        async { Ok(body) }
    }

    /// Changes back the body of a response that the [output route](crate::Provider::output_route)
    /// has read at Inngest, before the run's client gets it. Only of what a handler has answered,
    /// as Inngest says; not called for an empty one.
    ///
    /// The body may be anything that Inngest was ever given, in its place: a middleware that
    /// decrypts makes sure that it is this run's response. An output is read whole for it, before
    /// its client gets any of it.
    ///
    /// # Errors
    /// With a [`Failure`] the client gets a 500, which is logged. It may ask again.
    fn restore_response_body(
        &self,
        run_id: RunId,
        body: Bytes,
    ) -> impl Future<Output = Result<Bytes, Failure>> + Send {
        let _ = run_id;
        async { Ok(body) }
    }

    /// Whether [`restore_response_body`](Self::restore_response_body) is to be called at all. A
    /// middleware that leaves bodies as they are says `false`: where all do, the [output
    /// route](crate::Provider::output_route) passes an output on as it comes, and need not read it
    /// whole.
    fn restores_responses(&self) -> bool {
        true
    }

    /// Whether it keeps from Inngest what runs hold, as `Encryption` does. What a
    /// [`Live`](crate::Live) sends passes through Inngest as it is, and so does what is
    /// [published](crate::Step::publish). So such a middleware beside a function that streams or
    /// publishes is an error of the setup ([`StreamInClear`](crate::SetupError::StreamInClear),
    /// [`PublishInClear`](crate::SetupError::PublishInClear)), and so is each attempt to publish,
    /// unless [`SetupOpts::stream_in_clear`](crate::SetupOpts::stream_in_clear) allows it.
    fn seals(&self) -> bool {
        false
    }

    /// The span in which the handler is polled, from here on. Of several middlewares the first that
    /// gives one counts.
    ///
    /// Called before [`before_execution`](Self::before_execution).
    fn execution_span(&self, execution: &Execution) -> Option<tracing::Span> {
        let _ = execution;
        None
    }

    /// The span in which a step's code is polled. Of several middlewares the first that gives one
    /// counts.
    ///
    /// Called before [`before_step`](Self::before_step).
    fn step_span(&self, step: &StepContext) -> Option<tracing::Span> {
        let _ = step;
        None
    }

    /// The span in which a call to Inngest's checkpoint API is made, all its attempts included. Of
    /// several middlewares the first that gives one counts. The span of the execution is not
    /// current there: it may have ended.
    ///
    /// Not called for reading a run's finished steps, which comes before its execution, nor for the
    /// answers that re-entries give, which are part of their requests.
    fn checkpoint_span(&self, checkpoint: &CheckpointContext) -> Option<tracing::Span> {
        let _ = checkpoint;
        None
    }

    /// A call to Inngest's checkpoint API is over, with all its attempts. The execution may go on,
    /// or have ended.
    fn after_checkpoint(
        &self,
        checkpoint: &CheckpointContext,
        outcome: Result<(), &ApiError>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (checkpoint, outcome);
        async {}
    }

    /// The end of a run has been delivered to Inngest, or was given up: after its client's
    /// response, or before that ends, with
    /// [`Deliver::BeforeResponseEnds`](crate::function::Deliver::BeforeResponseEnds). The response
    /// does not wait for what is done here. A run that was handed over has no such delivery: its
    /// calls are made while its client, or Inngest, waits.
    ///
    /// The error is for people.
    fn after_delivery(
        &self,
        delivery: &DeliveryContext<'_>,
        outcome: Result<(), &str>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (delivery, outcome);
        async {}
    }

    /// A part of a run is lost to Inngest. Called once for each run that
    /// [`Provider::wait`](crate::Provider::wait) counts, perhaps while the process ends.
    fn on_lost(&self, run: &LostRun<'_>) {
        let _ = run;
    }

    /// [`Provider::backlog_bytes`](crate::Provider::backlog_bytes) has changed to `bytes`.
    ///
    /// The SDK makes these calls one after another, in the order of the changes, from within
    /// handlers and steps. So this method must return quickly.
    fn on_backlog(&self, bytes: usize) {
        let _ = bytes;
    }

    /// Adds headers to a call to Inngest: to checkpoints, and to what
    /// [`send_event`](crate::Step::send_event), `send_events`,
    /// [`send_signal`](crate::Step::send_signal) and [`publish`](crate::Step::publish) send. Called
    /// once a call, not for each attempt, within the span of the checkpoint or the step.
    ///
    /// The SDK's own headers (`authorization`, `content-type`, `user-agent`, `x-inngest-…`) replace
    /// those of the same name, and headers that frame the message (`content-length`, `host`, …) are
    /// left out.
    ///
    /// What Inngest does for a step ([`fetch`](crate::Step::fetch), `invoke`, `ai_infer`) is no
    /// call of this process.
    fn api_headers(&self, execution: &Execution, headers: &mut HeaderMap) {
        let _ = (execution, headers);
    }
}
