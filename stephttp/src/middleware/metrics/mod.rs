//! Counters, durations and the backlog, by the crate `metrics`.

mod labels;
mod names;
mod recorder;
mod series;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;

use ::metrics::Recorder;
use tokio::time::Instant;

use super::{
    CheckpointContext, DeliveryContext, Execution, LostRun, Middleware, Outcome, PublishContext, SendContext,
    StepContext,
};
use crate::client::ApiError;
use crate::error::StepError;
use crate::function::{self, Registration};
use labels::{DeliveryEnd, OTHER};
use recorder::Target;
use series::Series;

/// Metrics of executions, steps and calls to Inngest, recorded by the
/// [crate `metrics`](::metrics), for which there are exporters to Prometheus and others.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use inngest::middleware::Metrics;
/// use inngest::{Provider, SetupOpts};
/// use metrics_exporter_prometheus::PrometheusBuilder;
///
/// # fn app() -> Result<Router, Box<dyn std::error::Error>> {
/// // In Cargo.toml:
/// // stephttp = { version = "…", features = ["metrics"] }
/// // metrics-exporter-prometheus = { version = "0.18", default-features = false }
/// let recorder = PrometheusBuilder::new().build_recorder();
/// let prometheus = recorder.handle();
/// metrics::set_global_recorder(recorder)?;
///
/// let opts = SetupOpts::new("https://api.example.com").middleware(Metrics::new());
/// let inngest = Provider::setup(opts)?;
/// let app = Router::new()
///     // .route("/orders", post(create_order))
///     .layer(inngest.layer())
///     .route("/metrics", get(async move || prometheus.render()));
/// # Ok(app) }
/// ```
///
/// # Which there are
///
/// | Metric | Is | Labels |
/// |---|---|---|
/// | `inngest_executions_total` | executions that have ended: requests' shares of runs | `function`, `request`, `outcome`, `status` |
/// | `inngest_execution_duration_seconds` | how long they took, from the handler's beginning until it was gone | `function`, `request` |
/// | `inngest_hand_overs_total` | executions after which the run goes on at Inngest | `function`, `request` |
/// | `inngest_replayed_steps_total` | results that were given to a handler from what is stored: steps that did not run again, and waits that are over | `function` |
/// | `inngest_steps_total` | attempts of steps whose code has run in this process | `function`, `step`, `kind`, `outcome` |
/// | `inngest_step_duration_seconds` | how long they took | `function`, `step`, `kind`, `outcome` |
/// | `inngest_checkpoints_total` | calls to Inngest's checkpoint API | `call`, `outcome` |
/// | `inngest_checkpoint_duration_seconds` | how long they took, with all attempts | `call`, `outcome` |
/// | `inngest_checkpoint_retries_total` | requests that were tried again in these calls | `call` |
/// | `inngest_deliveries_total` | runs that have ended in their clients' requests, and whose end was delivered to Inngest, or given up | `outcome` |
/// | `inngest_sends_total` | calls of [`Provider::events`](crate::Provider::events), which send events outside of steps; those of steps are in `inngest_steps_total` | `outcome` |
/// | `inngest_publishes_total` | calls of [`Realtime::publish`](crate::Realtime::publish), which publishes messages outside of steps | `outcome` |
/// | `inngest_lost_runs_total` | runs of which Inngest will not have everything | |
/// | `inngest_backlog_bytes` | a gauge: bytes that wait for Inngest | |
///
/// Those whose names end in `_total` are counters, those in `_seconds` histograms.
///
/// | Label | Values |
/// |---|---|
/// | `function` | the function's id or, where it has none, its method and route (`GET /orders/{id}`); `other` where a request has neither |
/// | `request` | `first`: the client's; `re-entry`: Inngest's call back |
/// | `outcome` of an execution | `responded`, `handed_over`, `panicked`, `failed`, `abandoned`, `cancelled`: as [`Outcome`] has them |
/// | `status` | of one that has responded: `1xx` to `5xx`; else `none` |
/// | `step` | the step's id, if it is written out in the source of a function with the attribute, or [given](Self::step_ids); else `other` |
/// | `kind` | `run`, `send_event`, `send_signal`, `publish` |
/// | `outcome` of a step, a checkpoint, a send or a publish | `ok`, `failed` |
/// | `call` | `new_run`, `steps`, `async` |
/// | `outcome` of a delivery | `delivered`; `retried`: delivered, but a request had to be tried again; `given_up` |
///
/// Requests cannot create new label values: a value is never a request's path, or a step id that is
/// made at run time. An exporter keeps a series for each function, step and outcome that has
/// occurred. The series of calls, deliveries, sends, publishes, lost runs and the backlog exist
/// from the beginning, with 0.
///
/// A failing step counts once for each attempt. A step that is dropped, such as the loser of a
/// `select!`, does not count, and neither do requests that are not recorded as runs.
///
/// # The recorder
///
/// `Metrics` uses the recorder that is installed when it records its first metric, so install the
/// recorder before the server takes requests. Without a recorder, it records nothing.
/// [`with_recorder`](Self::with_recorder) takes a recorder that is not installed.
///
/// The exporter decides how it aggregates durations. The Prometheus exporter makes summaries unless
/// you set buckets with `PrometheusBuilder::set_buckets_for_metric`. If you create its recorder
/// with `build_recorder`, call `PrometheusHandle::run_upkeep` every few seconds; otherwise
/// durations accumulate in memory while nobody reads the page.
pub struct Metrics {
    target: Target,
    /// Ids that are labels.
    steps: HashSet<Cow<'static, str>>,
    series: OnceLock<Series>,
}

/// When an execution or a step began.
#[derive(Clone, Copy)]
struct Began(Instant);

impl Metrics {
    /// Recorded by the program's recorder: see [above](Self#the-recorder).
    #[must_use]
    pub fn new() -> Self {
        Self::of(Target::Installed)
    }

    /// Recorded by this recorder, whatever the program's is.
    #[must_use]
    pub fn with_recorder(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        Self::of(Target::Own(Box::new(recorder)))
    }

    fn of(target: Target) -> Self {
        let registered = function::registered().flat_map(Registration::steps);
        let steps = registered.map(|step| Cow::Borrowed(step.id())).collect();
        Self { target, steps, series: OnceLock::new() }
    }

    /// Lets these ids be values of the label `step`, too: of steps in handlers without the
    /// attribute, or in functions that handlers call.
    ///
    /// ```
    /// use inngest::middleware::Metrics;
    ///
    /// let metrics = Metrics::new().step_ids(["charge-card", "send-receipt"]);
    /// ```
    #[must_use]
    pub fn step_ids<I: Into<Cow<'static, str>>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.steps.extend(ids.into_iter().map(Into::into));
        self
    }

    fn series(&self) -> &Series {
        self.series.get_or_init(|| Series::new(&self.target))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Metrics {
    fn restores_responses(&self) -> bool {
        false
    }

    async fn before_execution(&self, execution: &Execution) {
        execution.insert(Began(Instant::now()));
    }

    async fn after_execution(&self, execution: &Execution, outcome: &Outcome) {
        let function = self.series().function(execution);
        let is_first = execution.is_first_request();
        function.execution(&self.target, is_first, outcome).increment(1);
        if let Some(Began(began)) = execution.get() {
            function.execution_duration(&self.target, is_first).record(began.elapsed());
        }
        if *outcome == Outcome::HandedOver {
            function.hand_overs(&self.target, is_first).increment(1);
        }
        match execution.replayed_steps() {
            0 => {}
            steps => function.replayed_steps(&self.target).increment(steps as u64),
        }
    }

    async fn before_step(&self, step: &StepContext) {
        step.insert(Began(Instant::now()));
    }

    async fn after_step(&self, step: &StepContext, outcome: Result<(), &StepError>) {
        let function = self.series().function(step.execution());
        let id = if self.steps.contains(step.id()) { step.id() } else { OTHER };
        let series = function.step(id);
        let (attempts, duration) = series.attempts(&self.target, step.kind(), outcome.is_ok());
        attempts.increment(1);
        if let Some(Began(began)) = step.get() {
            duration.record(began.elapsed());
        }
    }

    async fn after_checkpoint(&self, checkpoint: &CheckpointContext, outcome: Result<(), &ApiError>) {
        let calls = self.series().checkpoints(checkpoint.call());
        let (count, duration) = calls.ended(outcome.is_ok());
        count.increment(1);
        duration.record(checkpoint.duration());
        calls.retries.increment(checkpoint.attempts().saturating_sub(1).into());
    }

    async fn after_delivery(&self, delivery: &DeliveryContext<'_>, outcome: Result<(), &str>) {
        let end = match outcome {
            Err(_) => DeliveryEnd::GivenUp,
            Ok(()) if delivery.attempts() > delivery.calls() => DeliveryEnd::Retried,
            Ok(()) => DeliveryEnd::Delivered,
        };
        self.series().deliveries(end).increment(1);
    }

    async fn after_send(&self, _: &SendContext, outcome: Result<(), &ApiError>) {
        self.series().sends(outcome.is_ok()).increment(1);
    }

    async fn after_publish(&self, _: &PublishContext, outcome: Result<(), &ApiError>) {
        self.series().publishes(outcome.is_ok()).increment(1);
    }

    fn on_lost(&self, _: &LostRun<'_>) {
        self.series().lost_runs.increment(1);
    }

    fn on_backlog(&self, bytes: usize) {
        // Exact up to 2^53.
        #[expect(clippy::cast_precision_loss, reason = "nobody has so many bytes")]
        self.series().backlog.set(bytes as f64);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("target", &self.target).finish_non_exhaustive()
    }
}
