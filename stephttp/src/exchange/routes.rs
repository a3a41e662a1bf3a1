//! What is known of a re-entry's function before its handler says which it is.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::MatchedPath;
use http::Method;

use super::{RecordedMethod, RequestHead};
use crate::function::{self, FnOpts, Registration};
use crate::sync::lock;

/// The retries of functions whose runs have been handed over, by route.
///
/// A re-entry that is answered without its handler must not ask Inngest for a retry that it does
/// not have: that leaves the run hanging for ever.
/// How a function is reached that Inngest does not see as its author does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OddRoute {
    #[error(
        "it is routed under two methods, {} and {}: Inngest lists it as two functions; to have one, \
         route it under one",
        .0.as_str(), .1.as_str()
    )]
    TwoMethods(RecordedMethod, RecordedMethod),
    #[error(
        "no route has matched, as in a fallback: Inngest calls it back at a path that another route may \
         take by then; give it a route"
    )]
    NoRoute,
}

#[derive(Debug)]
pub(crate) struct Routes {
    seen: Mutex<HashMap<(RecordedMethod, String), u8>>,
    /// The fewest of any function that is known.
    least: AtomicU8,
    /// By which method each function was seen, and whether its routes have been complained of.
    methods: Mutex<HashMap<&'static str, (RecordedMethod, bool)>>,
    /// Paths that have answered Inngest's GET with 405, since they take HEAD and no GET.
    head_alone: Mutex<HashSet<String>>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        // Handlers without the attribute have the default. A function that is never handed over has
        // no re-entries.
        let registered = function::registered().map(Registration::opts);
        let registered = registered.filter(|opts| !opts.is_sync_only()).map(|opts| opts.get_retries());
        let least = registered.chain([FnOpts::DEFAULT_RETRIES]).min().unwrap_or_default();
        Self {
            seen: Mutex::default(),
            least: AtomicU8::new(least),
            methods: Mutex::default(),
            head_alone: Mutex::default(),
        }
    }

    /// Notes which function a route leads to. What is odd about it is told once.
    pub(crate) fn learn(&self, head: &RequestHead, opts: FnOpts) -> Option<OddRoute> {
        if let Some(path) = head.matched_path() {
            let route = (head.recorded_method(), path.as_str().to_owned());
            lock(&self.seen).insert(route, opts.get_retries());
        }
        let method = head.recorded_method();
        let mut methods = lock(&self.methods);
        let (first, told) = Some(opts.id())
            .filter(|id| !id.is_empty())
            .map(|id| methods.entry(id).or_insert((method, false)))?;
        let odd = match (head.matched_path(), *first) {
            (None, _) => OddRoute::NoRoute,
            (Some(_), first) if first != method => OddRoute::TwoMethods(first, method),
            _ => return None,
        };
        (!std::mem::replace(told, true)).then_some(odd)
    }

    /// How many retries a request on this route has for sure: as seen, or the fewest that any
    /// function of this program has.
    pub(crate) fn sure_retries(&self, method: &Method, path: Option<&MatchedPath>) -> u8 {
        let seen = lock(&self.seen);
        let route = path.and_then(|path| Some((RecordedMethod::of(method)?, path.as_str().to_owned())));
        let seen = route.and_then(|route| seen.get(&route));
        seen.copied().unwrap_or_else(|| self.least.load(Ordering::Relaxed))
    }

    /// Notes that a route takes HEAD and no GET, by which Inngest calls back.
    pub(crate) fn learn_head_alone(&self, path: &MatchedPath) {
        let mut head_alone = lock(&self.head_alone);
        head_alone.insert(path.as_str().to_owned());
    }

    /// Whether Inngest cannot call back a run that begins with this request, as far as is known.
    pub(crate) fn takes_head_alone(&self, head: &RequestHead) -> bool {
        *head.method() == Method::HEAD
            && head.matched_path().is_some_and(|path| {
                let head_alone = lock(&self.head_alone);
                head_alone.contains(path.as_str())
            })
    }

    /// Notes the retries of a function that is not registered.
    pub(crate) fn learn_retries(&self, retries: u8) {
        if retries < self.least.load(Ordering::Relaxed) {
            self.least.fetch_min(retries, Ordering::Relaxed);
        }
    }
}
