//! Setting up: who the app is, which Inngest it talks to, and the parts that all requests share.

mod events;
mod output_route;
mod realtime;
mod shutdown;

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

pub use events::Events;
pub use realtime::Realtime;

use crate::app::{App, Settings, SetupOpts};
use crate::client::{ApiClient, Configuration};
use crate::connect::{SetupError, bare};
use crate::function;
use crate::layer::{DurableLayer, VerifyLayer};

/// The app's side of Inngest: makes the [layer](Self::layer), and waits for what is under way.
///
/// Clones are the same provider.
#[derive(Clone)]
pub struct Provider {
    app: Arc<App>,
}

impl Provider {
    /// Checks the options and the environment, and sets up.
    ///
    /// Options win over the environment; see [`SetupOpts`] for the variables.
    ///
    /// # Errors
    /// When an option or variable makes no sense (the error names it), when there is neither a
    /// signing key nor dev mode, when two functions of this program have one id, and when one of
    /// them streams or publishes although a middleware seals what runs hold.
    #[doc(alias = "Setup")]
    pub fn setup(opts: SetupOpts) -> Result<Self, SetupError> {
        let settings = Settings::resolve(opts, |name| std::env::var(name).ok())?;
        check_functions(function::registered().map(|function| (function.opts.id(), function)))?;
        check_streams(&settings)?;
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
        Ok(Self { app: Arc::new(App::new(settings, client)) })
    }

    /// The layer that makes handlers durable. Add it once, after the routes and after [other
    /// layers](DurableLayer#beside-other-layers): to a router, to one that is nested in another, to
    /// a single route, or to any tower service (see [`DurableLayer`]).
    #[doc(alias = "Middleware")]
    #[doc(alias = "ServeHTTP")]
    #[must_use = "a layer does nothing until it is added to a router"]
    pub fn layer(&self) -> DurableLayer {
        DurableLayer::new(self.app.clone())
    }

    /// An outermost layer for apps that have guards outside of [`layer`](Self::layer). It verifies
    /// Inngest's calls before the guards see them, and prevents the guards' answers from ending
    /// runs. See [`VerifyLayer`].
    ///
    /// It goes around routes of this provider alone: re-entries of [another
    /// one's](VerifyLayer#one-provider) routes would be refused, and their runs fail.
    #[must_use = "a layer does nothing until it is added to a router"]
    pub fn verify(&self) -> VerifyLayer {
        VerifyLayer::new(self.app.clone())
    }

    /// Whether a request has come to two layers, one of which is this provider's. For
    /// `stephttp-dev`.
    #[doc(hidden)]
    #[must_use]
    pub fn has_stacked_layers(&self) -> bool {
        self.app.has_stacked_layers()
    }

    /// Sends events outside of steps: from a handler without steps, or a background job.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.app.clone())
    }

    /// Publishes messages outside of steps, and gives tokens to those who may listen to them.
    #[must_use]
    pub fn realtime(&self) -> Realtime {
        Realtime::new(self.app.clone())
    }

    /// The client of Inngest's API that the layer uses.
    #[must_use]
    pub fn client(&self) -> &ApiClient {
        self.app.client()
    }
}

/// Of no service: `.layer(inngest)`, where `.layer(inngest.layer())` is meant, is explained so.
#[doc(hidden)]
impl<S: UnderAProvider> Layer<S> for Provider {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a `Provider` is not a layer itself",
    label = "write `.layer(inngest.layer())`, and around that, where other layers answer in its place, `inngest.verify()`"
)]
pub trait UnderAProvider {}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("settings", &self.app.settings()).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Provider {
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
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

/// What a run streams and publishes is not sealed.
fn check_streams(settings: &Settings) -> Result<(), SetupError> {
    if settings.stream_in_clear || !settings.middleware.seals() {
        return Ok(());
    }
    let name =
        |function: &function::Registration| format!("{} ({})", function.function(), function.location());
    let streams = |function: &&function::Registration| {
        function.opts().is_streaming() && !function.opts().is_sync_only()
    };
    let publishes = |function: &&function::Registration| {
        function.steps().iter().any(|step| step.kind() == function::StepKind::Publish)
    };
    if let Some(function) = function::registered().find(streams) {
        return Err(SetupError::StreamInClear { function: name(function) });
    }
    match function::registered().find(publishes) {
        Some(function) => Err(SetupError::PublishInClear { function: name(function) }),
        None => Ok(()),
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
