//! An endpoint's options.

use std::time::Duration;

use super::AsyncResponse;

/// An endpoint's options: given to [`#[api_fn]`](macro@crate::api_fn), or by a handler without the
/// attribute to [`Step::configure`](crate::Step::configure).
#[derive(Debug, Clone, Copy)]
pub struct FnOpts {
    id: &'static str,
    retries: u8,
    omit_request_body: bool,
    omit_response_body: bool,
    async_response: Option<AsyncResponse>,
    track: Track,
    sync_only: bool,
    streams: bool,
    max_request_time: Option<Duration>,
    deliver: Option<Deliver>,
    step_timeout: Option<Duration>,
    on_error: Option<OnError>,
}

/// What happens to a run when its handler answers a re-entry with a status of 500 or above.
///
/// In the first request, the client gets such an answer, and the run is recorded as failed. A panic
/// in a re-entry is retried whatever is set here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Inngest calls the handler again, since the cause (a database that is down, say) may be gone
    /// by then. It makes as many attempts as the function has `retries`, one at least. After the
    /// last attempt the run fails, and its client gets the last answer.
    ///
    /// If the answer has a `Retry-After` of up to 24 hours, the next attempt comes no sooner.
    ///
    /// The run fails at once with an answer in [`NoRetry`](crate::NoRetry), and in an execution in
    /// which the handler was given a [`StepError`](crate::StepError): the step's attempts are used
    /// up, and its error is the same each time.
    #[default]
    Retry,
    /// The run fails, and this is what its client gets.
    Fail,
}

/// Which requests of an endpoint are recorded as runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Track {
    /// Those that run a step.
    #[default]
    WithSteps,
    /// All that reach the handler's body, also when the function takes no `Step`. Those that an
    /// extractor rejects are not recorded.
    ///
    /// A run is told of in one call, when its client has had the response, unless [`Deliver`] says
    /// otherwise; the client never notices whether that works. If too much waits for Inngest
    /// already, a run without steps is counted as lost (see [`Provider::wait`]). A request that is
    /// dropped before its handler has answered, since its client is gone, is recorded with the
    /// status 499.
    ///
    /// If some function of the program is tracked always, the head and body of every request are
    /// kept, for the time of its handler, up to what Inngest keeps with a run. A handler that a
    /// middleware runs in a task of its own is not recorded if it takes no `Step`.
    ///
    /// [`Provider::wait`]: crate::Provider::wait
    Always,
}

/// When Inngest is told of a run that has ended in its client's request.
///
/// ```
/// use inngest::function::Deliver;
/// use inngest::{Provider, SetupError, SetupOpts};
///
/// # fn provider() -> Result<Provider, SetupError> {
/// let opts = SetupOpts::new("https://api.example.com").deliver(Deliver::BeforeResponseEnds);
/// let provider = Provider::setup(opts)?;
/// # Ok(provider) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deliver {
    /// After the client has the response, which never waits for Inngest. If the process is frozen
    /// or killed with the last byte of the response, the report of the run is lost.
    #[default]
    AfterResponse,
    /// Before its client has all of the response: the response's end is held back until Inngest
    /// has the run. For platforms that give a process no time beside its requests: AWS Lambda,
    /// Cloud Run without "CPU always allocated", whatever scales to zero.
    ///
    /// The client waits for one call to Inngest, at most for [`SetupOpts::delivery_wait`]. After
    /// that time the client gets the end of the response, and the SDK continues as with
    /// [`AfterResponse`](Self::AfterResponse): it retries the call for about half a minute, logs a
    /// loss, and [`Provider::wait`] reports it.
    ///
    /// What is held back:
    ///
    /// | Response | Waits |
    /// |---|---|
    /// | with a length (`Content-Length`, or axum's `String`, `Json`, `Bytes`) | its last data frame, which for these is the whole body; the head goes at once |
    /// | without one (a stream, server-sent events) | its end alone: each frame goes as it comes |
    /// | with trailers | the trailers |
    /// | without a body (to `HEAD`, a 204, an empty one) | the head |
    /// | none, because the handler has panicked or its service has failed | the connection's end |
    ///
    /// The stored copy holds the whole response, even if the client does not receive the end. A
    /// request that runs no step and is not [tracked](Track::Always) never waits, because there is
    /// nothing to report. The option does not affect hand-overs and re-entries, which save
    /// everything before they answer.
    ///
    /// [`Provider::wait`]: crate::Provider::wait
    /// [`SetupOpts::delivery_wait`]: crate::SetupOpts::delivery_wait
    BeforeResponseEnds,
}

impl FnOpts {
    /// How often a failed step is retried when nothing else is said.
    pub const DEFAULT_RETRIES: u8 = 3;

    /// The largest number of retries that Inngest makes.
    pub const MOST_RETRIES: u8 = 20;

    /// Options with the given id and the defaults.
    #[must_use]
    pub const fn new(id: &'static str) -> Self {
        Self {
            id,
            retries: Self::DEFAULT_RETRIES,
            omit_request_body: false,
            omit_response_body: false,
            async_response: None,
            track: Track::WithSteps,
            sync_only: false,
            streams: false,
            max_request_time: None,
            deliver: None,
            step_timeout: None,
            on_error: None,
        }
    }

    /// How often a failed step is retried: the first attempt is not counted. At most 20.
    #[must_use]
    pub const fn retries(mut self, retries: u8) -> Self {
        self.retries = retries;
        self
    }

    /// Whether Inngest is not given the request's body.
    ///
    /// A re-entry has an empty one then, with the first request's content type: an extractor such
    /// as `Json` rejects it. Take `#[not_replayed] body: Bytes`, and read them in a step. When the
    /// handler begins, the layer lets go of what it has kept by then.
    #[must_use]
    #[doc(alias = "OmitRequestBody")]
    #[doc(alias = "OmitBody")]
    pub const fn omit_request_body(mut self, omit: bool) -> Self {
        self.omit_request_body = omit;
        self
    }

    /// Whether Inngest is not given the response's body; it is given the status and the headers,
    /// without those that hold for the body alone (`Content-Encoding`, digests).
    ///
    /// A client whose request the handler answers gets the body as always. One that was sent to the
    /// run's output finds an empty one there, for the body is not even read in a re-entry. A
    /// handler can decide later, and otherwise:
    /// [`Step::omit_response_body`](crate::Step::omit_response_body).
    #[must_use]
    #[doc(alias = "OmitResponseBody")]
    pub const fn omit_response_body(mut self, omit: bool) -> Self {
        self.omit_response_body = omit;
        self
    }

    /// What a client gets when its run is handed over to Inngest. Unless set,
    /// [`SetupOpts::async_response`] holds, and unless that is set, the app's [output
    /// route](crate::Provider::output_route), if it has one.
    ///
    /// [`SetupOpts::async_response`]: crate::SetupOpts::async_response
    #[must_use]
    #[doc(alias = "AsyncResponse")]
    pub const fn async_response(mut self, response: AsyncResponse) -> Self {
        self.async_response = Some(response);
        self
    }

    /// Which requests are recorded as runs.
    #[must_use]
    pub const fn track(mut self, track: Track) -> Self {
        self.track = track;
        self
    }

    /// Says that the endpoint always answers in its first request, so that its runs are never
    /// handed over.
    ///
    /// Its steps are not retried: a failed one gives its error at once. A step that waits (a sleep,
    /// `wait_for_event`, `invoke`, `fetch` and the like) fails the run: a 500 that says so. With
    /// [`Step::detached`] it panics.
    ///
    /// [`Step::detached`]: crate::Step::detached
    #[must_use]
    pub const fn sync_only(mut self, sync_only: bool) -> Self {
        self.sync_only = sync_only;
        self
    }

    /// Says that the endpoint takes a [`Live`](crate::Live), as `#[api_fn]` does of one that does.
    #[must_use]
    pub const fn streams(mut self, streams: bool) -> Self {
        self.streams = streams;
        self
    }

    /// After how much time a first request hands its run over before it begins another step.
    ///
    /// The time counts from when the request reaches the layer. Steps under way then are not
    /// interrupted: they end and are stored, and the steps after them run when Inngest calls back,
    /// at once. Re-entries have no such limit, nor has an endpoint that is
    /// [`sync_only`](Self::sync_only). Unless set, [`SetupOpts::max_request_time`] holds.
    ///
    /// [`SetupOpts::max_request_time`]: crate::SetupOpts::max_request_time
    #[must_use]
    pub const fn max_request_time(mut self, time: Duration) -> Self {
        self.max_request_time = Some(time);
        self
    }

    /// When Inngest is told of a run that has ended in its client's request. Unless set,
    /// [`SetupOpts::deliver`](crate::SetupOpts::deliver) holds.
    #[must_use]
    pub const fn deliver(mut self, deliver: Deliver) -> Self {
        self.deliver = Some(deliver);
        self
    }

    /// The time limit for each attempt of a step that runs in this process ([`run`] and the steps
    /// that send), unless the step has its own. [`RunStep::timeout`] describes what happens to an
    /// attempt that takes longer. Unless set, [`SetupOpts::step_timeout`] applies.
    ///
    /// `Duration::MAX` is no limit. A limit of zero is refused: by the attribute, and by
    /// [`Step::configure`].
    ///
    /// [`RunStep::timeout`]: crate::step::RunStep::timeout
    /// [`run`]: crate::Step::run
    /// [`SetupOpts::step_timeout`]: crate::SetupOpts::step_timeout
    /// [`Step::configure`]: crate::Step::configure
    #[must_use]
    pub const fn step_timeout(mut self, limit: Duration) -> Self {
        self.step_timeout = Some(limit);
        self
    }

    /// What an answer of 500 and above does when Inngest has called the handler back. Unless set,
    /// [`SetupOpts::on_error`] holds, and unless that is set, [`OnError::Retry`].
    ///
    /// [`SetupOpts::on_error`]: crate::SetupOpts::on_error
    #[must_use]
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = Some(on_error);
        self
    }

    /// The id by which Inngest knows the endpoint. Changing it makes it another function there.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// How often a failed step is retried, the first attempt not counted. An endpoint that is
    /// [`sync_only`](Self::is_sync_only) retries nothing.
    #[must_use]
    pub const fn get_retries(&self) -> u8 {
        if self.sync_only { 0 } else { self.retries }
    }

    /// Whether Inngest is not given the request's body.
    #[must_use]
    pub const fn omits_request_body(&self) -> bool {
        self.omit_request_body
    }

    /// Whether Inngest is not given the response's body.
    #[must_use]
    pub const fn omits_response_body(&self) -> bool {
        self.omit_response_body
    }

    /// What a client gets when its run is handed over; `None`: nothing was said.
    #[must_use]
    pub const fn get_async_response(&self) -> Option<AsyncResponse> {
        self.async_response
    }

    /// Which requests are recorded as runs.
    #[must_use]
    pub const fn get_track(&self) -> Track {
        self.track
    }

    /// Whether the endpoint always answers in its first request.
    #[must_use]
    pub const fn is_sync_only(&self) -> bool {
        self.sync_only
    }

    /// Whether the endpoint takes a [`Live`](crate::Live), as far as was said.
    #[must_use]
    pub const fn is_streaming(&self) -> bool {
        self.streams
    }

    /// After how much time a first request hands its run over before it begins another step;
    /// `None`: nothing was said.
    #[must_use]
    pub const fn get_max_request_time(&self) -> Option<Duration> {
        self.max_request_time
    }

    /// When Inngest is told of a run that has ended in its client's request; `None`: nothing was
    /// said.
    #[must_use]
    pub const fn get_deliver(&self) -> Option<Deliver> {
        self.deliver
    }

    /// How long an attempt of a step may take that says nothing of it; `None`: nothing was said.
    #[must_use]
    pub const fn get_step_timeout(&self) -> Option<Duration> {
        self.step_timeout
    }

    /// What an answer of 500 and above does when Inngest has called the handler back; `None`:
    /// nothing was said.
    #[must_use]
    pub const fn get_on_error(&self) -> Option<OnError> {
        self.on_error
    }
}

/// For a handler without the attribute that says none: Inngest knows it as `<METHOD> <path>`, where
/// the path is that of its route (`/orders/{id}`), or the request's own where the layer is not on
/// an axum router.
impl Default for FnOpts {
    fn default() -> Self {
        Self::new("")
    }
}
