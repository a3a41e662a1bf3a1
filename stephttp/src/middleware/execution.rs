//! What a middleware knows of an execution.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use http::{Extensions, HeaderMap};

use crate::sync::lock;
use crate::wire::RunId;

/// One request's share of a run, as a [`Middleware`](super::Middleware) sees it.
#[doc(alias = "CallContext")]
pub struct Execution {
    run_id: RunId,
    /// Of the dispatch; `None` in a first request.
    generation: Option<u32>,
    headers: HeaderMap,
    function_id: OnceLock<Function>,
    replayed_steps: AtomicUsize,
    /// Calls to Inngest's checkpoint API so far, and the requests that they took.
    calls: AtomicU32,
    attempts: AtomicU32,
    extensions: Mutex<Extensions>,
    remembered: Mutex<BTreeMap<String, String>>,
}

/// What a function is known by.
struct Function {
    id: String,
    /// It is made of the request's path.
    is_path: bool,
}

impl Execution {
    pub(crate) fn new(run_id: RunId, generation: Option<u32>, headers: HeaderMap) -> Self {
        Self {
            run_id,
            generation,
            headers,
            function_id: OnceLock::new(),
            replayed_steps: AtomicUsize::new(0),
            calls: AtomicU32::new(0),
            attempts: AtomicU32::new(0),
            extensions: Mutex::default(),
            remembered: Mutex::default(),
        }
    }

    /// `is_path`: the id is made of the request's path.
    pub(crate) fn set_function_id(&self, id: String, is_path: bool) {
        self.function_id.get_or_init(|| Function { id, is_path });
    }

    pub(crate) fn set_replayed_steps(&self, steps: usize) {
        self.replayed_steps.store(steps, Ordering::Relaxed);
    }

    /// A call to the checkpoint API was made.
    pub(crate) fn called(&self, attempts: u32) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.attempts.fetch_add(attempts, Ordering::Relaxed);
    }

    /// Calls to the checkpoint API so far, and the requests that they took.
    pub(crate) fn calls(&self) -> (u32, u32) {
        (self.calls.load(Ordering::Relaxed), self.attempts.load(Ordering::Relaxed))
    }

    /// The run. The same in all its executions.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// The function: its id or, where it has none, its method and route, as `GET /orders/{id}`.
    /// `None` as long as the execution has not begun: while a re-entry's request is restored,
    /// before its handler is called, and over all of a request whose handler did not begin.
    #[must_use]
    pub fn function_id(&self) -> Option<&str> {
        self.function_id.get().map(|function| function.id.as_str())
    }

    /// The function's id for labels of metrics, which must have a bounded number of values. Unlike
    /// [`function_id`](Self::function_id), it is `None` for a function that has neither an id nor a
    /// route, as in a service that is no router, or in a router's fallback.
    #[must_use]
    pub fn bounded_function_id(&self) -> Option<&str> {
        self.function_id.get().filter(|function| !function.is_path).map(|function| function.id.as_str())
    }

    /// How many stored results of steps and waits the handler was given. 0 before the execution has
    /// ended.
    #[must_use]
    pub fn replayed_steps(&self) -> usize {
        self.replayed_steps.load(Ordering::Relaxed)
    }

    /// Whether this is the client's own request, and not Inngest's call back.
    #[must_use]
    pub fn is_first_request(&self) -> bool {
        self.generation.is_none()
    }

    /// Which attempt this is, from 0, where it is known: in the client's own request. Inngest does
    /// not send it with its calls back; [`generation`](Self::generation) comes nearest.
    #[must_use]
    pub fn attempt(&self) -> Option<u32> {
        self.is_first_request().then_some(0)
    }

    /// How often Inngest has called back for this one piece of the run's work, this time included;
    /// `None` in the client's own request. More than 1 is a retry.
    #[must_use]
    pub fn generation(&self) -> Option<u32> {
        self.generation
    }

    /// The request's headers. Of the client's own headers, a call back from Inngest has the content
    /// type alone.
    #[must_use]
    pub fn request_headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Keeps a value of the middleware's own for its other methods, as long as the execution lasts.
    /// It replaces one of the same type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        lock(&self.extensions).insert(value);
    }

    /// The value of this type that was [kept](Self::insert).
    #[must_use]
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        lock(&self.extensions).get().cloned()
    }

    /// Keeps a text for the run's later executions: it is stored at Inngest when the run is handed
    /// over. In a first request, and before it ends; elsewhere it is not stored.
    ///
    /// Choose a name that no other middleware has: `"example.com/tenant"`. All that is remembered
    /// of a run, the values of [`Remember`](crate::Remember) included, has 4 MiB at most as it is
    /// stored; with more the run is not handed over, and its client gets a 500.
    pub fn remember(&self, name: impl Into<String>, value: impl Into<String>) {
        lock(&self.remembered).insert(name.into(), value.into());
    }

    /// The text that was [remembered](Self::remember), in this execution or in the run's first.
    #[must_use]
    pub fn remembered(&self, name: &str) -> Option<String> {
        lock(&self.remembered).get(name).cloned()
    }

    pub(crate) fn all_remembered(&self) -> BTreeMap<String, String> {
        lock(&self.remembered).clone()
    }

    pub(crate) fn set_remembered(&self, remembered: BTreeMap<String, String>) {
        *lock(&self.remembered) = remembered;
    }
}

/// Without headers, which may hold secrets, and without what middlewares keep.
impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("run_id", &self.run_id)
            .field("function_id", &self.function_id())
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
