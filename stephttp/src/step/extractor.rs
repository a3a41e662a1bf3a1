//! What a handler runs its steps by.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::outcome::Outcomes;
use super::{RunStep, SleepStep, StepFuture, StepRejection, Storable};
use crate::error::IntoFailure;
use crate::function::{FnOpts, StepId, StepKind};
use crate::run::{CurrentRun, Run};
use crate::untrusted::{Complaint, Complaints, shown};
use crate::wire::RunId;

/// A handler's way to run steps: an extractor.
///
/// ```
/// # use std::time::Duration;
/// # use inngest::{Failure, Step, StepError};
/// # async fn reserve() -> Result<u32, Failure> { Ok(7) }
/// # async fn ship(reservation: u32) -> Result<(), Failure> { Ok(()) }
/// #[inngest::api_fn(id = "order")]
/// async fn order(step: Step) -> Result<String, StepError> {
///     let reservation = step.run("reserve", reserve()).await?;
///     step.sleep("cool-off", Duration::from_secs(3_600)).await;
///     step.run("ship", ship(reservation)).await?;
///     Ok("shipped".to_owned())
/// }
/// ```
///
/// Steps that are polled together run together: use [`tokio::join!`], [`tokio::select!`] and the
/// like (see [Combining steps](crate#combining-steps)). Between steps a handler should do only what
/// gives the same result each time it is done: after a wait it runs again from its start, with
/// finished steps remembered.
///
/// It needs [`Provider::layer`](crate::Provider::layer) on the route; without it, requests are
/// answered with a 500 that says so. In a unit test, call the handler with [`Step::detached`].
///
/// Clones are the same run. A step belongs into its handler: one that is used after the handler has
/// ended or has been handed over, in a task that was spawned from it, panics in that task.
///
/// # How often a step runs
///
/// Once its outcome is saved, never again. Before that, a step that runs in this process can run
/// more than once:
///
/// - when it fails, as often as it is retried: the function's [`retries`](crate::FnOpts::retries)
///   say how often, or fewer, [the step's own](super::RunStep::retries). An attempt that takes
///   longer than the step's [time limit](super::RunStep::timeout) has failed;
/// - when its process dies, or its end cannot be saved;
/// - when a retry takes over about 15 s and the app has several processes. Inngest dispatches such
///   a retry again while it runs. A process that runs it already waits for it, and answers with
///   what it came to; another process runs it too.
///
/// So give other APIs an [`idempotency_key`](Self::idempotency_key), which is the same in all of
/// these. A connection to Inngest that breaks does not matter: the step goes on in its process.
///
/// <div class="warning">
///
/// **Destructors run at every wait.** A handler that waits is dropped, with all that it holds, and
/// begins anew when Inngest calls back. So a guard that undoes something on drop undoes it at the
/// first wait, and a transaction that is held over one is rolled back. Do what is to be done once
/// in a step; [the attribute's page](macro@crate::api_fn#destructors-run-at-every-wait) says more,
/// and the attribute warns where it sees such a guard.
///
/// </div>
///
/// # Cancellation
/// Dropping a step's future before it ends cancels its code like any other future, and the step is
/// not stored. A step that the handler drops by itself, as `timeout` does, is not run by later
/// requests of the run either; one that is dropped because the run is handed over runs again.
///
/// A client that goes away does not stop a run that has begun a step: the handler goes on in the
/// background, and its result is recorded. Before the first step, the handler is dropped like any
/// other.
#[derive(Clone)]
pub struct Step {
    pub(super) run: Arc<Run>,
    /// What steps come to without a server.
    pub(super) outcomes: Option<Arc<Outcomes>>,
}

impl Step {
    /// A step runner without any server, for unit tests: steps run inline, once, and are not
    /// stored; sleeps are over at once, in the order in which they would be; a failed step is not
    /// retried, so the handler gets its error.
    ///
    /// Nothing that is waited for comes: `wait_for_event` and `wait_for_signal` give `None`.
    /// Events, signals and messages are not sent; `send_event` gives a made-up id, `send_signal`
    /// gives `None`. `invoke`, `fetch` and `ai_infer` fail: give them, and the waits, their
    /// outcomes with [`detached_with`](Self::detached_with).
    ///
    /// ```
    /// use inngest::{Step, StepError};
    ///
    /// #[inngest::api_fn(id = "double")]
    /// async fn double(step: Step) -> Result<String, StepError> {
    ///     let n = step.run("fetch", async { Ok(21) }).await?;
    ///     step.sleep("pause", std::time::Duration::from_secs(3_600)).await;
    ///     Ok((2 * n).to_string())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// assert_eq!(double(Step::detached()).await.unwrap(), "42");
    /// # }
    /// ```
    #[must_use]
    pub fn detached() -> Self {
        Self::without_server(Outcomes::default())
    }

    pub(super) fn without_server(outcomes: Outcomes) -> Self {
        Self { run: Arc::new(Run::detached()), outcomes: Some(Arc::new(outcomes)) }
    }

    /// Runs a future once, and gives its output in this request and in every later one.
    ///
    /// The future is `Result<T, E>`, where `E` is any error (see [`IntoFailure`]) and `T` can be
    /// stored as JSON. It is polled only if no earlier request has stored the step's outcome, so an
    /// `async` block costs nothing when it is remembered. The value that comes out has always been
    /// through its stored form.
    ///
    /// A failure is retried by Inngest, as often as the endpoint's `retries` say: the client is
    /// redirected to the run's result, and the handler begins again, with finished steps
    /// remembered. A step can have fewer [`retries`](RunStep::retries), and a
    /// [`timeout`](RunStep::timeout) for each attempt: without one, a step that hangs in a re-entry
    /// holds its run for two hours. The page of [`Step`] says [how often a step
    /// runs](Self#how-often-a-step-runs).
    ///
    /// **Steps do not nest**: a future that uses the run's `Step` fails the run, with a 500 that
    /// names the inner step, which does not begin.
    ///
    /// `T` is [`Storable`]: it owns its data and is both `Serialize` and `DeserializeOwned`:
    /// `String`, not `&str` (of which the compiler says that "implementation of `Deserialize` is
    /// not general enough").
    ///
    /// In a function annotated with [`#[api_fn]`](macro@crate::api_fn), `?` works in a bare async
    /// block. In a helper function that takes a `&Step`, name the error: `Ok::<_, Failure>(value)`.
    /// An error that is a mere text, a boxed error or an `anyhow::Error` is made one by
    /// [`Failure::new`](crate::Failure::new): `async { call().await.map_err(Failure::new) }`.
    ///
    /// # What is stored
    ///
    /// The output's JSON; see [`Storable`](Storable#what-is-stored). Numbers of every size come
    /// back as they were.
    ///
    /// What JSON itself does not keep is lost: `Some(None)` is `null`, and comes out as `None`,
    /// also in the request in which the step ran. The members of an object come back in the order
    /// of their names, and of several with one name the last.
    ///
    /// ```
    /// # use inngest::{Failure, Step, StepError};
    /// # async fn handler(step: &Step) -> Result<(), StepError> {
    /// let order = step.run("order", async { Ok::<_, Failure>(1_234_567_890_123_456_789_u64) }).await?;
    /// assert_eq!(order, 1_234_567_890_123_456_789);
    ///
    /// let nested = step.run("nested", async { Ok::<_, Failure>(Some(None::<u32>)) }).await?;
    /// assert_eq!(nested, None);
    /// # Ok(()) }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # handler(&Step::detached()).await.unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// The step's [`StepError`](crate::StepError) when it failed for good: without retries left, or
    /// with a [`Failure::non_retriable`](crate::Failure::non_retriable). Also when its id is empty,
    /// too long or reserved, when its output cannot be stored (not serializable, over 4 MiB as it
    /// is stored, over 32 MiB with the run's other outputs), when a stored output is no `T` any
    /// more, and when the run has 999 steps already, [hidden ones
    /// included](crate::wire::limits::RUN_STEPS).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// See [`Step`].
    #[track_caller]
    pub fn run<T, E, F>(&self, id: impl Into<StepId>, future: F) -> RunStep<F, T>
    where
        T: Storable,
        E: IntoFailure,
        F: StepFuture<T, E>,
    {
        RunStep::new(self.run.clone(), id.into(), StepKind::Run, |_| future, Location::caller())
    }

    /// Pauses the run. The process keeps nothing of it: Inngest calls the endpoint back when the
    /// time has come, even days later, in whichever process then runs.
    ///
    /// In the first request the client is redirected to the run's result.
    ///
    /// The pause is kept with a precision of a millisecond, rounded up: the run never goes on
    /// before its time. It lasts at most 366 days. A longer one, and an id that is empty, too long
    /// or reserved, ends the run with a 500 that says so.
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    #[track_caller]
    pub fn sleep(&self, id: impl Into<StepId>, duration: Duration) -> SleepStep {
        SleepStep::lasting(self.run.clone(), id.into(), duration, Location::caller())
    }

    /// Pauses the run until an instant; one that has passed is over at once.
    ///
    /// The run never goes on before the instant. It can be up to a second later, since Inngest
    /// rounds what is left of the time to whole seconds. A [`sleep`](Self::sleep) is exact.
    ///
    /// Takes a [`SystemTime`], and what converts into one: jiff's `Timestamp` and `Zoned`, chrono's
    /// `DateTime`.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use inngest::Step;
    ///
    /// async fn remind(step: Step) {
    ///     step.sleep_until("tomorrow", SystemTime::now() + Duration::from_secs(86_400)).await;
    ///
    ///     let launch: jiff::Zoned = "2030-06-01T09:00[Europe/Berlin]".parse().unwrap();
    ///     step.sleep_until("launch", launch).await;
    ///
    ///     let closing: chrono::DateTime<chrono::FixedOffset> = "2030-06-01T17:00:00+02:00".parse().unwrap();
    ///     step.sleep_until("closing", closing).await;
    /// }
    /// ```
    ///
    /// Inngest keeps the first instant that it is told: computing another one when the handler runs
    /// again changes nothing. Like [`sleep`](Self::sleep) in all else.
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    #[track_caller]
    pub fn sleep_until(&self, id: impl Into<StepId>, instant: impl Into<SystemTime>) -> SleepStep {
        SleepStep::until(self.run.clone(), id.into(), instant.into(), Location::caller())
    }

    /// The run's id. The same in every request of the run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run.id()
    }

    /// The version of the program in which the run began, as
    /// [`SetupOpts::version`](crate::SetupOpts::version) had it there. The same in every request of
    /// the run, whichever version handles the request.
    ///
    /// `None` for a run that began in a program without a version, and of
    /// [`Step::detached`](Self::detached).
    ///
    /// A handler goes the former way for runs that began before a change:
    ///
    /// ```
    /// use inngest::{Failure, Step, StepError};
    ///
    /// # async fn charge() -> Result<u32, Failure> { Ok(7) }
    /// # async fn reserve() -> Result<u32, Failure> { Ok(7) }
    /// #[inngest::api_fn(id = "buy")]
    /// async fn buy(step: Step) -> Result<&'static str, StepError> {
    ///     // Since version 2 of the program goods are reserved before the card is charged.
    ///     if !matches!(step.version(), None | Some("1")) {
    ///         step.run("reserve", reserve()).await?;
    ///     }
    ///     step.run("charge", charge()).await?;
    ///     Ok("bought")
    /// }
    /// ```
    ///
    /// Compare for equality. As texts, `"10"` comes before `"9"`.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.run.version()
    }

    /// A key for a call to another API in a step, such as a payment: the same in every attempt of
    /// the step in this run, and different for every other run and id.
    ///
    /// A step can run more than once: when it fails after the payment was made, when the process
    /// dies before its result is stored, or when Inngest dispatches a long retry to two processes
    /// at once ([how often a step runs](Self#how-often-a-step-runs)). An API that is given the same
    /// key makes the payment once.
    ///
    /// The key follows from the run and from `id` alone. A step that runs in a loop needs an id
    /// that tells its turns apart (`format!("charge-{}", item.id)`), or the second turn's payment
    /// is taken for a repetition of the first.
    ///
    /// The key is the run's: a client that repeats its request, after a 503 or because the process
    /// died before the first checkpoint, begins another run with another key. If that must not pay
    /// twice either, make the key from the request: from an order's id, or from the
    /// `Idempotency-Key` header (through [`Remember`](crate::Remember)).
    ///
    /// It has 67 characters: the run's id, a dash and the id's hash.
    #[must_use]
    pub fn idempotency_key(&self, id: impl Into<StepId>) -> String {
        format!("{}-{}", self.run.id(), id.into().hash())
    }

    /// The step runner of a request, for services that do without axum's extractors.
    ///
    /// # Errors
    /// When the request has not come through [`Provider::layer`](crate::Provider::layer), and when
    /// Inngest does not call back by its method.
    pub fn from_parts(parts: &Parts) -> Result<Self, StepRejection> {
        let Some(CurrentRun(run)) = parts.extensions.get() else {
            warn_of_missing_layer(parts);
            return Err(StepRejection::MissingLayer);
        };
        let run = run.clone();
        if !run.track(parts) {
            if let Some(left_out) = run.admits_line(Complaint::Method) {
                let (method, path) = (shown(parts.method.as_str()), shown(parts.uri.path()));
                tracing::warn!(%method, %path, left_out, "a request for a run has a method that Inngest does not call back with; refused");
            }
            return Err(StepRejection::MethodNotAllowed);
        }
        Ok(Self { run, outcomes: None })
    }

    /// The body that begins; none of it where another function has called this one.
    pub(crate) fn enter(&self, opts: &FnOpts, waits: bool) -> Option<Arc<Run>> {
        self.run.enter(opts, waits).then(|| self.run.clone())
    }
}

/// There is no provider here that could limit how often this is said.
fn warn_of_missing_layer(parts: &Parts) {
    static LINES: LazyLock<Complaints> = LazyLock::new(Complaints::default);
    if let Some(left_out) = LINES.admit(Complaint::MissingLayer) {
        tracing::error!(
            method = %shown(parts.method.as_str()),
            path = %shown(parts.uri.path()),
            left_out,
            "a handler takes a `Step`, but its route has no stephttp layer: add `.layer(provider.layer())` to the \
             router, after its routes"
        );
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("run", &self.run).finish()
    }
}

impl<S: Sync> FromRequestParts<S> for Step {
    type Rejection = StepRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StepRejection> {
        Self::from_parts(parts)
    }
}
