//! What a middleware knows of a call to Inngest's checkpoint API.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http::Extensions;

use super::Execution;
use crate::sync::lock;

/// A call to Inngest's checkpoint API, with all its attempts, as a
/// [`Middleware`](super::Middleware) sees it.
pub struct CheckpointContext {
    execution: Arc<Execution>,
    call: CheckpointCall,
    operations: usize,
    attempts: AtomicU32,
    duration: OnceLock<Duration>,
    extensions: Mutex<Extensions>,
}

/// Which call of the checkpoint API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckpointCall {
    /// Creates the run: `POST /v1/checkpoint`.
    NewRun,
    /// Adds to the run while its first request goes on, or at its end:
    /// `POST /v1/checkpoint/{run_id}/steps`.
    Steps,
    /// Saves finished steps while a re-entry goes on: `POST /v1/checkpoint/{run_id}/async`.
    Async,
}

impl CheckpointCall {
    /// The call in a word: `new_run`, `steps`, `async`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewRun => "new_run",
            Self::Steps => "steps",
            Self::Async => "async",
        }
    }
}

impl CheckpointContext {
    pub(crate) fn new(execution: Arc<Execution>, call: CheckpointCall, operations: usize) -> Self {
        Self {
            execution,
            call,
            operations,
            attempts: AtomicU32::new(0),
            duration: OnceLock::new(),
            extensions: Mutex::default(),
        }
    }

    pub(crate) fn end(&self, attempts: u32, duration: Duration) {
        self.attempts.store(attempts, Ordering::Relaxed);
        self.duration.get_or_init(|| duration);
    }

    /// The execution whose operations are sent. It may have ended.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// Which call it is.
    #[must_use]
    pub fn call(&self) -> CheckpointCall {
        self.call
    }

    /// How many operations of the run it carries: finished steps, what is asked of Inngest, the
    /// run's end.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// How many requests it took; 0 before it is over, or if none was made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// How long it took, with all attempts; zero before it is over.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration.get().copied().unwrap_or_default()
    }

    /// Keeps a value of the middleware's own between the methods that are called for the call. It
    /// replaces one of the same type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        lock(&self.extensions).insert(value);
    }

    /// The value of this type that was [kept](Self::insert).
    #[must_use]
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        lock(&self.extensions).get().cloned()
    }
}

impl fmt::Debug for CheckpointContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointContext")
            .field("execution", &self.execution)
            .field("call", &self.call)
            .field("operations", &self.operations)
            .finish_non_exhaustive()
    }
}
