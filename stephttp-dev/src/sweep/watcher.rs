//! The middleware by which a sweep sees steps, and lets the process die after their code.

use std::future::pending;
use std::sync::Arc;

use inngest::StepError;
use inngest::middleware::{Middleware, StepContext};

use super::ledger::{Ledger, StepName};
use super::trouble::Trouble;
use crate::inspect::label;

#[derive(Debug)]
pub(super) struct Watcher {
    trouble: Arc<Trouble>,
    ledger: Option<Arc<Ledger>>,
}

impl Watcher {
    pub(super) fn new(trouble: Arc<Trouble>, ledger: Option<Arc<Ledger>>) -> Self {
        Self { trouble, ledger }
    }
}

impl Middleware for Watcher {
    async fn before_step(&self, step: &StepContext) {
        self.trouble.pace().await;
        if self.trouble.is_dying() {
            return pending().await;
        }
        let (run, label, hash) = (run_of(step), label_of(step), step.hash().to_string());
        self.trouble.runs(&run, &label, |run| run.steps.iter().find(|step| step.hash == hash));
        if let Some(ledger) = &self.ledger {
            let function = step.execution().function_id().unwrap_or_default().to_owned();
            ledger.note(run, StepName { function, label });
        }
    }

    async fn after_step(&self, step: &StepContext, _: Result<(), &StepError>) {
        if !self.trouble.survives(&run_of(step), &label_of(step)) {
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
