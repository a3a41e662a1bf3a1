//! How a test's app is started.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use inngest::{Failure, Provider, SetupOpts};
use serde::Serialize;
use serde_json::Value;

use super::app::TestApp;
use super::mocks::{Mock, mocked};
use super::plan::{Plan, Setup, with_layer};
use super::record::Record;
use super::shared::Shared;
use crate::client::http;
use crate::clock::Clock;
use crate::process::Port;
use crate::server::{DevServer, DevServerBuilder};

/// How a [`TestApp`] is to be started.
#[must_use = "a builder does nothing until `start` or `start_with`"]
pub struct TestAppBuilder {
    engine: DevServerBuilder,
    setup: Vec<Setup>,
    record: Arc<Record>,
}

impl TestApp {
    /// Starts an app whose router has neither Inngest's layer nor the output route: both are added,
    /// the layer outermost.
    ///
    /// # Panics
    /// When the engine, a port or the provider cannot be had. When the router has a route at the
    /// output route's path.
    pub async fn new(router: Router) -> Self {
        Self::builder().start(router).await
    }

    /// Starts an app that adds the layer itself: what the program does in production.
    ///
    /// ```
    /// # use axum::{Router, routing::post};
    /// # use inngest::{Failure, Provider, Step, StepError};
    /// # use stephttp_dev::TestApp;
    /// # #[inngest::api_fn(id = "kit-with")]
    /// # async fn order(step: Step) -> Result<String, StepError> {
    /// #     step.run("charge", async { Ok::<_, Failure>("ch_1".to_owned()) }).await
    /// # }
    /// fn router(inngest: &Provider) -> Router {
    ///     Router::new().route("/orders", post(order)).merge(inngest.output_route()).layer(inngest.layer())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let app = TestApp::with(router).await;
    /// assert_eq!(app.post("/orders").send().await.text(), "ch_1");
    /// app.finish().await;
    /// # }
    /// ```
    ///
    /// It is called once for each process: see [`restart`](Self::restart). A closure that owns
    /// something clones it: `move |inngest| router(shop.clone(), inngest)`.
    ///
    /// # Panics
    /// When the engine, a port or the provider cannot be had.
    pub async fn with(make: impl FnMut(&Provider) -> Router + Send + 'static) -> Self {
        Self::builder().start_with(make).await
    }

    /// Begins to describe an app.
    pub fn builder() -> TestAppBuilder {
        TestAppBuilder { engine: DevServer::builder(), setup: Vec::new(), record: Arc::default() }
    }
}

impl TestAppBuilder {
    /// How time goes by; [`Clock::Skip`] unless said otherwise.
    pub fn clock(self, clock: Clock) -> Self {
        self.engine(|engine| engine.clock(clock))
    }

    /// Changes the engine: its patience, its retries, the functions that steps invoke.
    pub fn engine(mut self, change: impl FnOnce(DevServerBuilder) -> DevServerBuilder) -> Self {
        self.engine = change(self.engine);
        self
    }

    /// Changes the options of the app's [`Provider`], which know the app's origin and the engine
    /// already: middlewares, limits, keys. Called once for each process.
    pub fn setup(mut self, change: impl FnMut(SetupOpts) -> SetupOpts + Send + 'static) -> Self {
        self.setup.push(Box::new(change));
        self
    }

    /// Has a step give a value in place of running its code, as
    /// [`TestApp::mock`] says.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    #[track_caller]
    pub fn mock(self, step: impl Into<String>, output: impl Serialize) -> Self {
        let output = mocked(output);
        self.mock_with(step, move |_| Ok(output.clone()))
    }

    /// Has a step give what a closure says in place of running its code, as
    /// [`TestApp::mock_with`] says.
    pub fn mock_with(
        self,
        step: impl Into<String>,
        attempt: impl Fn(u32) -> Result<Value, Failure> + Send + Sync + 'static,
    ) -> Self {
        self.record.lock().mocks.set(step.into(), Mock::new(attempt));
        self
    }

    /// Starts an app whose router has neither the layer nor the output route: both are added.
    ///
    /// # Panics
    /// When the engine, a port or the provider cannot be had. When the router has a route at the
    /// output route's path.
    pub async fn start(self, router: Router) -> TestApp {
        self.start_with(move |inngest| with_layer(router.clone(), inngest)).await
    }

    /// Starts an app that adds the layer itself. The router is made within the app's runtime, once
    /// for each process.
    ///
    /// # Panics
    /// When the engine, a port or the provider cannot be had.
    pub async fn start_with(self, make: impl FnMut(&Provider) -> Router + Send + 'static) -> TestApp {
        let engine = match self.engine.start().await {
            Ok(engine) => engine,
            Err(error) => panic!("the engine does not start: {error}"),
        };
        let port = match Port::free() {
            Ok(port) => port,
            Err(error) => panic!("the app cannot listen on a free port: {error}"),
        };
        let client = match http() {
            Ok(client) => client,
            Err(error) => panic!("there is no client: {error}"),
        };
        let origin = port.origin().to_owned();
        let mut plan = Plan {
            port,
            engine_url: engine.url().to_owned(),
            setup: self.setup,
            make: Box::new(make),
            record: self.record.clone(),
        };
        let process = plan.start();
        TestApp::new_of(Shared::new(engine, origin, client, self.record, process), plan)
    }
}

impl fmt::Debug for TestAppBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestAppBuilder").field("engine", &self.engine).finish_non_exhaustive()
    }
}
