//! What a test's app, requests and runs share.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use inngest::Provider;
use reqwest::Client;

use super::record::Record;
use crate::engine::State;
use crate::inspect::RunView;
use crate::process::Process;
use crate::server::DevServer;
use crate::sync::lock;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: DevServer,
    pub(super) origin: String,
    pub(super) client: Client,
    pub(super) record: Arc<Record>,
    /// `None` while one is replaced, and when the test is over.
    process: Mutex<Option<Process>>,
    requests: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        engine: DevServer,
        origin: String,
        client: Client,
        record: Arc<Record>,
        process: Process,
    ) -> Self {
        let (process, requests) = (Mutex::new(Some(process)), AtomicU64::new(1));
        Self { engine, origin, client, record, process, requests }
    }

    /// A number that no other request of the test has.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts another process, or none, in the place of the one that there is.
    pub(super) fn replace_process(&self, process: Option<Process>) -> Option<Process> {
        std::mem::replace(&mut *lock(&self.process), process)
    }

    pub(super) fn provider(&self) -> Option<Provider> {
        lock(&self.process).as_ref().map(|process| process.provider.clone())
    }

    /// A look at the engine's state, and at the run, until it finds something.
    pub(super) async fn awaited<T>(
        &self,
        caller: &Location<'_>,
        what: String,
        look: impl FnMut(&State) -> Option<T>,
    ) -> T {
        self.engine.awaited(caller, what, look).await
    }

    /// Waits until a run has ended, and no re-entry of it is under way.
    pub(super) async fn ended(&self, caller: &Location<'_>, run_id: &str) -> RunView {
        let what = format!("run {run_id} to end");
        self.engine.awaited_of(run_id, caller, what, |state| state.ended(run_id)).await
    }
}
