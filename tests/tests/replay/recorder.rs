//! Makes the recordings: of the engine, or of a real server.

use std::path::PathBuf;
use std::time::Duration;

use inngest::{Provider, SetupOpts};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use stephttp_dev::{Clock, DevServer, Recording, Replay, RunView, StepStatus, StepView};
use stephttp_tests::Effects;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::scripts::{Script, Until, all, event_data};
use super::{functions, sealing};

/// What runs the runs.
enum Source {
    Engine(DevServer),
    Server(Server),
}

/// A real server.
struct Server {
    url: String,
    signing_key: String,
    event_key: String,
    client: Client,
}

/// An app that is served, and a request to it.
struct Visit {
    origin: String,
    provider: Provider,
    served: JoinHandle<()>,
    asking: JoinHandle<()>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.served.abort();
        self.asking.abort();
    }
}

impl Visit {
    async fn begin(script: &Script, source: &Source) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let opts = SetupOpts::new(&origin);
        let opts = match source {
            Source::Engine(engine) => opts.dev_server(engine.url()),
            Source::Server(server) => opts
                .dev(false)
                .base_url(&server.url)
                .event_api_url(&server.url)
                .signing_key(&server.signing_key)
                .event_key(&server.event_key),
        };
        let opts = if script.is_sealed { sealing(opts) } else { opts };
        let provider = Provider::setup(opts).unwrap();
        let app = functions::app(Effects::new())(&provider);
        let served = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = Client::builder().redirect(Policy::none()).tls_certs_only([]).build().unwrap();
        let request = script.request(&client, &origin);
        // A streamed response ends with its run.
        let asking =
            tokio::spawn(async move { request.send().await.unwrap().bytes().await.map(drop).unwrap() });
        Self { origin, provider, served, asking }
    }
}

impl Source {
    /// An engine whose time stands still.
    async fn engine(script: &Script) -> Self {
        let clock = if matches!(script.until, Until::Ended) { Clock::Skip } else { Clock::Manual };
        let engine = DevServer::builder().clock(clock).start().await.unwrap();
        engine.hold_time();
        Self::Engine(engine)
    }

    async fn run_of(&self, visit: &Visit) -> String {
        match self {
            Self::Engine(engine) => engine.wait_for_run().await.id,
            Self::Server(server) => {
                let runs = server.until("/api/v2/runs?limit=100", |runs| {
                    runs["data"]
                        .as_array()?
                        .iter()
                        .find(|run| run["app"]["id"] == visit.origin.as_str())
                        .cloned()
                });
                runs.await["id"].as_str().unwrap().to_owned()
            }
        }
    }

    async fn send(&self, run: &str, step: &str, event: &str) {
        match self {
            Self::Engine(engine) => {
                engine.wait_for_waiting(run, step).await;
                engine.send_event(event, event_data());
            }
            Self::Server(server) => {
                let path = format!("/api/v2/runs/{run}/trace");
                let waits = |trace: &Value| {
                    let spans = trace["data"]["rootSpan"]["children"].as_array()?;
                    spans.iter().find(|span| span["name"] == step && span["status"] == "WAITING").cloned()
                };
                server.until(&path, waits).await;
                let url = format!("{}/e/{}", server.url, server.event_key);
                let event = json!({ "name": event, "data": event_data() });
                let sent = server.client.post(url).json(&event).send().await.unwrap();
                assert!(sent.status().is_success(), "{sent:?}");
            }
        }
    }

    /// Waits until a run is to be recorded.
    async fn reaches(&self, run: &str, until: Until) {
        match (self, until) {
            (Self::Engine(engine), Until::Ended) => {
                engine.release_time();
                engine.wait_for_end(run).await;
            }
            (Self::Engine(engine), Until::Waits(stored, steps)) => {
                let waits = |step: &StepView| step.status == StepStatus::Waiting || step.status.is_waiting();
                engine.wait_until(run, |run| run.steps.iter().any(waits)).await;
                engine.advance(Duration::from_secs(1)).await;
                let own = |step: &&StepView| !step.id.starts_with("stephttp:") && !waits(step);
                let stands = |run: &RunView| {
                    run.steps.iter().filter(own).count() == stored
                        && steps.iter().all(|id| run.steps.iter().any(|step| step.id == *id && waits(step)))
                };
                engine.wait_until(run, stands).await;
            }
            (Self::Server(_), _) => {
                let deadline = Instant::now() + Duration::from_secs(90);
                while !self.record(run).await.is_ok_and(|recording| until.holds(&recording)) {
                    assert!(Instant::now() < deadline, "{:?}", self.record(run).await);
                    sleep(Duration::from_millis(250)).await;
                }
                // A view that lags shows all of it by now.
                sleep(Duration::from_secs(2)).await;
            }
        }
    }

    async fn record(&self, run: &str) -> Result<Recording, stephttp_dev::RecordError> {
        match self {
            Self::Engine(engine) => engine.record(run),
            Self::Server(server) => Recording::of_server(&server.url, Some(&server.signing_key), run).await,
        }
    }
}

impl Server {
    /// The one that the environment names.
    fn named() -> Self {
        let named =
            |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} must name the server to record on"));
        Self {
            url: named("INNGEST_BASE_URL"),
            signing_key: named("INNGEST_SIGNING_KEY"),
            event_key: named("INNGEST_EVENT_KEY"),
            client: Client::new(),
        }
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.signing_key);
        request.send().await.unwrap().json().await.unwrap_or_default()
    }

    async fn until(&self, path: &str, look: impl Fn(&Value) -> Option<Value>) -> Value {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let shown = self.get(path).await;
            if let Some(found) = look(&shown) {
                return found;
            }
            assert!(Instant::now() < deadline, "{path}: {shown}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Has a run made, and records it.
async fn record(script: &Script, source: &Source) -> Recording {
    let visit = Visit::begin(script, source).await;
    let run = source.run_of(&visit).await;
    if let Some((step, event)) = script.event {
        source.send(&run, step, event).await;
    }
    source.reaches(&run, script.until).await;
    visit.provider.wait(Duration::from_secs(30)).await.unwrap();
    source.record(&run).await.unwrap()
}

/// Replays a recording; says what is wrong.
async fn replay(script: &Script, recording: Recording) -> Result<(), String> {
    let json = recording.to_json().unwrap();
    let replay = Replay::of_recordings([Recording::from_json(&json).unwrap()]);
    let replay = if script.is_sealed { replay.setup(sealing) } else { replay };
    let effects = Effects::new();
    match replay.app(functions::app(effects.clone())).check().await {
        Ok(replayed) if replayed.notes.is_empty() && effects.all().is_empty() => Ok(()),
        Ok(replayed) => Err(format!("\n{}: {replayed:?} {:?}\n{json}", script.name, effects.all())),
        Err(report) => Err(format!("\n{}: {report}\n{json}", script.name)),
    }
}

#[tokio::test]
async fn runs_of_the_engine_hold() {
    let mut failures = String::new();
    for script in all() {
        let recording = record(&script, &Source::engine(&script).await).await;
        failures += &replay(&script, recording).await.err().unwrap_or_default();
    }
    assert!(failures.is_empty(), "{failures}");
}

/// `INNGEST_BASE_URL=.. INNGEST_SIGNING_KEY=.. INNGEST_EVENT_KEY=.. cargo test -p stephttp-tests
/// --test replay -- --ignored` writes the fixtures.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs a real server, and writes the fixtures"]
async fn fixtures_are_recorded_on_a_real_server() {
    let only = std::env::var("ONLY").ok();
    let fixtures: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "replay", "fixtures"].iter().collect();
    let scripts = all().into_iter().filter(|script| only.as_ref().is_none_or(|only| only == script.name));
    let mut under_way = tokio::task::JoinSet::new();
    for script in scripts {
        let fixtures = fixtures.clone();
        under_way.spawn(async move {
            let recording = record(&script, &Source::Server(Server::named())).await;
            let folder = fixtures.join(if script.is_sealed { "sealed" } else { "plain" });
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{}.json", script.name)), recording.to_json().unwrap())
                .unwrap();
            replay(&script, recording).await.err().unwrap_or_default()
        });
    }
    let failures = under_way.join_all().await.concat();
    assert!(failures.is_empty(), "{failures}");
}
