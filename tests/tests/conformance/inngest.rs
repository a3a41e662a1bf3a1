//! The two worlds: the dev engine in this process, and a real server elsewhere.

use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use inngest::SetupOpts;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stephttp_dev::{Clock, DevServer};
use tokio::time::{Instant, sleep};

use crate::check::{Known, Seen};
use crate::client::{HTTP, explain};
use crate::scenario::{Need, RunEnd, Scenario};
use crate::server::Server;
use crate::stage::Stage;
use crate::{check, trace};

/// A function of the dev world that doubles `n`.
pub(crate) const DOUBLES: &str = "conformance-doubles";

/// A function of the dev world that fails.
pub(crate) const FAILS: &str = "conformance-fails";

/// How long a real server may take to show what it has done.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is asked meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a real server's view may take without a word of it.
const PROMPT: Duration = Duration::from_secs(5);

/// When a run shows as ended, what should not happen any more has had time to happen.
const AFTERMATH: Duration = Duration::from_millis(500);

/// The signing key of the dev engine, where it has one.
const ENGINE_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What runs the runs.
#[derive(Debug, Clone)]
pub(crate) enum Inngest {
    Dev(Arc<DevServer>),
    Real(Arc<Real>),
}

/// A real server, as one scenario sees it.
#[derive(Debug)]
pub(crate) struct Real {
    server: Server,
    /// In what its view differed from the runs.
    lags: Mutex<Vec<String>>,
}

impl Inngest {
    /// The engine of one scenario.
    pub(crate) async fn dev(scenario: &Scenario) -> Self {
        // What a script does must not come after a timeout: with one, time takes its time.
        let engine = match scenario.deeds.is_empty() && !scenario.real_clock {
            true => DevServer::builder(),
            false => DevServer::builder().clock(Clock::Real).retry_interval(scenario.retry_interval),
        };
        let engine = match scenario.needs.contains(&Need::Signature) {
            true => engine.signing_key(ENGINE_KEY),
            false => engine,
        };
        let engine = engine
            .function(DOUBLES, async |data: Value| {
                data["n"].as_u64().map(|n| json!(2 * n)).ok_or("there is no number `n`")
            })
            .function(FAILS, async |_| Err::<Value, _>("it fails, as it always does"));
        Self::Dev(Arc::new(engine.start().await.expect("the engine starts")))
    }

    /// A real server, for one scenario.
    pub(crate) fn real(server: Server) -> Self {
        Self::Real(Arc::new(Real { server, lags: Mutex::default() }))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Dev(engine) => engine.url(),
            Self::Real(real) => real.server.url(),
        }
    }

    /// The options of a scenario's app whose Inngest this is, at `url`: its own, or that of a wire
    /// to it.
    pub(crate) fn opts(&self, scenario: &Scenario, origin: &str, url: &str) -> SetupOpts {
        match self {
            Self::Dev(_) if scenario.needs.contains(&Need::Signature) => {
                SetupOpts::new(origin).dev(false).base_url(url).signing_key(ENGINE_KEY)
            }
            Self::Dev(_) => SetupOpts::new(origin).dev_server(url),
            Self::Real(real) => real.server.opts(origin, url),
        }
    }

    /// In what the server's view differed from the runs so far.
    pub(crate) fn lags(&self) -> Vec<String> {
        match self {
            Self::Dev(_) => Vec::new(),
            Self::Real(real) => lock(&real.lags).clone(),
        }
    }

    /// Makes the functions of an app known.
    ///
    /// A real server notes a function in the background of its first run; should that fail, as it
    /// does under load, then runs of it are never called back. So every function has a run before
    /// the one that counts (docs/protocol.md 2.4).
    pub(crate) async fn warm_up(&self, scenario: &Scenario, origin: &str) -> Result<(), String> {
        if matches!(self, Self::Dev(_)) {
            return Ok(());
        }
        let path = scenario.visit.path.split('?').next();
        let methods = scenario.methods();
        let functions =
            scenario.functions.iter().flat_map(|id| methods.iter().map(move |method| (method, id)));
        for (method, id) in functions {
            // As the app names it.
            let function = if *method == Method::POST { (*id).to_owned() } else { format!("{method} {id}") };
            let request = json!({
                "run_id": some_run_id(),
                "event": {"name": "inngest/http.request", "data": {
                    "domain": origin, "method": method.as_str(), "path": path, "fn": function, "body": "",
                }},
                "steps": [{"id": "0737c22d3bfae812339732d14d8c7dbd6dc4e09c", "op": "RunComplete",
                           "data": {"status": 200, "headers": {}, "body": ""}}],
                "request_version": 2, "retries": 0,
            });
            self.post("/v1/checkpoint", &request).await?;
        }
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }

    /// Waits until a run waits at a step.
    pub(crate) async fn waits_at(&self, run: &str, step: &str) -> Result<(), String> {
        match self {
            Self::Dev(engine) => {
                engine.wait_for_waiting(run, step).await;
                Ok(())
            }
            Self::Real(real) => {
                let until = Instant::now() + PATIENCE;
                while Instant::now() < until {
                    let spans = self.get(&format!("/api/v2/runs/{run}/trace")).await.unwrap_or_default();
                    if trace::is_open(&spans, step) {
                        return Ok(());
                    }
                    sleep(PAUSE).await;
                }
                // Should the run not wait at all, then what is done is done in vain, and the
                // scenario does not end.
                real.note(format!("does not show that the run waits at `{step}` (docs/protocol.md 9.5)"));
                Ok(())
            }
        }
    }

    /// Checks how a run ended, and what it did.
    ///
    /// A real server's view may lag, so it has time to become as `expected`; what is still missing
    /// of it then is noted.
    pub(crate) async fn check(&self, run: &str, expected: &RunEnd, stage: &Stage) -> Result<(), String> {
        match self {
            Self::Dev(_) => {
                let seen = self.ended(run).await?;
                effects_come(run, expected, stage).await;
                check::run(expected, &seen, &stage.effects_of(run))
            }
            Self::Real(real) => {
                let viewed = self.check_view(real, run, expected).await;
                effects_come(run, expected, stage).await;
                sleep(AFTERMATH).await;
                // What a run did says more than what is shown of it.
                check::effects(expected, &stage.effects_of(run)).and(viewed)
            }
        }
    }

    async fn check_view(&self, real: &Real, run: &str, expected: &RunEnd) -> Result<(), String> {
        let begin = Instant::now();
        loop {
            let seen = self.look(run).await;
            let viewed = seen
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|seen| check::view(expected, seen, &Known::default()));
            let settled = viewed.as_ref().is_ok_and(|lags| lags.iter().all(|lag| lag.declared));
            if settled || begin.elapsed() >= PATIENCE {
                let lags = match settled {
                    true => viewed?,
                    false => check::view(expected, &seen?, &self.known(run).await)?,
                };
                lags.into_iter().for_each(|lag| real.note(lag.what));
                if settled && begin.elapsed() > PROMPT {
                    real.note(format!("shows the run's end after {} s", begin.elapsed().as_secs()));
                }
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// What a server knows of a run, whatever it shows of it.
    pub(crate) async fn known(&self, run: &str) -> Known {
        let state = self.request_get(&format!("/v0/runs/{run}/actions")).send().await;
        let view = self.get(&format!("/v1/runs/{run}")).await.unwrap_or_default();
        Known {
            status: view["data"]["status"].as_str().unwrap_or_default().to_uppercase(),
            is_over: state.is_ok_and(|response| response.status() == StatusCode::GONE),
        }
    }

    /// What the dev engine shows of a run, when it has ended.
    pub(crate) async fn ended(&self, run: &str) -> Result<Seen, String> {
        if let Self::Dev(engine) = self {
            engine.wait_for_end(run).await;
        }
        self.look(run).await
    }

    /// What is shown of a run, without waiting for anything.
    pub(crate) async fn look(&self, run: &str) -> Result<Seen, String> {
        let view = self.get(&format!("/api/v2/runs/{run}?includeOutput=true")).await?;
        let spans = self.get(&format!("/api/v2/runs/{run}/trace")).await?;
        let status = view["data"]["status"].as_str().unwrap_or_default().to_owned();
        let has_end = view["data"]["endedAt"].is_string();
        Ok(Seen { status, has_end, steps: trace::steps(&spans), in_order: matches!(self, Self::Dev(_)) })
    }

    /// Cancels a run.
    pub(crate) async fn cancel(&self, run: &str) -> Result<(), String> {
        match self {
            Self::Dev(engine) => {
                engine.cancel(run);
                Ok(())
            }
            // Of all ways the one that both kinds of server know (docs/protocol.md 9.4).
            Self::Real(real) => {
                let query = "mutation($run: ULID!) { cancelRun(runID: $run) { id } }";
                let request =
                    real.server.post("/v0/gql", &json!({ "query": query, "variables": { "run": run } }));
                let response = request.send().await.map_err(|error| explain(&error))?;
                let answer: Value = response.json().await.map_err(|error| explain(&error))?;
                let wrong = || format!("the run cannot be cancelled: {answer}");
                if answer["errors"].is_null() { Ok(()) } else { Err(wrong()) }
            }
        }
    }

    /// Lets the server's process stand still.
    pub(crate) async fn freeze(&self, time: Duration) -> Result<(), String> {
        let Self::Real(real) = self else {
            return Err("the dev engine has no process of its own".to_owned());
        };
        let pid = real.server.pid().ok_or("nobody says which process the server is")?;
        let _frozen = Frozen::new(pid)?;
        sleep(time).await;
        Ok(())
    }

    /// Sends an event as anybody could who has the key.
    pub(crate) async fn send_event(&self, name: &str, data: &Value) -> Result<(), String> {
        let event = json!({ "name": name, "data": data });
        match self {
            Self::Dev(_) => self.post("/e/conformance", &event).await,
            Self::Real(real) => succeeds("the event", real.server.post_event(&event)).await,
        }
    }

    /// Sends a signal as anybody could who has the key.
    pub(crate) async fn send_signal(&self, name: &str, data: &Value) -> Result<(), String> {
        self.post("/v1/signals", &json!({ "signal": name, "data": data })).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(), String> {
        let request = match self {
            Self::Dev(engine) => {
                HTTP.post(format!("{}{path}", engine.url())).bearer_auth(ENGINE_KEY).json(body)
            }
            Self::Real(real) => real.server.post(path, body),
        };
        succeeds(path, request).await
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let response = self.request_get(path).send().await;
        let json = response.map_err(|error| explain(&error))?.json().await;
        json.map_err(|error| format!("{path}: {}", explain(&error)))
    }

    fn request_get(&self, path: &str) -> RequestBuilder {
        match self {
            Self::Dev(engine) => HTTP.get(format!("{}{path}", engine.url())).bearer_auth(ENGINE_KEY),
            Self::Real(real) => real.server.get(path),
        }
    }
}

impl Real {
    fn note(&self, lag: String) {
        lock(&self.lags).push(lag);
    }
}

async fn succeeds(what: &str, request: RequestBuilder) -> Result<(), String> {
    let response = request.send().await.map_err(|error| explain(&error))?;
    let status = response.status();
    let wrong =
        async || format!("{what} is answered {status}: {}", response.text().await.unwrap_or_default());
    if status.is_success() { Ok(()) } else { Err(wrong().await) }
}

/// A process that stands still; it goes on when this is dropped, whatever has happened meanwhile.
struct Frozen(u32);

impl Frozen {
    fn new(pid: u32) -> Result<Self, String> {
        signal("-STOP", pid)?;
        Ok(Self(pid))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Err(error) = signal("-CONT", self.0) {
            eprintln!("the server still stands still: {error}");
        }
    }
}

fn signal(name: &str, pid: u32) -> Result<(), String> {
    let status = Command::new("kill").args([name, &pid.to_string()]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("kill {name} {pid}: {status}")),
        Err(error) => Err(format!("kill {name} {pid}: {error}")),
    }
}

/// Waits for what a run does when it has ended, if it is to do something then.
async fn effects_come(run: &str, expected: &RunEnd, stage: &Stage) {
    let begin = Instant::now();
    while expected.may_come_later
        && check::effects(expected, &stage.effects_of(run)).is_err()
        && begin.elapsed() < PATIENCE
    {
        sleep(PAUSE).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A ULID for a run that is nobody's: the time as hex digits, which are digits of a ULID too.
pub(crate) fn some_run_id() -> String {
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("{nanos:0>26X}")
}
