//! The options of an app.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::OutputOpts;
use crate::connect::{Dev, bare_if_set};
use crate::function::{AsyncResponse, Deliver, OnError};
use crate::middleware::{Chain, Middleware};
use crate::observer::Observer;

/// How to set up a [`Provider`](crate::Provider).
///
/// ```
/// # use std::time::Duration;
/// use inngest::{Provider, SetupOpts};
///
/// # fn main() -> Result<(), inngest::SetupError> {
/// let inngest = Provider::setup(
///     SetupOpts::new("https://api.example.com")
///         .signing_key("signkey-prod-12345678")
///         .linger(Duration::from_millis(200)),
/// )?;
/// # Ok(())
/// # }
/// ```
///
/// What is not set here is taken from the environment:
///
/// | Variable | Option | Says |
/// |---|---|---|
/// | `INNGEST_DEV` | [`dev_server`](Self::dev_server), [`dev`](Self::dev) | `1` or `true`: dev mode, with the dev server at `http://127.0.0.1:8288`; a URL: dev mode, with the dev server there; `0` or `false`: no dev mode |
/// | `INNGEST_SIGNING_KEY` | [`signing_key`](Self::signing_key) | the key that Inngest and the app share; required outside of dev mode |
/// | `INNGEST_SIGNING_KEY_FALLBACK` | [`signing_key_fallback`](Self::signing_key_fallback) | the other key, while keys are rotated |
/// | `INNGEST_API_BASE_URL`, `INNGEST_BASE_URL` | [`base_url`](Self::base_url) | a self-hosted server; the first wins |
/// | `INNGEST_SERVE_ORIGIN`, `INNGEST_SERVE_HOST` | [`new`](Self::new) | the app's public origin; the first wins |
/// | `INNGEST_ENV` | [`env`](Self::env) | the branch environment |
/// | `INNGEST_EVENT_KEY` | [`event_key`](Self::event_key) | the key to send events with; only [`Step::send_event`](crate::Step::send_event) needs it |
/// | `INNGEST_EVENT_API_BASE_URL` | [`event_api_url`](Self::event_api_url) | where events are sent, if not where Inngest is |
///
/// An empty variable counts as not set.
#[doc(alias = "OptionalSetupOpts")]
#[derive(Clone, Default)]
pub struct SetupOpts {
    pub(crate) origin: Option<String>,
    pub(crate) dev_origin: Option<String>,
    pub(crate) dev: Option<Dev>,
    pub(crate) signing_key: Option<String>,
    pub(crate) signing_key_fallback: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) env: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) http_client: Option<reqwest::Client>,
    pub(crate) event_key: Option<String>,
    pub(crate) event_api_url: Option<String>,
    pub(crate) linger: Option<Duration>,
    pub(crate) backlog_bytes: Option<usize>,
    pub(crate) backlog_wait: Option<Duration>,
    pub(crate) stream_relays: Option<usize>,
    pub(crate) stream_in_clear: bool,
    pub(crate) replay_patience: Option<Duration>,
    pub(crate) async_response: Option<AsyncResponse>,
    pub(crate) on_error: OnError,
    pub(crate) track_all_endpoints: bool,
    pub(crate) max_request_time: Option<Duration>,
    pub(crate) deliver: Deliver,
    pub(crate) delivery_wait: Option<Duration>,
    pub(crate) step_timeout: Option<Duration>,
    pub(crate) middleware: Chain,
    pub(crate) output: OutputOpts,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl SetupOpts {
    /// What a client gets when its run is handed over. Unless set: [`AsyncResponse::Proxy`] in an
    /// app that has made its [output route](crate::Provider::output_route), else
    /// [`AsyncResponse::Redirect`]. What a [function](crate::FnOpts::async_response) says wins.
    #[doc(alias = "DefaultAsyncResponse")]
    #[must_use]
    pub fn async_response(mut self, response: AsyncResponse) -> Self {
        self.async_response = Some(response);
        self
    }

    /// What happens when a handler answers a re-entry with a status of 500 or above, for functions
    /// that do not set [`on_error`](crate::FnOpts::on_error); [`OnError::Retry`] unless set.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Where the app gives its runs' outputs, and how, with
    /// [`Provider::output_route`](crate::Provider::output_route).
    #[must_use]
    pub fn output(mut self, opts: OutputOpts) -> Self {
        self.output = opts;
        self
    }

    /// Whether every request that comes through the layer to a route is recorded as a run, with or
    /// without steps, whatever it is answered with; unless set, only those that run a step, and
    /// those of functions with [`Track::Always`](crate::function::Track::Always).
    ///
    /// A route whose handler says no id has the name `METHOD /its/{path}`, as axum's `MatchedPath`
    /// has it: neither the query nor what stands in the path's place is part of it. A request that
    /// no route has matched is not recorded: names that strangers make up would each be a function
    /// at Inngest. Nor is one of a service that is no axum router, or lies around one, unless its
    /// handler asks for a `Step` below the router. Go's SDK records those, by their whole path.
    ///
    /// The run's details do hold the path, the query, the client's address and the bodies of
    /// request and response. A handler keeps its bodies to itself by its options. Where some
    /// annotated function does, a request that is answered with an error before its handler has
    /// said its options is recorded without its bodies: an extractor may have rejected it. For
    /// routes that Inngest is to know nothing of, add the layer to the others alone. Requests cost
    /// what they do with [`Track::Always`](crate::function::Track::Always).
    #[doc(alias = "TrackAllEndpoints")]
    #[must_use]
    pub fn track_all_endpoints(mut self, track: bool) -> Self {
        self.track_all_endpoints = track;
        self
    }

    /// After how much time a first request hands its run over before it begins another step:
    /// something less than the patience of the load balancer. Never unless set. What a
    /// [function](crate::FnOpts::max_request_time) says wins.
    ///
    /// It does not hold for functions that [`Provider::drain`](crate::Provider::drain) does not
    /// hand over either: those with `sync_only`, and those without retries whose source shows no
    /// step that waits. For all else see
    /// [`FnOpts::max_request_time`](crate::FnOpts::max_request_time).
    #[doc(alias = "MaxRuntime")]
    #[must_use]
    pub fn max_request_time(mut self, time: Duration) -> Self {
        self.max_request_time = Some(time);
        self
    }

    /// When the SDK reports a run that has ended in its client's request, for functions that do not
    /// set [`deliver`](crate::FnOpts::deliver): after the response, unless set.
    ///
    /// Set [`Deliver::BeforeResponseEnds`] where the platform may freeze or end the process with
    /// the end of the response (AWS Lambda, Cloud Run, others that scale to zero).
    #[must_use]
    pub fn deliver(mut self, deliver: Deliver) -> Self {
        self.deliver = deliver;
        self
    }

    /// For how long the end of a response is held back at most, with
    /// [`Deliver::BeforeResponseEnds`]; two seconds unless set.
    ///
    /// While Inngest cannot be reached, each client waits this much longer. Choose a time that is
    /// longer than a call to Inngest takes, and that fits into the platform's limit for a request
    /// (three seconds in all on AWS Lambda, unless set). With zero, the call begins before the end
    /// of the response, and the response does not wait for it.
    #[must_use]
    pub fn delivery_wait(mut self, wait: Duration) -> Self {
        self.delivery_wait = Some(wait);
        self
    }

    /// The time limit for each attempt of a step that runs in this process, unless the step
    /// ([`timeout`](crate::step::RunStep::timeout)) or its function
    /// ([`step_timeout`](crate::FnOpts::step_timeout)) has its own. There is no limit unless set.
    /// Zero is an error at setup.
    ///
    /// Without a limit, a step that hangs in a re-entry blocks its run until Inngest gives the
    /// request up after two hours. With a limit of some minutes, the attempt fails and the step is
    /// retried. Choose a limit above the longest time that any step takes: a step that is cut off
    /// starts again from its beginning.
    #[must_use]
    pub fn step_timeout(mut self, limit: Duration) -> Self {
        self.step_timeout = Some(limit);
        self
    }

    /// Options of the app at a public origin, such as `https://api.example.com`: a scheme, a host
    /// and perhaps a port.
    ///
    /// Inngest calls the app back there, and knows it by that name. It is never taken from a
    /// client's request: anybody could then have Inngest call a place of their choice. In dev mode
    /// alone the request's own `Host` is used instead, so that code with a production origin works
    /// on any machine, if it is of this machine or of a private network: `localhost`, a loopback or
    /// private address, a name without dots (a container's), or one that ends with `.localhost`,
    /// `.local`, `.internal`, `.test`, `.lan` or `.home.arpa`. For others, see
    /// [`dev_origin`](Self::dev_origin).
    ///
    /// With `SetupOpts::default()` it is `INNGEST_SERVE_ORIGIN`.
    #[doc(alias = "Domain")]
    pub fn new(origin: impl Into<String>) -> Self {
        Self { origin: Some(origin.into()), ..Self::default() }
    }

    /// The HTTP client that Inngest is called with: one with a corporate proxy, say, roots or a
    /// client certificate of your own, or other timeouts. It is one of the crate [`reqwest`], in
    /// version 0.13: add that to your own dependencies.
    ///
    /// ```
    /// use reqwest::{Client, Proxy, redirect::Policy};
    /// use inngest::{Provider, SetupOpts};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder()
    ///     .proxy(Proxy::https("http://proxy.example.com:3128")?)
    ///     .redirect(Policy::none())
    ///     .build()?;
    /// # let opts = SetupOpts::new("https://api.example.com").signing_key("signkey-prod-12345678");
    /// let inngest = Provider::setup(opts.http_client(client))?;
    /// # Ok(()) }
    /// ```
    ///
    /// Give it no timeout of the whole request, or one of over six minutes: a client that waits for
    /// a run's output waits on such a request. How long other calls may take is decided here.
    /// Redirects are an error of the call unless the client follows them, in which case a `POST`
    /// may become a `GET`, and the address, which holds the event key in calls that send events,
    /// may be given to another host as `Referer`.
    ///
    /// A client that speaks HTTP/2 makes its calls on one connection, which clients who wait for
    /// outputs at the [output route](crate::Provider::output_route) would share with all else, up
    /// to the number of streams that Inngest takes. With that route, and many such clients, build
    /// it with `http1_only()`.
    ///
    /// Unless set, a client is made that follows no redirects and keeps no cookies, speaks HTTP/2
    /// where the server does (but for outputs), and takes the proxy that `HTTPS_PROXY`,
    /// `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in capitals or small letters. A server at a
    /// loopback address, such as a dev server, is always called directly. TLS is that of the
    /// [crate's features](crate#features).
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Dev mode with a dev server at a URL, such as `http://127.0.0.1:8288`.
    ///
    /// In dev mode there is no authentication: whoever knows a run's id can pretend to be Inngest.
    /// Not for production. With a signing key, setup warns of it, and signatures that are there are
    /// checked; the dev server sends none.
    #[must_use]
    pub fn dev_server(mut self, url: impl Into<String>) -> Self {
        self.dev = Some(Dev::Server(url.into()));
        self
    }

    /// Dev mode on or off, whatever `INNGEST_DEV` says. The dev server is at
    /// `http://127.0.0.1:8288`.
    #[must_use]
    pub fn dev(mut self, dev: bool) -> Self {
        self.dev = Some(Dev::Flag(dev));
        self
    }

    /// Where the dev server reaches the app, if not at the `Host` that clients use:
    /// `http://host.docker.internal:3000`, say. No effect outside of dev mode.
    #[must_use]
    pub fn dev_origin(mut self, origin: impl Into<String>) -> Self {
        self.dev_origin = Some(origin.into());
        self
    }

    /// The signing key, as Inngest shows it. Neither logs nor `Debug` show it.
    #[doc(alias = "SigningKey")]
    #[must_use]
    pub fn signing_key(mut self, key: impl Into<String>) -> Self {
        self.signing_key = Some(key.into());
        self
    }

    /// A second key: requests signed with it are accepted, and calls that the first one is refused
    /// for are made with it. For rotating keys without a gap.
    ///
    /// Give all processes the new key as the fallback before any of them has it as the
    /// [`signing_key`](Self::signing_key), and the former key as the fallback for an hour after
    /// that: redirects to the output route are signed with the first key, a process that does not
    /// have that key refuses them, and they are good for an hour.
    #[doc(alias = "SigningKeyFallback")]
    #[must_use]
    pub fn signing_key_fallback(mut self, key: impl Into<String>) -> Self {
        self.signing_key_fallback = Some(key.into());
        self
    }

    /// Where the API of a self-hosted server is. Clients are redirected there for a run's output,
    /// so they must be able to reach it; unless the app gives it to them itself, at its [output
    /// route](crate::Provider::output_route).
    #[doc(alias = "BaseURL")]
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The branch environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>) -> Self {
        self.env = Some(name.into());
        self
    }

    /// The version of the program. A run keeps the version in which it began:
    /// [`Step::version`](crate::Step::version) tells it in every request of the run, so that a
    /// handler can go the former way for runs that are in flight. The guide's page
    /// [`versions`](crate::guide::versions) compares this with other means.
    ///
    /// It is a text such as `env!("CARGO_PKG_VERSION")` or the id of a commit, with 1 to 128
    /// characters, none of them a control character. Unless set, runs have no version. It is stored
    /// when a run is handed over, in the hidden step that also holds the values of
    /// [`Remember`](crate::Remember), and is visible in Inngest's dashboard.
    #[doc(alias = "AppVersion")]
    #[doc(alias = "appVersion")]
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The key to send events with, as Inngest shows it. Neither logs nor `Debug` show it.
    ///
    /// Without it, [`Step::send_event`](crate::Step::send_event) fails outside of dev mode. In dev
    /// mode any key will do, and `NO_EVENT_KEY_SET` is sent when none is set.
    #[must_use]
    pub fn event_key(mut self, key: impl Into<String>) -> Self {
        self.event_key = Some(key.into());
        self
    }

    /// Where events are sent. Unless set: `https://inn.gs` with Inngest Cloud, the address of the
    /// API with any other server.
    #[must_use]
    pub fn event_api_url(mut self, url: impl Into<String>) -> Self {
        self.event_api_url = Some(url.into());
        self
    }

    /// Adds a [`Middleware`]: code around every execution and step of the provider's endpoints. The
    /// first is the outermost.
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(middleware);
        self
    }

    /// How long operations gather in a client's request before they are sent; 500 ms unless set.
    ///
    /// A handler that ends sooner costs one call to Inngest. If the process dies, what was
    /// gathering is lost, and with it the run.
    #[doc(alias = "BatchInterval")]
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = Some(linger);
        self
    }

    /// How many bytes of operations, requests and responses may wait for Inngest, over all runs,
    /// before new steps wait too; 4 MiB unless set.
    /// [`Provider::backlog_bytes`](crate::Provider::backlog_bytes) says how many do.
    ///
    /// It is what bounds the process's memory when Inngest is slow, or hangs. At the limit no
    /// further step begins for a while ([`backlog_wait`](Self::backlog_wait)), and then none is
    /// kept; the end of a request that has run no step is not kept either. So the limit is exceeded
    /// only by what was under way when it was reached: for each request in flight, its body, the
    /// outputs of the steps that it was running, and its response.
    ///
    /// Responses that clients have not had all of count too, and no step waits for these: together
    /// they take as many bytes again (4 MiB at least), and what goes beyond is not stored with its
    /// run.
    ///
    /// Beside the backlog, each request in flight holds its body, as far as Inngest keeps it (3
    /// MiB); 16 runs that have ended, and each request in flight, hold the text of a call to
    /// Inngest. The SDK does not limit how many requests are in flight; use
    /// `tower::limit::GlobalConcurrencyLimitLayer`, for example.
    #[must_use]
    pub fn backlog_bytes(mut self, bytes: usize) -> Self {
        self.backlog_bytes = Some(bytes);
        self
    }

    /// How long a step waits when [`backlog_bytes`](Self::backlog_bytes) are reached; ten seconds
    /// unless set.
    ///
    /// After that it runs all the same, so that the client is answered, but its run is not reported
    /// to Inngest: it is counted as lost, and can no longer be handed over. When the backlog has
    /// been full for as long, steps do not wait.
    #[must_use]
    pub fn backlog_wait(mut self, wait: Duration) -> Self {
        self.backlog_wait = Some(wait);
        self
    }

    /// How many clients at once this process passes streams on to, which go on after their runs'
    /// first requests: 1,024 unless set. See [`Live`](crate::Live#after-the-first-request).
    ///
    /// Each holds a connection of its client and one to Inngest. A client beyond them, or each with
    /// 0, is told where it can read the rest from Inngest itself.
    #[must_use]
    pub fn stream_relays(mut self, most: usize) -> Self {
        self.stream_relays = Some(most);
        self
    }

    /// Allows functions that take a [`Live`](crate::Live), or [publish](crate::Step::publish),
    /// beside a middleware that [seals](crate::middleware::Middleware::seals) what runs hold, such
    /// as `Encryption`: what they stream passes through Inngest in clear once a run is handed over,
    /// and what is published always does. Without this, setting up fails, and so does
    /// [`Realtime::publish`](crate::Realtime::publish).
    #[must_use]
    pub fn stream_in_clear(mut self, allow: bool) -> Self {
        self.stream_in_clear = allow;
        self
    }

    /// Makes a rehearsal of every re-entry, as replay tests do: see [`Observer`].
    #[doc(hidden)]
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// How long a later request of a run waits for its handler to come to a step that it came to
    /// before, when something that is no step lies in between (a query, say): 5 seconds unless set.
    /// Then the order of steps that is stored with the run is no longer followed there.
    #[must_use]
    pub fn replay_patience(mut self, patience: Duration) -> Self {
        self.replay_patience = Some(patience);
        self
    }
}

/// Of URLs the origin alone, and of keys and names that they are set.
impl fmt::Debug for SetupOpts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |key: &Option<String>| key.as_ref().map(|_| "..");
        f.debug_struct("SetupOpts")
            .field("origin", &bare_if_set(&self.origin))
            .field("dev_origin", &bare_if_set(&self.dev_origin))
            .field("dev", &self.dev)
            .field("signing_key", &secret(&self.signing_key))
            .field("signing_key_fallback", &secret(&self.signing_key_fallback))
            .field("base_url", &bare_if_set(&self.base_url))
            .field("env", &secret(&self.env))
            .field("version", &self.version)
            .field("http_client", &self.http_client.as_ref().map(|_| ".."))
            .field("event_key", &secret(&self.event_key))
            .field("event_api_url", &bare_if_set(&self.event_api_url))
            .field("linger", &self.linger)
            .field("backlog_bytes", &self.backlog_bytes)
            .field("backlog_wait", &self.backlog_wait)
            .field("stream_relays", &self.stream_relays)
            .field("stream_in_clear", &self.stream_in_clear)
            .field("replay_patience", &self.replay_patience)
            .field("async_response", &self.async_response)
            .field("on_error", &self.on_error)
            .field("track_all_endpoints", &self.track_all_endpoints)
            .field("max_request_time", &self.max_request_time)
            .field("deliver", &self.deliver)
            .field("delivery_wait", &self.delivery_wait)
            .field("step_timeout", &self.step_timeout)
            .field("middleware", &self.middleware)
            .field("output", &self.output)
            .finish()
    }
}
