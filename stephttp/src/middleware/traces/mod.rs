//! Spans of runs, and the trace that a run is part of.

mod context;
#[cfg_attr(feature = "opentelemetry", path = "with_opentelemetry.rs")]
#[cfg_attr(not(feature = "opentelemetry"), path = "without_opentelemetry.rs")]
mod otel;

use std::fmt::Display;

use http::HeaderMap;
use tracing::field::{self, Empty};
use tracing::{Span, info_span};

pub use context::TraceContext;

use super::{CheckpointContext, Execution, Middleware, Outcome, StepContext};
use crate::client::{ApiError, report};
use crate::error::StepError;
use crate::function::StepKind;

/// Under these names a run remembers its trace.
const TRACEPARENT: &str = "stephttp/traceparent";
const TRACESTATE: &str = "stephttp/tracestate";

/// Spans of the crate `tracing` for executions, steps and checkpoints, and one trace for all
/// requests of a run.
///
/// ```
/// use inngest::middleware::Tracing;
/// use inngest::{Provider, SetupOpts};
/// use opentelemetry::trace::TracerProvider;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use tracing_subscriber::prelude::*;
///
/// # fn provider() -> Result<Provider, Box<dyn std::error::Error>> {
/// // With an exporter: `.with_batch_exporter(…)`.
/// let traces = SdkTracerProvider::builder().build();
/// let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer("shop"));
/// tracing_subscriber::registry().with(layer).with(tracing_subscriber::fmt::layer()).try_init()?;
///
/// // In Cargo.toml: stephttp = { version = "…", features = ["opentelemetry"] }
/// let opts = SetupOpts::new("https://api.example.com").middleware(Tracing::new());
/// let inngest = Provider::setup(opts)?;
/// # Ok(inngest) }
/// ```
///
/// Let it be the first middleware: its spans then hold what the others do.
///
/// # Spans
///
/// All have the level `INFO` and a target below `inngest`.
///
/// | Span | Is | Fields |
/// |---|---|---|
/// | `execution` | one request's share of a run | `run_id`, `function`, `request` (`first`, `re-entry`), `generation`, `outcome` (`responded`, `handed_over`, `panicked`, `failed`, `abandoned`, `cancelled`), `http.response.status_code` |
/// | `step` | a step that runs in this process, without the time that it waits for others | `run_id`, `id`, `index`, `kind`, `outcome` (`ok`, `failed`) |
/// | `checkpoint` | a call to Inngest's checkpoint API, all attempts included | `run_id`, `function`, `call` (`new_run`, `steps`, `async`), `operations`, `attempts`, `outcome` (`ok`, `failed`) |
///
/// All have `trace_id`, where it is known, and what `tracing-opentelemetry` understands:
/// `otel.name` (the function, the step's id, `checkpoint` with the call), `otel.kind`, and where
/// something failed (a response of 500 and above included) `otel.status_code` and
/// `otel.status_description`, which holds the error's text. A span without an outcome was dropped:
/// a step that lost a `select!`, say.
///
/// A `checkpoint` often outlasts its execution, and would keep that span from ending. So it is no
/// child of it as `tracing` has it, but one as OpenTelemetry has it; without that it [follows
/// from](Span::follows_from) it.
///
/// # The run's trace
///
/// The client's `traceparent` and `tracestate` ([W3C Trace
/// Context](https://www.w3.org/TR/trace-context/)) say which trace the run is part of. What makes
/// no sense there is ignored. Inngest does not send them when it calls back; so they are stored
/// with the run when it is handed over, readable unless a middleware seals it (55 characters, and
/// 512 of the state at most; it takes one of the run's steps, which [`Remember`](crate::Remember)
/// and other middlewares share). `baggage` is neither stored nor passed on: it may hold what is
/// nobody else's business.
///
/// With the feature `opentelemetry` and the layer of `tracing-opentelemetry`:
///
/// - The first request's execution is a child of the span around it, as one of `tower-http`'s
///   `TraceLayer`, if that is in the client's trace already, and of the client's span otherwise.
///   Then it has a link to the span around it.
/// - Executions of re-entries are children of the first, in the same trace, with a link to the span
///   around them.
/// - A request without a `traceparent` begins a trace, which its run keeps.
/// - Calls to Inngest carry the context of the span that they are made in: the checkpoint's, or the
///   step's that sends an event or a signal.
/// - In a step, `Span::current().context()` and `opentelemetry::Context::current()` are its own:
///   clients that pass the current context on do so.
///
/// Without one of them:
///
/// - The client's context is passed on as it came, to Inngest and to the run's other requests, and
///   recorded in the fields `trace_id` and `traceparent` (the latter of `execution` only), by which
///   logs can be joined.
/// - A request without a `traceparent` has none.
///
/// # What Inngest makes of it
///
/// Its server reads the context of calls that send events: what it traces for functions which these
/// trigger joins in. It does not look at it in checkpoints; a proxy on the way may.
///
/// [`Step::fetch`](crate::Step::fetch) does not pass the context on: the request is Inngest's, to
/// whom it may concern. Give it a header of its own, if its receiver is yours.
#[derive(Debug, Clone)]
pub struct Tracing {
    heeds_requests: bool,
}

/// The execution's span while the execution goes on.
#[derive(Clone)]
struct ExecutionSpan(Span);

/// The span of a step or a checkpoint.
#[derive(Clone)]
struct OwnSpan(Span);

impl Tracing {
    /// With the contexts that clients send.
    #[must_use]
    pub fn new() -> Self {
        Self { heeds_requests: true }
    }

    /// Without the contexts that clients send, for endpoints that anybody can call: else strangers
    /// choose the ids of traces and, with most samplers, what is recorded.
    ///
    /// ```
    /// # use inngest::SetupOpts;
    /// use inngest::middleware::Tracing;
    ///
    /// let opts = SetupOpts::new("https://api.example.com").middleware(Tracing::new().ignore_request_headers());
    /// ```
    #[must_use]
    pub fn ignore_request_headers(mut self) -> Self {
        self.heeds_requests = false;
        self
    }

    /// What has come with the request, or was stored with the run.
    fn received(&self, execution: &Execution) -> Option<TraceContext> {
        let stored = || {
            let state = execution.remembered(TRACESTATE);
            TraceContext::parse(&execution.remembered(TRACEPARENT)?, state.as_deref())
        };
        let sent = || self.heeds_requests.then(|| TraceContext::from_headers(execution.request_headers()))?;
        stored().or_else(sent)
    }

    /// The execution's context, also before it begins.
    fn context(&self, execution: &Execution) -> Option<TraceContext> {
        execution.get().or_else(|| self.received(execution))
    }
}

impl Default for Tracing {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Tracing {
    fn restores_responses(&self) -> bool {
        false
    }

    fn execution_span(&self, execution: &Execution) -> Option<Span> {
        let (received, around) = (self.received(execution), otel::current());
        let span = info_span!(
            "execution",
            otel.name = execution.function_id(),
            otel.kind = if Span::current().is_none() { "server" } else { "internal" },
            otel.status_code = Empty,
            otel.status_description = Empty,
            run_id = %execution.run_id(),
            function = execution.function_id(),
            request = if execution.is_first_request() { "first" } else { "re-entry" },
            generation = execution.generation(),
            trace_id = Empty,
            traceparent = Empty,
            outcome = Empty,
            http.response.status_code = Empty,
        );
        if let Some(received) = &received
            && around.as_ref().is_none_or(|around| around.trace_id() != received.trace_id())
        {
            otel::join(&span, received, true);
            if let Some(around) = &around {
                otel::link(&span, around);
            }
        }
        let own = otel::of(&span);
        if let (None, Some(received)) = (&own, &received) {
            span.record("traceparent", received.traceparent());
        }
        if let Some(context) = own.or(received).or(around) {
            span.record("trace_id", context.trace_id());
            keep(execution, context);
        }
        execution.insert(ExecutionSpan(span.clone()));
        Some(span)
    }

    /// Also where the span is another middleware's.
    async fn before_execution(&self, execution: &Execution) {
        if execution.get::<TraceContext>().is_none()
            && let Some(context) = otel::current().or_else(|| self.received(execution))
        {
            keep(execution, context);
        }
    }

    async fn after_execution(&self, execution: &Execution, outcome: &Outcome) {
        let Some(ExecutionSpan(span)) = execution.get() else { return };
        match outcome {
            Outcome::Responded(status) => {
                span.record("outcome", "responded").record("http.response.status_code", status.as_u16());
                if status.is_server_error() {
                    span.record("otel.status_code", "ERROR");
                }
            }
            Outcome::HandedOver => {
                span.record("outcome", "handed_over");
            }
            Outcome::Abandoned => {
                span.record("outcome", "abandoned");
            }
            Outcome::Cancelled { .. } => {
                span.record("outcome", "cancelled");
            }
            Outcome::Panicked => {
                span.record("outcome", "panicked");
                record_error(&span, "the handler panicked");
            }
            Outcome::Failed(fault) => {
                span.record("outcome", "failed");
                record_error(&span, fault);
            }
        }
        // Spans end with the last that holds them.
        execution.insert(ExecutionSpan(Span::none()));
    }

    fn step_span(&self, step: &StepContext) -> Option<Span> {
        let execution = step.execution();
        // A step in a task of its own has no span around it.
        let alone = Span::current().is_none();
        let around = execution.get().filter(|_| alone).map(|ExecutionSpan(span)| span.entered());
        let is_call =
            matches!(step.kind(), Some(StepKind::SendEvent | StepKind::SendSignal | StepKind::Publish));
        let span = info_span!(
            "step",
            otel.name = step.id(),
            otel.kind = if is_call { "client" } else { "internal" },
            otel.status_code = Empty,
            otel.status_description = Empty,
            run_id = %execution.run_id(),
            id = step.id(),
            index = step.index(),
            kind = step.kind().map(field::debug),
            trace_id = execution.get::<TraceContext>().as_ref().map(TraceContext::trace_id),
            outcome = Empty,
        );
        drop(around);
        step.insert(OwnSpan(span.clone()));
        Some(span)
    }

    async fn after_step(&self, step: &StepContext, outcome: Result<(), &StepError>) {
        if let Some(OwnSpan(span)) = step.get() {
            record_outcome(&span, outcome.map_err(StepError::message));
        }
    }

    fn checkpoint_span(&self, checkpoint: &CheckpointContext) -> Option<Span> {
        let execution = checkpoint.execution();
        let context = self.context(execution);
        let call = checkpoint.call().as_str();
        let span = info_span!(
            parent: None,
            "checkpoint",
            otel.name = format!("checkpoint {call}"),
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            run_id = %execution.run_id(),
            function = execution.function_id(),
            call,
            operations = checkpoint.operations(),
            trace_id = context.as_ref().map(TraceContext::trace_id),
            attempts = Empty,
            outcome = Empty,
        );
        if let Some(context) = &context {
            otel::join(&span, context, false);
        }
        if let (None, Some(ExecutionSpan(cause))) = (otel::of(&span), execution.get()) {
            span.follows_from(&cause);
        }
        checkpoint.insert(OwnSpan(span.clone()));
        Some(span)
    }

    async fn after_checkpoint(&self, checkpoint: &CheckpointContext, outcome: Result<(), &ApiError>) {
        if let Some(OwnSpan(span)) = checkpoint.get() {
            span.record("attempts", checkpoint.attempts());
            record_outcome(&span, outcome.map_err(|error| report(error)));
        }
    }

    fn api_headers(&self, execution: &Execution, headers: &mut HeaderMap) {
        let (own, current) = (self.context(execution), otel::of(&Span::current()));
        // What is current may be no span of the run: one around the request, where a filter has
        // left the run's out.
        let is_of_run =
            |current: &TraceContext| own.as_ref().is_none_or(|own| own.trace_id() == current.trace_id());
        if let Some(context) = current.filter(is_of_run).or(own.clone()) {
            context.to_headers(headers);
        }
    }
}

/// Keeps an execution's context for all that follows, the run's other requests included.
fn keep(execution: &Execution, context: TraceContext) {
    if execution.is_first_request() {
        execution.remember(TRACEPARENT, context.traceparent());
        if let Some(state) = context.tracestate() {
            execution.remember(TRACESTATE, state);
        }
    }
    execution.insert(context);
}

fn record_outcome(span: &Span, outcome: Result<(), impl Display>) {
    span.record("outcome", if outcome.is_ok() { "ok" } else { "failed" });
    if let Err(error) = outcome {
        record_error(span, &error);
    }
}

fn record_error(span: &Span, error: impl Display) {
    span.record("otel.status_code", "ERROR").record("otel.status_description", field::display(error));
}
