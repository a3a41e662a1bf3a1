//! Setting up: who the app is, which Inngest it talks to, and the parts that all requests share.

mod connection;
mod env;
mod error;
mod events;
mod local_host;
mod opts;
mod output_route;
mod settings;
mod shutdown;
mod unshown;
mod wants;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use connection::{Connection, Dev, Given, Source};
pub use error::SetupError;
pub use opts::SetupOpts;
pub(crate) use settings::{Settings, invalid};
pub(crate) use unshown::{bare, bare_if_set};
pub(crate) use wants::Wants;

use tokio::sync::Notify;

use crate::checkpoint::{Backlog, Deliveries};
use crate::client::{ApiClient, Configuration};
use crate::function;
use crate::layer::{DurableLayer, Jobs, Routes, Unverified};
use crate::middleware::Chain;
use crate::output::Room;
use crate::untrusted::{Complaint, Complaints, shown};
use output_route::OutputRoute;

/// The app's side of Inngest: makes the [layer](Self::layer), and waits for what is under way.
///
/// Clones are the same provider.
#[derive(Clone)]
pub struct Provider {
    shared: Arc<Shared>,
}

/// What the layers and runs of one provider share.
pub(crate) struct Shared {
    settings: Settings,
    client: ApiClient,
    backlog: Backlog,
    deliveries: Arc<Deliveries>,
    routes: Routes,
    jobs: Arc<Jobs>,
    unverified: Unverified,
    wants: Wants,
    /// The process is to end.
    draining: AtomicBool,
    /// Wakes those who wait for that.
    drained: Notify,
    output_route: OutputRoute,
    /// For outputs.
    room: Room,
    /// It has been said that two layers are stacked.
    said_stacked: AtomicBool,
    complaints: Complaints,
}

impl Provider {
    /// Checks the options and the environment, and sets up.
    ///
    /// Options win over the environment; see [`SetupOpts`] for the variables.
    ///
    /// # Errors
    /// When an option or variable makes no sense (the error names it), when there is neither a signing key nor dev
    /// mode, and when two functions of this program have one id.
    #[doc(alias = "Setup")]
    pub fn setup(opts: SetupOpts) -> Result<Self, SetupError> {
        let settings = Settings::resolve(opts, |name| std::env::var(name).ok())?;
        check_functions(function::registered().map(|function| (function.opts.id(), function)))?;
        let api = bare(settings.connection.base_url.as_str());
        if settings.is_dev() && settings.has_key() {
            tracing::warn!(
                %api,
                "dev mode although there is a signing key: requests without a signature are believed to be Inngest's, and \
                 answered with what runs hold. In production, unset INNGEST_DEV (SetupOpts::dev, dev_server)"
            );
        } else if settings.is_dev() {
            tracing::info!(%api, "dev mode: requests that claim to be Inngest's are not checked for its signature");
        } else {
            tracing::info!(%api, origin = %settings.origin(None), "checkpoints go to Inngest");
        }
        warn_of_missing_event_key(&settings);
        let configuration = Configuration::with_events(settings.event_api.clone());
        let client = ApiClient::connect(&settings.connection, configuration)?;
        Ok(Self {
            shared: Arc::new(Shared {
                backlog: Backlog::new(settings.backlog_bytes),
                wants: Wants::of(&settings, function::registered()),
                settings,
                client,
                deliveries: Arc::default(),
                routes: Routes::new(),
                jobs: Arc::default(),
                unverified: Unverified::default(),
                draining: AtomicBool::new(false),
                drained: Notify::new(),
                output_route: OutputRoute::default(),
                room: Room::default(),
                said_stacked: AtomicBool::new(false),
                complaints: Complaints::default(),
            }),
        })
    }

    /// The layer that makes handlers durable. Add it once, after the routes and after [other
    /// layers](DurableLayer#beside-other-layers): to a router, to one that is nested in another, to a single route, or to any
    /// tower service (see [`DurableLayer`]).
    #[doc(alias = "Middleware")]
    #[doc(alias = "ServeHTTP")]
    #[must_use = "a layer does nothing until it is added to a router"]
    pub fn layer(&self) -> DurableLayer {
        DurableLayer::new(self.shared.clone())
    }

    /// The client of Inngest's API that the layer uses.
    #[must_use]
    pub fn client(&self) -> &ApiClient {
        self.shared.client()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Provider {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn client(&self) -> &ApiClient {
        &self.client
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    pub(crate) fn deliveries(&self) -> &Arc<Deliveries> {
        &self.deliveries
    }

    pub(crate) fn middleware(&self) -> &Chain {
        &self.settings.middleware
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(crate) fn jobs(&self) -> Arc<Jobs> {
        self.jobs.clone()
    }

    /// Bodies of requests that claim to be Inngest's.
    pub(crate) fn unverified(&self) -> &Unverified {
        &self.unverified
    }

    pub(crate) fn wants(&self) -> Wants {
        self.wants
    }

    /// Whether a log line that strangers can cause may be written; with how many of its kind were left out before it.
    pub(crate) fn admits_line(&self, complaint: Complaint) -> Option<u64> {
        self.complaints.admit(complaint)
    }

    /// Where Inngest calls this app back for a request with this `Host`.
    pub(crate) fn origin(&self, host: Option<&str>) -> Cow<'_, str> {
        let origin = self.settings.origin(host);
        // What is made of a host is another text.
        let is_turned_down = matches!(origin, Cow::Borrowed(_)) && self.settings.goes_by_host();
        if let Some(host) = host.filter(|_| is_turned_down)
            && let Some(left_out) = self.admits_line(Complaint::Host)
        {
            tracing::warn!(
                host = %shown(host),
                %origin,
                left_out,
                "the `Host` of a request is no private one, so Inngest is told to call the app at its own origin: name \
                 another with SetupOpts::dev_origin"
            );
        }
        origin
    }

    /// For the outputs that the route holds.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// A request has come to a second layer, which leaves it alone.
    pub(crate) fn warn_of_second_layer(&self) {
        if !self.said_stacked.load(Ordering::Relaxed) && !self.said_stacked.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "two stephttp layers are stacked on one route: the outer one works, the inner one does nothing. Add \
                 `.layer(provider.layer())` once, either to the router or to the one that is nested in it"
            );
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Says early what a step would say after others have had their effects.
fn warn_of_missing_event_key(settings: &Settings) {
    let sends = |function: &&function::Registration| {
        function.steps().iter().any(|step| step.kind() == function::StepKind::SendEvent)
    };
    if settings.event_api.is_none()
        && let Some(function) = function::registered().find(sends)
    {
        tracing::warn!(
            function = function.function(),
            "it sends events, which fails without an event key: set INNGEST_EVENT_KEY, or SetupOpts::event_key"
        );
    }
}

/// Inngest would mix the runs of two functions with one id.
fn check_functions<'a>(
    functions: impl Iterator<Item = (&'a str, &'a function::Registration)>,
) -> Result<(), SetupError> {
    let mut known = std::collections::HashMap::new();
    for (id, function) in functions {
        if let Some(other) = known.insert(id, function) {
            let name = |function: &function::Registration| {
                format!("{} ({})", function.function(), function.location())
            };
            let mut names = [name(other), name(function)];
            names.sort();
            let [first, second] = names;
            return Err(SetupError::DuplicateFunction { id: id.to_owned(), first, second });
        }
    }
    Ok(())
}
