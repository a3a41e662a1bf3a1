//! What a middleware knows of a step.

use std::fmt;
use std::sync::{Arc, Mutex};

use http::Extensions;

use super::Execution;
use crate::function::StepKind;
use crate::sync::lock;
use crate::wire::StepHash;

/// A step, as a [`Middleware`](super::Middleware) sees it.
pub struct StepContext {
    execution: Arc<Execution>,
    id: String,
    index: u32,
    hash: StepHash,
    kind: Option<StepKind>,
    extensions: Mutex<Extensions>,
}

impl StepContext {
    pub(crate) fn new(
        execution: Arc<Execution>,
        id: String,
        index: u32,
        hash: StepHash,
        kind: Option<StepKind>,
    ) -> Self {
        Self { execution, id, index, hash, kind, extensions: Mutex::default() }
    }

    /// The execution that the step is part of.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// The step's id, as the handler gives it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Which use of that id in the run this is, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The hash by which Inngest knows the step.
    #[must_use]
    pub fn hash(&self) -> StepHash {
        self.hash
    }

    /// What the step does. `None` for the hidden one that holds the values of
    /// [`Remember`](crate::Remember).
    #[must_use]
    pub fn kind(&self) -> Option<StepKind> {
        self.kind
    }

    /// Keeps a value of the middleware's own between the methods that are called for one attempt of
    /// the step. It replaces one of the same type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        lock(&self.extensions).insert(value);
    }

    /// The value of this type that was [kept](Self::insert).
    #[must_use]
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        lock(&self.extensions).get().cloned()
    }
}

impl fmt::Debug for StepContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext")
            .field("execution", &self.execution)
            .field("id", &self.id)
            .field("index", &self.index)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
