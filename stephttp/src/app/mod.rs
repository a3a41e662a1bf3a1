//! What the layers and runs of one provider share, and the options that say how it is set.

mod events;
mod opts;
mod output;
mod output_route;
mod recent_runs;
mod settings;
mod streams;
mod wants;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, Semaphore};

pub use opts::SetupOpts;
pub use output::OutputOpts;
pub(crate) use output::{FRAME, Full, OutputRoom, SIGNATURE, SMALL, TOKEN, Taken, query};
use output_route::OutputRoute;
use recent_runs::RecentRuns;
pub(crate) use settings::Settings;
use streams::Streams;
use wants::Wants;

use crate::client::ApiClient;
use crate::delivery::{Backlog, Deliveries};
use crate::exchange::{Jobs, Routes, Unverified};
use crate::function;
use crate::middleware::Chain;
use crate::untrusted::{Complaint, Complaints, shown};

/// What the layers and runs of one provider share.
pub(crate) struct App {
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
    output_room: OutputRoom,
    /// For streams that are passed on to clients.
    relays: Arc<Semaphore>,
    streams: Streams,
    /// It has been said that two layers are stacked; the same of `verify`, and that one is inside
    /// of the layer.
    said_stacked: AtomicBool,
    said_second_verify: AtomicBool,
    said_verify_inside: AtomicBool,
    /// It has been said that a `Remember` stands outside of the layer.
    said_remember_outside: AtomicBool,
    /// It has been said of these that their handlers have not come to some of their steps.
    with_unclaimed_steps: RecentRuns,
    complaints: Complaints,
}

impl App {
    pub(crate) fn new(settings: Settings, client: ApiClient) -> Self {
        let relays = Arc::new(Semaphore::new(settings.stream_relays));
        Self {
            backlog: Backlog::new(settings.backlog_bytes, settings.middleware.clone()),
            deliveries: Arc::new(Deliveries::new(settings.middleware.clone())),
            wants: Wants::of(&settings, function::registered()),
            settings,
            client,
            routes: Routes::new(),
            jobs: Arc::default(),
            unverified: Unverified::default(),
            draining: AtomicBool::new(false),
            drained: Notify::new(),
            output_route: OutputRoute::default(),
            output_room: OutputRoom::default(),
            relays,
            streams: Streams::default(),
            said_stacked: AtomicBool::new(false),
            said_second_verify: AtomicBool::new(false),
            said_verify_inside: AtomicBool::new(false),
            said_remember_outside: AtomicBool::new(false),
            with_unclaimed_steps: RecentRuns::default(),
            complaints: Complaints::default(),
        }
    }

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

    /// Whether what runs stream and publish, which nothing seals, may pass through Inngest.
    pub(crate) fn sends_in_clear(&self) -> bool {
        self.settings.stream_in_clear || !self.middleware().seals()
    }

    /// Room for streams that are passed on to clients.
    pub(crate) fn relays(&self) -> Arc<Semaphore> {
        self.relays.clone()
    }

    /// Those streams.
    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
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

    /// Whether a log line that strangers can cause may be written; with how many of its kind were
    /// left out before it.
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
    pub(crate) fn output_room(&self) -> &OutputRoom {
        &self.output_room
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Says that the process is to end. `false`: it has been said before.
    pub(crate) fn begin_to_drain(&self) -> bool {
        let is_first = !self.draining.swap(true, Ordering::SeqCst);
        if is_first {
            self.drained.notify_waiters();
        }
        is_first
    }

    /// Waits until the process is to end.
    pub(crate) async fn drained(&self) {
        // From here on it is told: what the flag does not say yet is going to be.
        let told = self.drained.notified();
        if !self.is_draining() {
            told.await;
        }
    }

    /// Runs of which it has been said that their handlers have not come to some of their steps.
    pub(crate) fn with_unclaimed_steps(&self) -> &RecentRuns {
        &self.with_unclaimed_steps
    }

    /// A request has come to a second layer, which leaves it alone.
    pub(crate) fn warn_of_second_layer(&self) {
        if is_first(&self.said_stacked) {
            tracing::warn!(
                "two stephttp layers are stacked on one route: the outer one works, the inner one does nothing. Add \
                 `.layer(provider.layer())` once, either to the router or to the one that is nested in it"
            );
        }
    }

    /// The same, told to the layer that works.
    pub(crate) fn note_inner_layer(&self) {
        self.said_stacked.store(true, Ordering::Relaxed);
    }

    /// Whether a request has come to two layers, one of which is this app's.
    pub(crate) fn has_stacked_layers(&self) -> bool {
        self.said_stacked.load(Ordering::Relaxed)
    }

    /// A request has come to a second `verify`, which leaves it alone.
    pub(crate) fn warn_of_second_verify(&self) {
        if is_first(&self.said_second_verify) {
            tracing::warn!(
                "two layers of `provider.verify()` are stacked on one route: the outer one works, the inner one does \
                 nothing. Add it once, outermost"
            );
        }
    }

    /// A request has come to a `verify` that stands inside of the layer.
    pub(crate) fn warn_of_verify_inside(&self) {
        if is_first(&self.said_verify_inside) {
            tracing::warn!(
                "`provider.verify()` stands inside of `provider.layer()`, where it does nothing: it belongs outside of the \
                 layers that may reject requests, added last of all. If all of those are inside of `provider.layer()`, \
                 leave it out"
            );
        }
    }

    /// A request has had a `Remember` extracted outside of the layer.
    pub(crate) fn complain_of_remember_outside(&self, value: &'static str) {
        if is_first(&self.said_remember_outside) {
            tracing::error!(
                value,
                "a `Remember` is extracted outside of `inngest.layer()`, in a `from_fn` that was added after it, say: its \
                 value is not kept, and a re-entry will not get it. Add `inngest.layer()` after that layer"
            );
        }
    }
}

/// Whether something is said for the first time.
fn is_first(said: &AtomicBool) -> bool {
    !said.load(Ordering::Relaxed) && !said.swap(true, Ordering::Relaxed)
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}
