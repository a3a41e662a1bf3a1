//! An app with everything around it.

use std::sync::Arc;

use http::Method;
use inngest::{Failure, Provider};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::mocks::{Mock, mocked};
use super::plan::Plan;
use super::request::TestRequest;
use super::run::TestRun;
use super::shared::Shared;
use crate::server::DevServer;

/// An app for one test: its router, served on a free port by a process that can die, with an engine
/// that skips time, and a client.
///
/// ```
/// use std::time::Duration;
///
/// use axum::{Router, routing::post};
/// use inngest::{Failure, Step, StepError};
/// use stephttp_dev::TestApp;
///
/// #[inngest::api_fn(id = "kit-orders")]
/// async fn order(step: Step) -> Result<String, StepError> {
///     let charge = step.run("charge", async { Ok::<_, Failure>("ch_1".to_owned()) }).await?;
///     step.sleep("cool-off", Duration::from_secs(86_400)).await;
///     Ok(charge)
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let app = TestApp::new(Router::new().route("/orders", post(order))).await;
///
/// let response = app.post("/orders").send().await;
/// assert_eq!((response.status().as_u16(), response.text()), (200, "ch_1"));
///
/// let run = response.run().await;
/// run.assert_completed();
/// run.assert_ran_once("charge");
/// app.finish().await;
/// # }
/// ```
///
/// - [`new`](Self::new) takes a router without Inngest's layer, [`with`](Self::with) one that has
///   it, and [`builder`](Self::builder) says the rest.
/// - [`post`](Self::post) and its like make requests: [`TestRequest::send`] waits for the run's
///   response, and [`TestRequest::start`] gives the run before it ends.
/// - [`mock`](Self::mock) stands in for a step's code.
/// - [`engine`](Self::engine) has the events, the time, and what goes wrong.
/// - [`finish`](Self::finish) ends each test.
///
/// The app runs in a runtime of its own, with two threads. What a test sets for its own thread, as
/// a `tracing` subscriber by `set_default`, is not set there.
#[derive(Debug)]
#[must_use = "the app stops when it is dropped"]
pub struct TestApp {
    pub(super) shared: Arc<Shared>,
    plan: Mutex<Plan>,
    /// Whether it is not to be looked at any more when it is dropped.
    pub(super) finished: bool,
}

impl TestApp {
    pub(super) fn new_of(shared: Shared, plan: Plan) -> Self {
        Self { shared: Arc::new(shared), plan: Mutex::new(plan), finished: false }
    }

    /// A GET request.
    ///
    /// # Panics
    /// When the path does not begin with `/`.
    #[track_caller]
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A POST request.
    ///
    /// # Panics
    /// When the path does not begin with `/`.
    #[track_caller]
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    ///
    /// # Panics
    /// When the path does not begin with `/`.
    #[track_caller]
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    /// A DELETE request.
    ///
    /// # Panics
    /// When the path does not begin with `/`.
    #[track_caller]
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// A request by any method. The path may have a query.
    ///
    /// # Panics
    /// When the path does not begin with `/`.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "so that tests can write `Method::PATCH`")]
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(self.shared.clone(), &method, path)
    }

    /// A run by its id, which may have begun in any way: by a request of a client of the test's
    /// own, say.
    #[must_use]
    pub fn run(&self, id: impl Into<String>) -> TestRun {
        TestRun::known(self.shared.clone(), id.into())
    }

    /// The runs so far, in the order of their creation.
    #[must_use]
    pub fn runs(&self) -> Vec<TestRun> {
        self.shared.engine.runs().into_iter().map(|run| self.run(run.id)).collect()
    }

    /// Has a step give a value in place of running its code, from now on, in all runs. The value is
    /// read as the step's type, and stored and memoized as if the code had given it.
    ///
    /// ```
    /// # use axum::{Router, routing::post};
    /// # use inngest::{Failure, Step, StepError};
    /// # use stephttp_dev::TestApp;
    /// # async fn charge_card() -> Result<String, Failure> { unreachable!() }
    /// #[inngest::api_fn(id = "kit-mock")]
    /// async fn order(step: Step) -> Result<String, StepError> {
    ///     step.run("charge", charge_card()).await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let app = TestApp::new(Router::new().route("/orders", post(order))).await;
    /// app.mock("charge", "ch_1");
    /// assert_eq!(app.post("/orders").send().await.text(), "ch_1");
    /// app.finish().await;
    /// # }
    /// ```
    ///
    /// The name is the step's id. It stands for all uses of the id in a run; `id:1` is the second
    /// alone. This replaces an earlier mock of the name.
    ///
    /// Steps that execute in the app by `step.run` are mocked, in helpers as well. What Inngest
    /// does is the engine's: send an [event](DevServer::send_event) or a
    /// [signal](DevServer::send_signal), or give a [function](DevServer::function) that is invoked.
    /// Events that steps send arrive at the engine: [`DevServer::events`].
    ///
    /// A value of another type than the step's fails the step, and [`finish`](Self::finish) says
    /// so, as it says when no step of the name has run.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    #[track_caller]
    pub fn mock(&self, step: impl Into<String>, output: impl Serialize) {
        let output = mocked(output);
        self.mock_with(step, move |_| Ok(output.clone()));
    }

    /// As [`mock`](Self::mock), for steps that fail, or give something else each time. The closure
    /// is given the attempt, counted from 1 for each step of each run. A failure is retried as one
    /// of the code's is.
    ///
    /// ```
    /// # use axum::{Router, routing::post};
    /// # use inngest::{Failure, Step, StepError};
    /// # use stephttp_dev::TestApp;
    /// # use serde_json::json;
    /// # async fn charge_card() -> Result<String, Failure> { unreachable!() }
    /// # #[inngest::api_fn(id = "kit-mock-with")]
    /// # async fn order(step: Step) -> Result<String, StepError> {
    /// #     step.run("charge", charge_card()).await
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let app = TestApp::new(Router::new().route("/orders", post(order))).await;
    /// app.mock_with("charge", |attempt| match attempt {
    ///     1 => Err(Failure::new("the bank does not answer")),
    ///     _ => Ok(json!("ch_1")),
    /// });
    /// let response = app.post("/orders").send().await;
    /// assert_eq!(response.text(), "ch_1");
    /// response.run().await.assert_ran("charge", 2);
    /// # app.finish().await;
    /// # }
    /// ```
    pub fn mock_with(
        &self,
        step: impl Into<String>,
        attempt: impl Fn(u32) -> Result<Value, Failure> + Send + Sync + 'static,
    ) {
        self.shared.record.lock().mocks.set(step.into(), Mock::new(attempt));
    }

    /// The engine: events, signals, time, and what goes wrong on purpose.
    pub fn engine(&self) -> &DevServer {
        &self.shared.engine
    }

    /// The app's provider, of the process that runs now.
    ///
    /// # Panics
    /// When a [`restart`](Self::restart) was given up before its end.
    #[must_use]
    #[track_caller]
    pub fn provider(&self) -> Provider {
        match self.shared.provider() {
            Some(provider) => provider,
            None => panic!("no process of the app runs: its restart was given up"),
        }
    }

    /// Where the app listens, such as `http://127.0.0.1:34567`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// Ends the app's process where it is, as if it were killed, and starts another at the same
    /// port, with a router that is made anew. What the process had not delivered to Inngest is
    /// lost, connections break, and steps that were under way run again when Inngest calls back.
    /// Clients that wait for a run's output ask the new process.
    ///
    /// State of the router that was given to [`new`](Self::new) is shared by the processes: start
    /// the app by [`with`](Self::with) to begin with fresh state.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub async fn restart(&self) {
        let mut plan = self.plan.lock().await;
        if let Some(process) = self.shared.replace_process(None) {
            // It fails only if the test's own runtime ends.
            let _ = tokio::task::spawn_blocking(move || process.kill()).await;
        }
        let process = plan.start();
        self.shared.replace_process(Some(process));
    }
}

/// Without [`finish`](TestApp::finish), violations that are known by then fail the test.
impl Drop for TestApp {
    fn drop(&mut self) {
        // It ends in the background.
        drop(self.shared.replace_process(None));
        if !self.finished && !std::thread::panicking() {
            self.shared.engine.assert_no_violations();
        }
    }
}
