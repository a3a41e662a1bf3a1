//! Replaying recorded runs against the app's code of today.

mod compare;
mod enter;
mod files;
mod report;
mod stand_in;
mod watch;
mod words;

use std::fmt;
use std::time::Duration;

use axum::Router;
use inngest::{Provider, SetupOpts};

use self::compare::compare;
use self::enter::Stage;
pub use self::report::{ReplayNote, ReplayProblem, ReplayReport, Replayed};
use self::stand_in::Inngest;
use self::watch::Watch;
use crate::recording::Recording;

/// A test that drives the app's code of today against [recorded](Recording) runs, and says what
/// would become of runs like these that are in flight.
///
/// ```no_run
/// use axum::{Router, routing::post};
/// use inngest::{Failure, Provider, Step, StepError};
/// use stephttp_dev::Replay;
///
/// #[inngest::api_fn(id = "checkout")]
/// async fn checkout(step: Step) -> Result<String, StepError> {
///     step.run("charge", async { Ok::<_, Failure>("charged".to_owned()) }).await
/// }
///
/// fn app(inngest: &Provider) -> Router {
///     Router::new().route("/checkout", post(checkout)).layer(inngest.layer())
/// }
///
/// #[tokio::test]
/// async fn recorded_runs_go_on() {
///     Replay::of("tests/replay/*.json").app(app).assert().await;
/// }
/// ```
///
/// # What is replayed
///
/// Each recording is replayed from each of its states: with no step stored, with the first, with
/// the first two, and so on. In each the app is re-entered as Inngest would do it, through the
/// layer, the routes, the extractors and the handler. **No code of a step runs:** what is stored is
/// given to the handler, and what is not stored is told to the test in place of being run. Nothing
/// is sent anywhere, and no time is waited for. What the handler and its extractors do between the
/// steps is done.
///
/// # What is compared
///
/// - Each stored step is one that the handler comes to.
/// - What is stored can be read as the step's type.
/// - What comes next is what came next in the recording; at its end, what it waited for.
/// - A run that has ended ends with the same status. Another body is a [note](Replayed::notes).
///
/// The report names the step, says what has become of it, and what to write.
///
/// # What it cannot see
///
/// What a step's code does; whether a recorded run is like the ones in flight; and a type that
/// reads a stored value as something else than it was. A handler's own timeouts pass in real time:
/// a runtime whose time is paused (`start_paused`) is no place for a replay.
#[must_use = "a replay does nothing until `check` or `assert`"]
pub struct Replay {
    recordings: Result<Vec<(String, Recording)>, String>,
    app: Option<MakeApp>,
    setup: Box<dyn FnOnce(SetupOpts) -> SetupOpts + Send>,
    limit: Duration,
}

type MakeApp = Box<dyn FnOnce(&Provider) -> Router + Send>;

/// How long one re-entry may take, unless said otherwise.
const LIMIT: Duration = Duration::from_secs(5);

/// How long an order that the handler does not follow is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

impl Replay {
    /// The recordings in a folder (`"tests/replay"`), of a pattern (`"tests/replay/order-*.json"`),
    /// or a single one. `*` may stand in the file's name. A relative path begins at the package's
    /// folder, where cargo runs tests.
    pub fn of(files: impl AsRef<str>) -> Self {
        Self::new(files::read(files.as_ref()))
    }

    /// These recordings.
    pub fn of_recordings(recordings: impl IntoIterator<Item = Recording>) -> Self {
        let named =
            recordings.into_iter().zip(1..).map(|(recording, n)| (format!("recording {n}"), recording));
        let recordings: Vec<_> = named.collect();
        Self::new(if recordings.is_empty() {
            Err("there are no recordings".to_owned())
        } else {
            Ok(recordings)
        })
    }

    fn new(recordings: Result<Vec<(String, Recording)>, String>) -> Self {
        Self { recordings, app: None, setup: Box::new(|opts| opts), limit: LIMIT }
    }

    /// The app of today, with its layer: it is given a provider in dev mode.
    pub fn app(mut self, app: impl FnOnce(&Provider) -> Router + Send + 'static) -> Self {
        self.app = Some(Box::new(app));
        self
    }

    /// Sets up the provider as the app does, where the app's code needs that: with the middleware
    /// that opens what it has sealed, say. Which Inngest is called is the replay's.
    pub fn setup(mut self, setup: impl FnOnce(SetupOpts) -> SetupOpts + Send + 'static) -> Self {
        self.setup = Box::new(setup);
        self
    }

    /// How long one re-entry may take: 5 seconds unless set. Only a handler that does something
    /// else than its steps takes any time.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Replays all recordings.
    ///
    /// # Errors
    /// When the app's code does otherwise than a recorded run, when there is no recording, or one
    /// cannot be read, and when the app cannot be set up.
    pub async fn check(self) -> Result<Replayed, ReplayReport> {
        let recordings = self.recordings.map_err(ReplayReport::failure)?;
        let app = self.app.ok_or_else(|| {
            ReplayReport::failure("it has no app: give it one with `Replay::app`".to_owned())
        })?;
        let inngest = Inngest::start()
            .await
            .map_err(|error| ReplayReport::failure(format!("no port can be listened on: {error}")))?;
        let watch = Watch::new();
        let opts = (self.setup)(SetupOpts::new("http://127.0.0.1"))
            // Variables of the environment are not followed.
            .dev_server(inngest.url())
            .base_url(inngest.url())
            .event_api_url(inngest.url())
            .replay_patience(PATIENCE)
            .observer(watch.clone());
        let provider = Provider::setup(opts)
            .map_err(|error| ReplayReport::failure(format!("the provider cannot be set up: {error}")))?;
        let mut stage = Stage { app: app(&provider), inngest, watch, limit: self.limit, entered: 0 };
        let mut report = ReplayReport { failure: None, problems: Vec::new(), held: 0, notes: Vec::new() };
        for (name, recording) in &recordings {
            let found = compare(&mut stage, name, recording).await;
            report.held += usize::from(found.problems.is_empty());
            report.problems.extend(found.problems);
            report.notes.extend(found.notes);
        }
        if report.problems.is_empty() {
            return Ok(Replayed { recordings: recordings.len(), states: stage.entered, notes: report.notes });
        }
        Err(report)
    }

    /// Replays all recordings.
    ///
    /// # Panics
    /// When [`check`](Self::check) is an error, with its text.
    pub async fn assert(self) {
        if let Err(report) = self.check().await {
            panic!("{report}");
        }
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("limit", &self.limit).finish_non_exhaustive()
    }
}
