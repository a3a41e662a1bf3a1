//! Requests of a test.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use reqwest::RequestBuilder;
use serde::Serialize;

use super::follow::{First, output};
use super::recorder::REQUEST;
use super::response::TestResponse;
use super::run::{TestRun, no_run};
use super::shared::Shared;
use crate::text::explain;

/// A request to the app, which is not sent yet.
///
/// [`send`](Self::send) waits for the response of the run, as a client does that follows the
/// redirect to its output. [`start`](Self::start) gives the run while it goes on.
///
/// Requests have a header `x-stephttp-test-request`, by which the kit knows whose run is whose.
#[must_use = "a request does nothing until `send` or `start` is called and awaited"]
pub struct TestRequest {
    shared: Arc<Shared>,
    label: String,
    number: u64,
    request: RequestBuilder,
}

impl TestRequest {
    #[track_caller]
    pub(super) fn new(shared: Arc<Shared>, method: &Method, path: &str) -> Self {
        let label = format!("{method} {path}");
        assert!(
            path.starts_with('/'),
            "`{label}` is no request to the app: a path begins with `/`, and needs no origin"
        );
        let request = shared.client.request(method.clone(), format!("{}{path}", shared.origin));
        let number = shared.next_request();
        Self { request: request.header(REQUEST, number.to_string()), shared, label, number }
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: impl AsRef<str>) -> Self {
        let request = self.request.header(name, value.as_ref());
        Self { request, ..self }
    }

    /// Adds the header `authorization: Bearer …`.
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Sets the body, as JSON.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    #[track_caller]
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(json) => {
                let request = self.request.header(CONTENT_TYPE, "application/json").body(json);
                Self { request, ..self }
            }
            Err(error) => panic!("the body of {} cannot be written as JSON: {error}", self.label),
        }
    }

    /// Sets the body, as it is. Say its content type with [`header`](Self::header).
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let request = self.request.body(body.into());
        Self { request, ..self }
    }

    /// Sends the request and waits for the response of its run: the client follows redirects to the
    /// run's output, at the app or at the engine. It follows no others, so that a test sees them.
    /// A request that begins no run, as on a plain route, simply has its response.
    ///
    /// A client that was given a token, or a 202, by its
    /// [`AsyncResponse`](inngest::AsyncResponse) has that for a response: for the run's own, see
    /// [`start`](Self::start).
    ///
    /// # Panics
    /// When there is no response while [patience](crate::DevServerBuilder::patience) lasts. The
    /// panic says how things stand: for what the run waits, say. When the connection breaks off
    /// before a first response, since the handler has panicked, say.
    #[track_caller]
    pub fn send(self) -> impl Future<Output = TestResponse> + Send {
        self.sent(Location::caller())
    }

    /// Sends the request and gives its run, as soon as the client has the first answer: when the
    /// run has been handed over to Inngest, or has ended. The client does not follow redirects: see
    /// [`TestRun::response`].
    ///
    /// # Panics
    /// As [`send`](Self::send). When the request has begun no run.
    #[track_caller]
    pub fn start(self) -> impl Future<Output = TestRun> + Send {
        self.started(Location::caller())
    }

    async fn sent(self, caller: &'static Location<'static>) -> TestResponse {
        let (shared, label, number) = (self.shared.clone(), self.label.clone(), self.number);
        let first = self.first(caller).await;
        let getting = async {
            let answer = first.answer().await?;
            let run_id = shared.record.lock().run_of(number);
            let url = run_id.as_ref().and_then(|run_id| First::redirected(&shared, run_id, &answer));
            let answer = match (&run_id, url) {
                (Some(run_id), Some(url)) => output(&shared, run_id, &label, url).await?,
                _ => answer,
            };
            Ok::<_, String>((answer, run_id))
        };
        let what = format!("the response to {label}");
        let (answer, run_id) = match shared.engine.patiently(caller, what, getting).await {
            Ok(got) => got,
            Err(why) => panic!("the answer to {label} broke off (sent at {caller}): {why}"),
        };
        TestResponse { answer, run_id, shared }
    }

    async fn started(self, caller: &'static Location<'static>) -> TestRun {
        let (shared, label, number) = (self.shared.clone(), self.label.clone(), self.number);
        let first = self.first(caller).await;
        if let Some(run_id) = shared.record.lock().run_of(number) {
            return TestRun::of_request(shared.clone(), run_id, label, first);
        }
        // One without steps is known only when it is delivered.
        if let Some(provider) = shared.provider() {
            let delivered = provider.wait(shared.engine.patience());
            if let Err(undelivered) = delivered.await {
                panic!(
                    "{label} was answered, and then not all was delivered (sent at {caller}): {undelivered}"
                );
            }
        }
        let run_id = shared.record.lock().run_of(number);
        match run_id {
            Some(run_id) => TestRun::of_request(shared, run_id, label, first),
            None => panic!("{} (sent at {caller})", no_run(&label, first.status())),
        }
    }

    /// The first answer's head.
    async fn first(self, caller: &'static Location<'static>) -> First {
        let label = self.label;
        let what = format!("the first answer to {label}");
        match self.shared.engine.patiently(caller, what, self.request.send()).await {
            Ok(response) => First::new(label, response),
            Err(error) if error.is_builder() => panic!("{label} is no request: {}", explain(&error)),
            Err(error) => panic!(
                "{label} was not answered (sent at {caller}): {}. If its handler has panicked, the panic is told above",
                explain(&error)
            ),
        }
    }
}

impl fmt::Debug for TestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestRequest").field(&self.label).finish()
    }
}
