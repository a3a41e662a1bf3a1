//! An app, the dev engine and a client.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use inngest::{Provider, SetupOpts};
use reqwest::{Client, Method, RequestBuilder, Response};
use stephttp_dev::{DevServer, DevServerBuilder, RunView, ViolationKind};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An app with its Inngest.
#[derive(Debug)]
pub struct World {
    /// The dev engine.
    pub inngest: DevServer,
    /// The app's provider.
    pub provider: Provider,
    /// Where the app listens.
    pub origin: String,
    client: Client,
    server: JoinHandle<()>,
}

/// How to make a [`World`].
pub struct WorldBuilder {
    inngest: DevServerBuilder,
    configure: Configure,
}

type Configure = Box<dyn FnOnce(SetupOpts, &str) -> SetupOpts + Send>;

impl World {
    /// The app with the layer, and an engine that skips time.
    pub async fn of(app: Router) -> Self {
        Self::builder().start(app).await
    }

    /// Begins to describe a world.
    #[must_use]
    pub fn builder() -> WorldBuilder {
        WorldBuilder { inngest: DevServer::builder(), configure: Box::new(|opts, url| opts.dev_server(url)) }
    }

    /// A request to the app, by a client that does not follow redirects.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.origin))
    }

    /// A request to the app, by a client that does not follow redirects.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.origin))
    }

    /// A request to the app, by a client that does not follow redirects.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }

    /// The response that a redirected client ends with.
    ///
    /// # Panics
    /// When the response is no redirect to a run's output.
    pub async fn follow(&self, response: Response) -> Response {
        assert_eq!(response.status(), 303, "not redirected: {response:?}");
        let location = response.headers()["location"].to_str().expect("a location is text");
        self.client.get(location).send().await.expect("the output can be read")
    }

    /// The run of the first request, when it has ended and its SDK has nothing left to say.
    pub async fn ended(&self) -> RunView {
        let run = self.inngest.wait_for_run().await;
        let run = self.inngest.wait_for_end(&run.id).await;
        self.delivered().await;
        run
    }

    /// Waits for the provider.
    ///
    /// # Panics
    /// When something was not delivered.
    pub async fn delivered(&self) {
        self.provider.wait(Duration::from_secs(30)).await.expect("everything is delivered");
    }

    /// # Panics
    /// When the SDK did anything that the real server would punish.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.inngest.assert_no_violations();
    }

    /// A layer or an extractor answered re-entries in the handler's place, and nothing else went
    /// wrong.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn assert_rejected(&self) {
        let violations = self.inngest.violations();
        let rejected = violations.iter().all(|violation| violation.kind == ViolationKind::Rejected);
        assert!(rejected && !violations.is_empty(), "{violations:?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl WorldBuilder {
    /// Changes the engine.
    #[must_use]
    pub fn inngest(mut self, change: impl FnOnce(DevServerBuilder) -> DevServerBuilder) -> Self {
        self.inngest = change(self.inngest);
        self
    }

    /// Replaces the app's options; gets those of dev mode, and the engine's URL.
    #[must_use]
    pub fn opts(mut self, configure: impl FnOnce(SetupOpts, &str) -> SetupOpts + Send + 'static) -> Self {
        self.configure = Box::new(configure);
        self
    }

    /// Starts all of it.
    ///
    /// # Panics
    /// When that fails.
    pub async fn start(self, app: Router) -> World {
        self.start_with(|_| app).await
    }

    /// Starts all of it, with an app that needs its provider.
    ///
    /// # Panics
    /// When that fails.
    pub async fn start_with(self, app: impl FnOnce(&Provider) -> Router) -> World {
        self.start_wrapped(app, |app, _| app).await
    }

    /// Starts all of it, with something outside of the app's layer.
    ///
    /// # Panics
    /// When that fails.
    pub async fn start_wrapped(
        self,
        app: impl FnOnce(&Provider) -> Router,
        wrap: impl FnOnce(Router, &Provider) -> Router,
    ) -> World {
        let inngest = self.inngest.start().await.expect("the engine starts");
        let (listener, origin) = listen().await;
        let opts = (self.configure)(SetupOpts::new(&origin), inngest.url());
        let provider = Provider::setup(opts).expect("the options are good");
        let server = spawn(listener, wrap(app(&provider).layer(provider.layer()), &provider));
        // Without the platform's roots, which take longer to read than most tests to run.
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]);
        let client = client.build().expect("a client");
        World { inngest, provider, origin, client, server }
    }
}

/// Serves an app without the layer; answers where, and with the task that does it.
///
/// # Panics
/// When no port can be listened on.
pub async fn serve(app: Router) -> (String, JoinHandle<()>) {
    let (listener, origin) = listen().await;
    (origin, spawn(listener, app))
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, origin)
}

fn spawn(listener: TcpListener, app: Router) -> JoinHandle<()> {
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serving goes on") })
}

impl std::fmt::Debug for WorldBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorldBuilder").field("inngest", &self.inngest).finish_non_exhaustive()
    }
}

/// Side effects, in the order in which they happened.
#[derive(Debug, Clone, Default)]
pub struct Effects(Arc<Mutex<Vec<String>>>);

impl Effects {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more; returns how often it has happened now.
    pub fn happen(&self, effect: impl Into<String>) -> usize {
        let effect = effect.into();
        let mut effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        effects.push(effect.clone());
        effects.iter().filter(|known| **known == effect).count()
    }

    /// Nothing has happened, so far.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What has happened.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often this has happened.
    #[must_use]
    pub fn count(&self, effect: &str) -> usize {
        self.all().iter().filter(|known| *known == effect).count()
    }
}
