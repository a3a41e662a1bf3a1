//! How many calls and re-entries each run takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use serde_json::Value;

#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<HashMap<String, Counts>>>);

/// What one run has taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Calls to Inngest, with those that were repeated.
    pub(crate) calls: usize,
    pub(crate) reentries: usize,
}

impl Meter {
    /// Counts a call to Inngest.
    pub(crate) fn note_call(&self, path: &str, body: &[u8]) {
        // A client's waiting for its output is no call of the run's.
        if path.contains("/output") {
            return;
        }
        // `/v0/runs/{run}/actions`, `/v1/checkpoint/{run}/async`,
        // `/v1/realtime/publish/tee?channel={run}`
        let in_path = match path.split_once("/realtime/") {
            Some((_, call)) => call.split_once("channel=").map(|(_, run)| run),
            None => path.split('/').nth(3),
        };
        let in_path = in_path.map(str::to_owned);
        let in_body = || {
            serde_json::from_slice::<Value>(body)
                .ok()
                .and_then(|body| Some(body["run_id"].as_str()?.to_owned()))
        };
        if let Some(run) = in_path.or_else(in_body) {
            self.lock().entry(run).or_default().calls += 1;
        }
    }

    /// An app whose re-entries are counted.
    pub(crate) fn around(&self, app: Router) -> Router {
        let meter = self.clone();
        app.layer(from_fn(move |request: Request, next: Next| {
            if let Some(run) = request.headers().get("x-run-id").and_then(|run| run.to_str().ok()) {
                meter.lock().entry(run.to_owned()).or_default().reentries += 1;
            }
            next.run(request)
        }))
    }

    pub(crate) fn counts_of(&self, run: &str) -> Counts {
        self.lock().get(run).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
