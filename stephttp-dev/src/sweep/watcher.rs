//! The middleware by which a sweep sees steps, and lets the process die after their code.

use std::future::pending;
use std::sync::Arc;

use inngest::StepError;
use inngest::middleware::{Middleware, StepContext};

use super::ledger::{Ledger, StepName};
use super::mishaps::Mishaps;
use crate::inspect::label;

#[derive(Debug)]
pub(super) struct Watcher {
    mishaps: Arc<Mishaps>,
    ledger: Option<Arc<Ledger>>,
}

impl Watcher {
    pub(super) fn new(mishaps: Arc<Mishaps>, ledger: Option<Arc<Ledger>>) -> Self {
        Self { mishaps, ledger }
    }
}

impl Middleware for Watcher {
    async fn before_step(&self, step: &StepContext) {
        self.mishaps.pace().await;
        if self.mishaps.is_dying() {
            return pending().await;
        }
        let (run, label, hash) = (run_of(step), label_of(step), step.hash().to_string());
        self.mishaps.runs(&run, &label, |run| run.steps.iter().find(|step| step.hash == hash));
        if let Some(ledger) = &self.ledger {
            let function = step.execution().function_id().unwrap_or_default().to_owned();
            ledger.note(run, StepName { function, label });
        }
    }

    async fn after_step(&self, step: &StepContext, _: Result<(), &StepError>) {
        if !self.mishaps.survives(&run_of(step), &label_of(step)) {
            pending::<()>().await;
        }
    }

    fn restores_responses(&self) -> bool {
        false
    }
}

fn run_of(step: &StepContext) -> String {
    step.execution().run_id().to_string()
}

/// As the engine's views have it.
fn label_of(step: &StepContext) -> String {
    label(step.id(), step.index(), &step.hash().to_string())
}
