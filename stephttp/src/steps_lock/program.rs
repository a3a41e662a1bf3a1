//! The endpoints that are linked into this program, as the lock looks at them.

use std::collections::BTreeMap;

use super::StepsLockError;
use crate::function::{Registration, StepKind, StepMeta};

/// The endpoints by id.
#[derive(Debug)]
pub(super) struct Program<'a> {
    pub(super) endpoints: BTreeMap<&'a str, &'a Registration>,
}

impl<'a> Program<'a> {
    pub(super) fn of(registered: impl IntoIterator<Item = &'a Registration>) -> Result<Self, StepsLockError> {
        let mut endpoints = BTreeMap::new();
        for endpoint in registered {
            let id = endpoint.opts().id();
            if let Some(other) = endpoints.insert(id, endpoint) {
                let mut names = [name(other), name(endpoint)];
                names.sort();
                let [first, second] = names;
                return Err(StepsLockError::DuplicateFunction { id: id.to_owned(), first, second });
            }
        }
        if endpoints.is_empty() {
            return Err(StepsLockError::NoEndpoints);
        }
        Ok(Self { endpoints })
    }
}

/// The function and its place.
pub(super) fn name(endpoint: &Registration) -> String {
    format!("{}, {}", endpoint.function(), endpoint.location())
}

/// Whether its runs are handed over: only those can be in flight when the program changes, and only
/// such endpoints are in the file.
pub(super) fn hands_over(endpoint: &Registration) -> bool {
    !endpoint.opts().is_sync_only()
}

/// An endpoint's steps by the ids under which runs in flight may have stored their results.
#[derive(Debug, Default)]
pub(super) struct Steps<'a> {
    /// The places at which an id is used, in the order of the source: the order of equal ids
    /// matters, that of others does not.
    pub(super) by_id: BTreeMap<&'a str, Vec<&'a StepMeta>>,
    /// For each id that steps had before: those steps, by the id that they have now.
    pub(super) by_old_id: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a StepMeta>>>,
}

impl<'a> Steps<'a> {
    pub(super) fn of(endpoint: &'a Registration) -> Self {
        let mut steps = Self::default();
        for step in endpoint.steps() {
            steps.by_id.entry(step.id()).or_default().push(step);
            if let Some(old) = step.renamed_from().filter(|old| *old != step.id()) {
                steps.by_old_id.entry(old).or_default().entry(step.id()).or_default().push(step);
            }
        }
        steps
    }

    /// At how many of its places a step says that it had the id `old`.
    pub(super) fn renamings(&self, id: &str, old: &str) -> usize {
        self.by_old_id.get(old).and_then(|steps| steps.get(id)).map_or(0, Vec::len)
    }
}

/// The method that makes such a step; the first one where there are two.
pub(super) fn kind_name(step: &StepMeta) -> &'static str {
    match step.kind() {
        StepKind::Run => "run",
        StepKind::Sleep => "sleep",
        StepKind::WaitForEvent => "wait_for_event",
        StepKind::SendEvent => "send_event",
        StepKind::Invoke => "invoke",
        StepKind::WaitForSignal => "wait_for_signal",
        StepKind::SendSignal => "send_signal",
        StepKind::Fetch => "fetch",
        StepKind::AiInfer => "ai_infer",
    }
}
