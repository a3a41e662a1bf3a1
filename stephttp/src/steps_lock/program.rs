//! The endpoints and helpers that are linked into this program, as the lock looks at them.

use std::collections::BTreeMap;
use std::fmt;

use super::StepsLockError;
use crate::function::{Helper, Registration, StepMeta, registered, registered_helpers};

/// The endpoints by id, and the helpers by path.
#[derive(Debug)]
pub(super) struct Program<'a> {
    pub(super) endpoints: BTreeMap<&'a str, &'a Registration>,
    /// Methods of several types may have one path; in the order of the source.
    pub(super) helpers: BTreeMap<&'a str, Vec<&'a Helper>>,
}

/// What is annotated with one of the attributes.
#[derive(Debug, Clone)]
pub(super) enum Function<'a> {
    Endpoint(&'a Registration),
    /// All that have one path.
    Helper(Vec<&'a Helper>),
}

impl<'a> Function<'a> {
    pub(super) fn steps(&self) -> impl Iterator<Item = &'a StepMeta> + use<'a> {
        let lists: Vec<&'a [StepMeta]> = match self {
            Self::Endpoint(endpoint) => vec![endpoint.steps()],
            Self::Helper(helpers) => helpers.iter().map(|helper| helper.steps()).collect(),
        };
        lists.into_iter().flatten()
    }
}

/// What it is, and where.
impl fmt::Display for Function<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => write!(f, "endpoint `{}` ({})", endpoint.opts().id(), name(endpoint)),
            Self::Helper(helpers) => {
                let path = helpers.first().map_or("", |helper| helper.function());
                let places: Vec<String> = helpers.iter().map(|helper| helper.location()).collect();
                write!(f, "helper `{path}` ({})", places.join(", "))
            }
        }
    }
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
        Ok(Self { endpoints, helpers: BTreeMap::new() })
    }

    pub(super) fn with_helpers(mut self, registered: impl IntoIterator<Item = &'a Helper>) -> Self {
        for helper in registered {
            self.helpers.entry(helper.function()).or_default().push(helper);
        }
        for functions in self.helpers.values_mut() {
            functions.sort_by_cached_key(|helper| helper.key());
        }
        self
    }

    /// All that is linked into this program.
    pub(super) fn linked() -> Result<Program<'static>, StepsLockError> {
        Ok(Program::of(registered())?.with_helpers(registered_helpers()))
    }

    /// The functions that the file has if their steps are literal: no run depends on the others.
    pub(super) fn functions(&self) -> impl Iterator<Item = Function<'a>> {
        let endpoints = self.endpoints.values().filter(|endpoint| hands_over(endpoint));
        let helpers = self.helpers.values().cloned().map(Function::Helper);
        endpoints.map(|endpoint| Function::Endpoint(endpoint)).chain(helpers)
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

/// A function's steps by the ids under which runs in flight may have stored their results.
#[derive(Debug, Default)]
pub(super) struct Steps<'a> {
    /// The places at which an id is used, in the order of the source: the order of equal ids
    /// matters, that of others does not.
    pub(super) by_id: BTreeMap<&'a str, Vec<&'a StepMeta>>,
    /// For each id that steps had before: those steps, by the id that they have now.
    pub(super) by_old_id: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a StepMeta>>>,
}

impl<'a> Steps<'a> {
    pub(super) fn of(function: &Function<'a>) -> Self {
        let mut steps = Self::default();
        for step in function.steps() {
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
