//! Plays a scenario once, and looks at what comes of it.

use std::time::Duration;

use axum::Router;
use futures_util::future::try_join_all;
use inngest::{Provider, SetupOpts};
use stephttp_dev::{DevServer, ViolationKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::check::{self, Faults};
use crate::client;
use crate::inngest::Inngest;
use crate::loss::LossyWire;
use crate::meter::Meter;
use crate::scenario::{Need, Scenario, Visit};
use crate::script::Actor;
use crate::stage::Stage;

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(120);

/// How long one may take that takes long.
const LONG_LIMIT: Duration = Duration::from_secs(360);

/// Plays a scenario; the error says what is not as it must be.
pub(crate) async fn play(scenario: &Scenario, inngest: Inngest) -> Result<(), String> {
    let app = App::start(scenario, &inngest).await;
    let (stage, origin) = (&app.stage, &app.origin);
    let story = async {
        inngest.warm_up(scenario, origin).await?;
        let (handed_over, run) = watch::channel(None);
        let clients =
            (0..scenario.clients).map(|_| visit(&scenario.visit, stage, origin, &inngest, &handed_over));
        let actor = Actor { stage, origin, inngest: &inngest, repeats: None };
        tokio::try_join!(try_join_all(clients), actor.follow(&scenario.deeds, run))?;
        app.provider.wait(Duration::from_secs(30)).await.map_err(|error| format!("not delivered: {error}"))
    };
    let limit = if scenario.needs.contains(&Need::Patience) { LONG_LIMIT } else { LIMIT };
    let outcome =
        tokio::time::timeout(limit, story).await.unwrap_or_else(|_| Err("it does not end".to_owned()));
    match &inngest {
        Inngest::Dev(engine) if !mistakes(scenario, engine).is_empty() => {
            let violations = mistakes(scenario, engine).join("\n");
            Err(format!("{}\nviolations:\n{violations}", outcome.err().unwrap_or_default()))
        }
        Inngest::Dev(engine) => outcome.map_err(|error| format!("{error}\n{}", story_of(engine))),
        Inngest::Real(_) => outcome,
    }
}

/// What the engine holds against the app, but for what the scenario is about.
fn mistakes(scenario: &Scenario, engine: &DevServer) -> Vec<String> {
    let violations = engine.violations();
    let rejects = scenario.visit.run.as_ref().is_some_and(|run| run.rejects);
    let expected = |kind| rejects && kind == ViolationKind::Rejected;
    violations.iter().filter(|violation| !expected(violation.kind)).map(ToString::to_string).collect()
}

/// A scenario's app, which listens until this is dropped.
pub(crate) struct App {
    pub(crate) stage: Stage,
    pub(crate) origin: String,
    pub(crate) provider: Provider,
    server: JoinHandle<()>,
    _wire: Option<LossyWire>,
}

impl App {
    pub(crate) async fn start(scenario: &Scenario, inngest: &Inngest) -> Self {
        Self::start_with(scenario, inngest, None).await
    }

    /// The same, with what its runs take counted.
    pub(crate) async fn start_with(scenario: &Scenario, inngest: &Inngest, meter: Option<Meter>) -> Self {
        let stage = stage_of(scenario).await;
        stage.set_inngest(inngest.clone());
        let wire = match (scenario.loses, &meter) {
            (None, None) => None,
            (loss, meter) => {
                Some(LossyWire::to(inngest.url(), loss, meter.clone().unwrap_or_default()).await)
            }
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let url = wire.as_ref().map_or(inngest.url(), |wire| &wire.url);
        let (app, provider) = app_of(scenario, &stage, inngest.opts(scenario, &origin, url));
        let app = match &meter {
            Some(meter) => meter.around(app),
            None => app,
        };
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serving goes on") });
        Self { stage, origin, provider, server, _wire: wire }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The state of a scenario's app, with its third party at work.
pub(crate) async fn stage_of(scenario: &Scenario) -> Stage {
    let stage = Stage::new();
    if let Some(app) = &scenario.third_party {
        let (origin, _server) = stephttp_tests::serve(app.clone()).await;
        stage.set_third_party(origin);
    }
    stage
}

/// The app of a scenario, as one process has it.
///
/// Its clients are redirected to its own output route: the server's output URL can be empty for a
/// moment when a run ends (docs/protocol.md 9.3), and the route asks again.
pub(crate) fn app_of(scenario: &Scenario, stage: &Stage, opts: SetupOpts) -> (Router, Provider) {
    let opts = match scenario.setup {
        Some(setup) => setup(opts, stage),
        None => opts,
    };
    let provider = Provider::setup(opts).expect("the options are good");
    let app =
        scenario.app.clone().with_state(stage.clone()).merge(provider.output_route()).layer(provider.layer());
    let app = match scenario.outside {
        Some(wrap) => wrap(app, &provider),
        None => app,
    };
    (app, provider)
}

/// Makes a visit, and checks what comes of it.
pub(crate) async fn visit(
    visit: &Visit,
    stage: &Stage,
    origin: &str,
    inngest: &Inngest,
    handed_over: &watch::Sender<Option<String>>,
) -> Result<(), String> {
    let received = client::make(visit, origin, handed_over, 0).await?;
    check::answer(&visit.answer, &received, Faults::None)?;
    let run = stage.run_of(&received.visit);
    let Some(expected) = &visit.run else { return Ok(()) };
    let run = run.ok_or("the handler has not noted its run: it needs `Effects`")?;
    inngest.check(&run, expected, stage).await
}

/// What happened, for whoever has to find out why.
pub(crate) fn story_of(engine: &DevServer) -> String {
    use std::fmt::Write as _;

    let mut story = String::from("what happened:");
    for run in engine.runs() {
        if let Some(timeline) = engine.timeline(&run.id) {
            let _ = write!(story, "\n{timeline}");
        }
    }
    for event in engine.events() {
        let _ = write!(story, "\nevent {} {}, woke {}", event.name, event.data, event.woken);
    }
    story
}
