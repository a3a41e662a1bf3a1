//! Inngest's API, as an app calls it: [`ApiClient`], which [`ApiClientBuilder`] sets up.

// - `checkpoint`: the calls, as users make them and as the SDK does;
// - `call`, `retry`, `keys`: how each of them is made.

mod builder;
mod call;
mod checkpoint;
mod error;
mod events;
mod extras;
mod keys;
mod output;
mod publish;
mod realtime;
mod retry;
mod signals;
mod standing;
mod subscription_token;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use reqwest::Client;
use url::Url;

pub use builder::ApiClientBuilder;
pub(crate) use error::report;
pub use error::{ApiError, ApiErrorKind};
pub(crate) use events::{EventApi, SendEventsError};
pub(crate) use extras::Extras;
pub(crate) use output::OutputBody;
pub(crate) use publish::{Message, PublishInClear};
pub(crate) use retry::{Patience, is_worth_retrying, parse_retry_after, read_retry_after};
pub(crate) use standing::{NoState, STATUS_LAG, Shown};
pub use subscription_token::SubscriptionToken;

use self::keys::Keys;
use self::retry::Limits;
use crate::connect::{Connection, HttpClients, SetupError, bare, is_loopback};
use crate::wire;

/// How long connecting to the API may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Inngest's checkpoint API: authenticates, retries, and reads the answers.
///
/// It needs no [`Provider`](crate::Provider), layer or handler; it is also what those use
/// themselves, and [`Provider::client`](crate::Provider::client) gives theirs. Clones are the same
/// client.
///
/// | Method | Call |
/// |---|---|
/// | [`checkpoint_new_run`](Self::checkpoint_new_run) | `POST /v1/checkpoint` |
/// | [`checkpoint_steps`](Self::checkpoint_steps) | `POST /v1/checkpoint/{run_id}/steps` |
/// | [`checkpoint_response`](Self::checkpoint_response) | the same, with the run's end |
/// | [`checkpoint_async`](Self::checkpoint_async) | `POST /v1/checkpoint/{run_id}/async` |
/// | [`get_steps`](Self::get_steps) | `GET /v0/runs/{run_id}/actions` |
///
/// ```
/// use std::time::SystemTime;
///
/// use inngest::wire::{ApiResult, CheckpointNewRunRequest, NewApiRunData, Op};
/// use inngest::client::ApiClient;
/// use inngest::wire::RunId;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let inngest = ApiClient::from_env()?;
/// let run_id = RunId::new(SystemTime::now());
/// let data = NewApiRunData::new("https://api.example.com", "POST", "/orders").function("create-order");
/// let charged = Op::step_run("charge-card", &"ch_1")?;
/// let run = inngest.checkpoint_new_run(&CheckpointNewRunRequest::new(run_id, data).step(charged)).await?;
/// inngest.checkpoint_steps(&run, &[Op::step_run("send-receipt", &())?]).await?;
/// inngest.checkpoint_response(&run, &ApiResult::new(201).body("created")).await?;
/// # Ok(()) }
/// ```
///
/// # Retries
///
/// A call is tried again when there was no connection or it broke off, when the answer did not come
/// in time, and after 408, 429 and 5xx: by default up to four times, after 100, 200, 400 and 800
/// ms, each with as much again of jitter. An answer that says that the call was taken, and makes no
/// sense otherwise, is asked for once more. `Retry-After`, in seconds or as a date, is waited for
/// instead, or the call given up when that is longer than the [total
/// timeout](ApiClientBuilder::total_timeout) leaves. Other refusals are final.
///
/// That is safe, since having a call's effect twice is having it once: a run's id is made by the
/// caller, and creating it again gives the same run; a step's value is kept as it was saved first;
/// and what is scheduled already is not scheduled again. Two things are otherwise. Inngest makes
/// the request of a `Gateway` or `AIGateway` operation each time that it is told of it. And it
/// carries out a wait or a failed step each time that it comes in the call that creates the run.
/// Such calls are tried again only when they surely have had no effect. To tell Inngest of a wait
/// after an [unclear outcome](ApiError::is_outcome_unclear), create the run without it, and add it
/// by [`checkpoint_steps`](Self::checkpoint_steps).
///
/// # Keys
///
/// Calls show the hash of the signing key, never the key. When the API answers 401 and there is a
/// fallback key, the call is made with that one at once; if it is taken, later calls begin with it,
/// until it is refused and the first one is taken. When both are refused, the call fails.
///
/// # Cancellation
///
/// Dropping a call's future may leave it made or not. It is safe to make it again with the same run
/// id.
#[derive(Clone)]
#[doc(alias = "APIClient")]
#[doc(alias = "checkpointAPI")]
pub struct ApiClient {
    inner: Arc<Inner>,
}

struct Inner {
    http: Client,
    /// For events.
    event_http: Client,
    /// For outputs, which clients wait for and read as slowly as they like: each has a connection
    /// of its own.
    output_http: Client,
    base: Url,
    new_run: Url,
    keys: Keys,
    /// Of every call; those of one with a body have its type, too.
    headers: HeaderMap,
    headers_with_body: HeaderMap,
    /// Of a call that sends events, whose host may be another.
    event_headers: HeaderMap,
    /// Where events go; `None` without an event key.
    events: Option<EventApi>,
    /// Of calls that users make.
    limits: Limits,
    /// The last call failed: the outage has been logged.
    failing: AtomicBool,
}

/// How a client is set up, besides where it connects to.
pub(crate) struct Configuration {
    events: Option<EventApi>,
    connect_timeout: Duration,
    limits: Limits,
    user_agent: Option<HeaderValue>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { events: None, connect_timeout: CONNECT_TIMEOUT, limits: Limits::default(), user_agent: None }
    }
}

impl Configuration {
    pub(crate) fn with_events(events: Option<EventApi>) -> Self {
        Self { events, ..Self::default() }
    }
}

impl ApiClient {
    /// A client of the API at a base URL, such as `https://api.inngest.com`, with a signing key.
    ///
    /// As [`builder`](Self::builder) with these two options, outside of dev mode.
    ///
    /// ```
    /// let inngest = inngest::client::ApiClient::new("https://api.inngest.com", "signkey-prod-12345678")?;
    /// # Ok::<(), inngest::SetupError>(())
    /// ```
    ///
    /// # Errors
    /// When the URL or the key is none; see [`ApiClientBuilder::build`].
    #[doc(alias = "NewAPIClient")]
    #[doc(alias = "NewClient")]
    pub fn new(base_url: impl Into<String>, signing_key: impl Into<String>) -> Result<Self, SetupError> {
        Self::builder().dev(false).base_url(base_url).signing_key(signing_key).build()
    }

    /// A client that is set up by the environment alone: by the variables that
    /// [`SetupOpts`](crate::SetupOpts) lists.
    ///
    /// # Errors
    /// When a variable makes no sense, and when there is neither a signing key nor dev mode.
    pub fn from_env() -> Result<Self, SetupError> {
        Self::builder().build()
    }

    /// Begins to set up a client.
    pub fn builder() -> ApiClientBuilder {
        ApiClientBuilder::default()
    }

    /// # Errors
    /// When TLS is needed and cannot be set up.
    pub(crate) fn connect(connection: &Connection, configuration: Configuration) -> Result<Self, SetupError> {
        let Configuration { events, connect_timeout, limits, user_agent } = configuration;
        let base = connection.base_url.clone();
        let clients = HttpClients::new(connection.http_client.as_ref(), connect_timeout);
        let http = clients.of(&base)?;
        let event_http = match &events {
            Some(events) if !is_same_kind(events.url(), &base) => clients.of(events.url())?,
            _ => http.clone(),
        };
        let output_http = if base.scheme() == "https" { clients.of_one_call(&base)? } else { http.clone() };
        let event_url = events.as_ref().map_or(&base, EventApi::url);
        let headers = |url: &Url, has_body| {
            let (env, user_agent) = (connection.env.as_ref(), user_agent.as_ref());
            call::headers(env, user_agent, has_body, clients.headers(url))
        };
        let inner = Inner {
            headers: headers(&base, false),
            headers_with_body: headers(&base, true),
            event_headers: headers(event_url, true),
            http,
            event_http,
            output_http,
            new_run: at(&base, "v1/checkpoint"),
            base,
            keys: Keys::new(connection.signing_key.as_ref(), connection.signing_key_fallback.as_ref()),
            events,
            limits,
            failing: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// Of the URL the origin alone, and of names that they are set.
impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { base, headers, events, limits, .. } = &*self.inner;
        f.debug_struct("ApiClient")
            .field("base_url", &bare(base.as_str()))
            .field("env", &headers.get(wire::headers::ENV).map(|_| ".."))
            .field("user_agent", &headers.get(USER_AGENT).map(|_| ".."))
            .field("events", events)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

/// Whether one client is for both.
fn is_same_kind(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && is_loopback(one) == is_loopback(other)
}

/// A path below the base, which may have a path of its own.
fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}
