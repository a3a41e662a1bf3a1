//! Which steps have run in a pass, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::sync::lock;

/// The code of steps that has run, by run and step.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<(String, StepName), usize>>);

/// A step of a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StepName {
    pub(super) function: String,
    /// Its id, and which use of it.
    pub(super) label: String,
}

impl Ledger {
    /// A step's code begins to run.
    pub(super) fn note(&self, run: String, step: StepName) {
        *lock(&self.0).entry((run, step)).or_default() += 1;
    }

    /// How often each step ran in each run.
    pub(super) fn runs(&self) -> BTreeMap<(String, StepName), usize> {
        lock(&self.0).clone()
    }

    /// How often each step ran in one run, at most.
    pub(super) fn most(&self) -> BTreeMap<StepName, usize> {
        let mut most = BTreeMap::new();
        for ((_, step), times) in self.runs() {
            let known: &mut usize = most.entry(step).or_default();
            *known = times.max(*known);
        }
        most
    }

    /// The runs whose steps have run.
    pub(super) fn run_ids(&self) -> BTreeSet<String> {
        self.runs().into_keys().map(|(run, _)| run).collect()
    }
}
