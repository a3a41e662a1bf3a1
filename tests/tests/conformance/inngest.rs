//! The two worlds: the dev engine in this process, and a real server elsewhere.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Url;
use serde_json::{Value, json};
use stephttp_dev::{Clock, DevServer};
use tokio::time::{Instant, sleep};

use crate::check::Seen;
use crate::client::{HTTP, explain};
use crate::scenario::{RunEnd, Scenario};
use crate::{check, trace};

/// A function of the dev world that doubles `n`.
pub(crate) const DOUBLES: &str = "conformance-doubles";

/// A function of the dev world that fails.
pub(crate) const FAILS: &str = "conformance-fails";

/// How long a real server may take to show what it has done.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is asked meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// What runs the runs.
#[derive(Debug, Clone)]
pub(crate) enum Inngest {
    Dev(Arc<DevServer>),
    Real(Url),
}

impl Inngest {
    /// The engine of one scenario.
    pub(crate) async fn dev(scenario: &Scenario) -> Self {
        // What a script does must not come after a timeout: with one, time takes its time.
        let engine = match scenario.deeds.is_empty() {
            true => DevServer::builder(),
            false => DevServer::builder().clock(Clock::Real).retry_interval(Duration::from_millis(10)),
        };
        let engine = engine
            .function(DOUBLES, async |data: Value| {
                data["n"].as_u64().map(|n| json!(2 * n)).ok_or("there is no number `n`")
            })
            .function(FAILS, async |_| Err::<Value, _>("it fails, as it always does"));
        Self::Dev(Arc::new(engine.start().await.expect("the engine starts")))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Dev(engine) => engine.url(),
            Self::Real(url) => url.as_str().trim_end_matches('/'),
        }
    }

    /// Makes the functions of an app known.
    ///
    /// A real server notes a function in the background of its first run; should that fail, as it does under load, then
    /// runs of it are never called back. So every function has a run before the one that counts (PROTOCOL 3.3).
    pub(crate) async fn warm_up(&self, scenario: &Scenario, origin: &str) -> Result<(), String> {
        if matches!(self, Self::Dev(_)) {
            return Ok(());
        }
        let visit = &scenario.visit;
        for function in &scenario.functions {
            let request = json!({
                "run_id": some_run_id(),
                "event": {"name": "inngest/http.request", "data": {
                    "domain": origin, "method": visit.method.as_str(),
                    "path": visit.path.split('?').next(), "fn": function, "body": "",
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
            Self::Real(_) => {
                let until = Instant::now() + PATIENCE;
                while Instant::now() < until {
                    let spans = self.get(&format!("/api/v2/runs/{run}/trace")).await.unwrap_or_default();
                    if trace::is_open(&spans, step) {
                        return Ok(());
                    }
                    sleep(PAUSE).await;
                }
                Err(format!("the run does not come to wait at `{step}`"))
            }
        }
    }

    /// What is shown of a run that has ended. A real server's view may lag, so it has time to become as `expected`.
    pub(crate) async fn ended(&self, run: &str, expected: &RunEnd) -> Result<Seen, String> {
        match self {
            Self::Dev(engine) => {
                engine.wait_for_end(run).await;
                self.look(run).await
            }
            Self::Real(_) => {
                let until = Instant::now() + PATIENCE;
                loop {
                    let seen = self.look(run).await;
                    let settled = seen.as_ref().is_ok_and(|seen| check::shown(expected, seen).is_ok());
                    if settled || Instant::now() >= until {
                        return seen;
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn look(&self, run: &str) -> Result<Seen, String> {
        let view = self.get(&format!("/api/v2/runs/{run}?includeOutput=true")).await?;
        let spans = self.get(&format!("/api/v2/runs/{run}/trace")).await?;
        let status = view["data"]["status"].as_str().unwrap_or_default().to_owned();
        Ok(Seen { status, steps: trace::steps(&spans) })
    }

    /// Sends an event as anybody could.
    pub(crate) async fn send_event(&self, name: &str, data: &Value) -> Result<(), String> {
        self.post("/e/conformance", &json!({ "name": name, "data": data })).await
    }

    /// Sends a signal as anybody could.
    pub(crate) async fn send_signal(&self, name: &str, data: &Value) -> Result<(), String> {
        self.post("/v1/signals", &json!({ "signal": name, "data": data })).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(), String> {
        let request = HTTP.post(format!("{}{path}", self.url())).json(body);
        let response = request.send().await.map_err(|error| explain(&error))?;
        let status = response.status();
        let wrong =
            async || format!("{path} answers {status}: {}", response.text().await.unwrap_or_default());
        if status.is_success() { Ok(()) } else { Err(wrong().await) }
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let response = HTTP.get(format!("{}{path}", self.url())).send().await;
        let json = response.map_err(|error| explain(&error))?.json().await;
        json.map_err(|error| format!("{path}: {}", explain(&error)))
    }
}

/// A ULID for a run that is nobody's: the time as hex digits, which are digits of a ULID too.
fn some_run_id() -> String {
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("{nanos:0>26X}")
}
