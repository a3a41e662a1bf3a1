//! Which function a run is in, and what follows from its options.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::MatchedPath;
use http::StatusCode;
use http::request::Parts;

use super::Run;
use super::refused_opts::{RefusedOpts, check};
use crate::error::StepError;
use crate::exchange::{RecordedMethod, RequestHead};
use crate::function::{self, AsyncResponse, Deliver, FnOpts, OnError, Track, Whose};
use crate::untrusted::shown;
use crate::wire::OpError;

/// The function that a run is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    opts: FnOpts,
    /// Its source shows a step that waits at Inngest, so its arguments are the same in a re-entry.
    waits: bool,
}

// What a handler has said of its response's body, after its options.
const KEEP: u8 = 1;
const OMIT: u8 = 2;

// How far a handler's body has come. Without the attribute it is not known to begin, or to end.
const ENTERED: u8 = 1;
const BEGUN: u8 = 2;
const DROPPED: u8 = 3;
const ENDED: u8 = 4;

impl Run {
    /// The body of an annotated handler has begun: its extractors accepted the request. `true`: the
    /// function is the run's, and its end is to be told.
    pub(crate) fn enter(&self, opts: &FnOpts, waits: bool) -> bool {
        // A handler that calls another annotated function stays in its own.
        let is_own = self.function.set(Function { opts: *opts, waits }).is_ok();
        if is_own {
            self.heed(opts);
            self.progress.store(BEGUN, Ordering::Relaxed);
        }
        if self.is_tracked() {
            self.start_execution();
        }
        is_own
    }

    /// The body of the run's function has come to its end.
    pub(crate) fn body_ended(&self) {
        self.progress.store(ENDED, Ordering::Relaxed);
    }

    /// The body of the run's function is being dropped before its end, by a layer, or because the
    /// request ends.
    pub(crate) fn body_dropped(&self) {
        self.progress.store(DROPPED, Ordering::Relaxed);
    }

    pub(crate) fn is_entered(&self) -> bool {
        self.progress.load(Ordering::Relaxed) >= ENTERED
    }

    /// Whether the handler's body has begun, and has not come to its end: a response is a layer's
    /// then.
    pub(crate) fn is_cut_off(&self) -> bool {
        matches!(self.progress.load(Ordering::Relaxed), BEGUN | DROPPED)
    }

    /// Whether steps are dropped because the body is, and not by the body.
    pub(super) fn is_body_dropped(&self) -> bool {
        self.progress.load(Ordering::Relaxed) == DROPPED
    }

    /// The body of a function without a `Step` has begun. A handler that has one speaks for itself,
    /// whatever it calls.
    pub(super) fn enter_without_step(&self, opts: &FnOpts) {
        if self.is_tracked() {
            return;
        }
        if self.enter(opts, false) {
            // Nothing calls it back, so nobody asks where it ends.
            self.body_ended();
        }
        if let (Some(head), true) = (&self.early_head, self.tracks_always()) {
            self.head.get_or_init(|| (**head).clone());
            self.start_execution();
        }
    }

    /// A handler without the attribute says its options. The error says why they have no effect.
    pub(crate) fn configure(&self, opts: FnOpts, parts: Option<Parts>) -> Result<(), RefusedOpts> {
        let state = self.lock();
        let (closed, is_unused) = (state.journal.is_closed(), state.journal.is_unused());
        drop(state);
        if closed {
            return Err(RefusedOpts::AfterHandler);
        }
        if !is_unused {
            return Err(RefusedOpts::AfterStep);
        }
        check(opts, parts.is_some())?;
        if self.function.set(Function { opts, waits: false }).is_err() {
            return Err(RefusedOpts::Twice);
        }
        self.heed(&opts);
        self.progress.store(ENTERED, Ordering::Relaxed);
        if let Some(app) = self.app() {
            app.routes().learn_retries(opts.get_retries());
            if let (Some(parts), true) = (parts, self.is_first()) {
                self.keep_parts(parts);
            }
        }
        Ok(())
    }

    fn heed(&self, opts: &FnOpts) {
        if opts.omits_request_body() {
            self.body.omit();
        }
        if self.wants_parts() && !matches!(self.async_response(), AsyncResponse::Custom(_)) {
            drop(self.parts.take());
        }
    }

    /// What the function is known by in this program: its id, or its method and route, not the
    /// request's path: that would be another function for each order. Where they are the same,
    /// Inngest makes the name itself.
    pub(crate) fn function_id(&self) -> Cow<'static, str> {
        let id = self.function.get().map(|function| function.opts.id()).unwrap_or_default();
        let Some(head) = self.head().filter(|_| id.is_empty()) else { return Cow::Borrowed(id) };
        let path = head.matched_path().map_or(head.path(), MatchedPath::as_str);
        Cow::Owned(function::name(head.recorded_method().as_str(), path))
    }

    /// Whether the function has neither an id nor a route.
    pub(super) fn is_known_by_path(&self) -> bool {
        self.opts().id().is_empty() && self.head().is_none_or(|head| head.matched_path().is_none())
    }

    /// The same for a log line; `None` as long as it is not known.
    pub(crate) fn log_name(&self) -> Option<String> {
        let id = self.function_id();
        (!id.is_empty()).then(|| shown(&id).to_string())
    }

    /// What the handler gets of a step that failed for good.
    pub(crate) fn step_error(&self, id: impl Into<String>, error: OpError) -> StepError {
        let error = StepError::new(id, error);
        if self.is_detached() { error } else { error.of_run(self.id(), self.log_name()) }
    }

    /// Whose the run is, for log lines that others write.
    pub(crate) fn whose(&self) -> Whose {
        Whose { run_id: self.id(), function: self.log_name() }
    }

    /// What Inngest calls the function. Inngest keeps a method for each name, and calls all its
    /// runs back by the latest: with a name for each method, no client's request changes how
    /// another's run is called back.
    pub(crate) fn function_name(&self) -> Cow<'static, str> {
        let id = self.opts().id();
        match self.head().map(RequestHead::recorded_method) {
            Some(method) if !id.is_empty() && RecordedMethod::stands_in_names(method.as_str()) => {
                Cow::Owned(function::name(method.as_str(), id))
            }
            _ => self.function_id(),
        }
    }

    /// The function's options; the defaults as long as it is unknown.
    pub(crate) fn opts(&self) -> FnOpts {
        self.function.get().map(|function| function.opts).unwrap_or_default()
    }

    /// What a client gets whose run is handed over: as the function says, else as the provider
    /// does.
    pub(crate) fn async_response(&self) -> AsyncResponse {
        let own = self.opts().get_async_response();
        let otherwise = || self.app().map(|app| app.async_response());
        own.or_else(otherwise).unwrap_or(AsyncResponse::Redirect)
    }

    /// Whether an error of the handler's is a failed attempt, which may go otherwise the next time.
    pub(crate) fn retries_errors(&self) -> bool {
        let otherwise = || self.app().map(|app| app.settings().on_error);
        let on_error = self.opts().get_on_error().or_else(otherwise).unwrap_or_default();
        on_error == OnError::Retry && !self.has_step_error.load(Ordering::Relaxed)
    }

    /// The handler is given an error of a step, as it will be each time.
    pub(crate) fn note_step_error(&self) {
        self.has_step_error.store(true, Ordering::Relaxed);
    }

    /// Whether the run's client, should the run be handed over, reads its output at this app's own
    /// route.
    pub(crate) fn is_read_at_home(&self) -> bool {
        matches!(self.async_response(), AsyncResponse::Proxy | AsyncResponse::Negotiate)
            && self.app().is_some_and(|app| app.has_own_output())
    }

    /// Whether Inngest is not given the response's body, as far as the handler has said by now.
    pub(crate) fn omits_response_body(&self) -> bool {
        match self.response_body.load(Ordering::Relaxed) {
            0 => self.opts().omits_response_body(),
            said => said == OMIT,
        }
    }

    /// The handler says anew whether Inngest is given the response's body.
    pub(crate) fn omit_response_body(&self, omit: bool) {
        self.response_body.store(if omit { OMIT } else { KEEP }, Ordering::Relaxed);
    }

    /// Whether the run's response does not end before Inngest has its report.
    pub(crate) fn delivers_first(&self) -> bool {
        let otherwise = || self.app().map(|app| app.settings().deliver);
        self.opts().get_deliver().or_else(otherwise) == Some(Deliver::BeforeResponseEnds)
    }

    /// Whether steps that have not begun are left to another request of the run: this one has
    /// lasted too long, or the process is to end.
    ///
    /// `has_begun`: a step has begun in this one. A re-entry without any would bring the run no
    /// further.
    pub(super) fn leaves_steps(&self, has_begun: bool) -> bool {
        let Some(app) = self.app() else { return false };
        // What cannot be told to Inngest is done here.
        let drains = || app.is_draining() && !app.client().is_failing();
        if self.is_first() {
            !self.ledger.is_dropped() && (self.is_over_time() || (drains() && self.may_leave()))
        } else {
            has_begun && drains() && !self.opts().is_sync_only()
        }
    }

    /// Whether the request has lasted so long that it begins no further step. The clock is read
    /// only where there is a limit.
    fn is_over_time(&self) -> bool {
        let function = self.function.get().filter(|function| !function.opts.is_sync_only());
        let own = function.and_then(|function| function.opts.get_max_request_time());
        let otherwise = || self.app()?.settings().max_request_time.filter(|_| self.may_leave());
        own.or_else(otherwise).is_some_and(|most| self.elapsed() >= most)
    }

    /// How long an attempt of a step may take that says nothing of it.
    pub(crate) fn step_timeout(&self) -> Option<Duration> {
        let own = self.function.get().and_then(|function| function.opts.get_step_timeout());
        own.or_else(|| self.app()?.settings().step_timeout)
    }

    /// Whether a first request may be handed over for other reasons than its handler's own. Of a
    /// function that is never handed over otherwise, the attribute does not ask for arguments that
    /// are the same in a re-entry.
    fn may_leave(&self) -> bool {
        let opts = self.opts();
        let waits = self.function.get().is_some_and(|function| function.waits);
        !opts.is_sync_only() && (opts.get_retries() > 0 || opts.get_max_request_time().is_some() || waits)
    }

    /// The request ends, with this status: where all endpoints are recorded, so is this one.
    pub(crate) fn track_at_end(&self, status: StatusCode) {
        let Some(head) = &self.early_head else { return };
        if !self.tracks_all() {
            return;
        }
        // The router's answer to a method that the route does not have: there is no such function.
        if status == StatusCode::METHOD_NOT_ALLOWED && !self.is_entered() && !self.is_tracked() {
            return;
        }
        self.head.get_or_init(|| (**head).clone());
        // An extractor may have rejected it, and then its function has not said what it keeps to
        // itself.
        let is_rejected = !self.is_entered() && !status.is_success();
        if is_rejected && self.app().is_some_and(|app| app.wants().discretion) {
            self.body.omit();
            self.omit_response_body(true);
        }
    }

    /// Notes where the function is, for re-entries that cannot get to their handler.
    pub(crate) fn learn_route(&self) {
        if let (true, Some(app), Some(head)) = (self.is_entered(), self.app(), self.head())
            && let Some(odd) = app.routes().learn(head, self.opts())
        {
            tracing::warn!(function = self.opts().id(), "a durable endpoint was reached oddly: {odd}");
        }
    }

    /// Notes which route Inngest has called back by GET.
    pub(crate) fn note_route(&self, path: MatchedPath) {
        self.route.get_or_init(|| path);
    }

    /// The route that Inngest has called back by GET.
    pub(crate) fn route(&self) -> Option<&MatchedPath> {
        self.route.get()
    }

    /// Whether Inngest is to know of the request.
    pub(crate) fn is_recorded(&self) -> bool {
        self.tracks_always() || self.tracks_all() || self.has_steps()
    }

    fn tracks_always(&self) -> bool {
        self.function.get().is_some_and(|function| function.opts.get_track() == Track::Always)
    }

    /// A request that no route has matched has no name that Inngest could know it by. One for an
    /// output is none of the app's work, and its query is a token.
    fn tracks_all(&self) -> bool {
        let head = self.head.get().or(self.early_head.as_deref());
        let Some(app) = self.app().filter(|app| app.settings().track_all_endpoints) else {
            return false;
        };
        let path = head.and_then(|head| head.matched_path());
        path.is_some_and(|path| !app.is_output_route(path.as_str()))
    }
}
