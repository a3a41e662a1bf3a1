//! A run, from the request that has begun it to its end.

use std::panic::Location;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::follow::{First, output};
use super::history::{history, steps};
use super::response::TestResponse;
use super::shared::Shared;
use super::step::TestStep;
use crate::client::Answer;
use crate::engine::State;
use crate::inspect::{RunStatus, RunView};
use crate::text::cut;

/// A run of the app.
///
/// It is that of one request: [`TestRequest::start`](super::TestRequest::start) gives it before it
/// ends, [`TestResponse::run`] afterwards, and [`TestApp::run`](super::TestApp::run) any other by
/// its id. Several can be under way at once.
///
/// The waiting methods panic when [patience](crate::DevServerBuilder::patience) is over, and say
/// how things stand. An assertion that fails tells what has happened in the run.
#[derive(Debug, Clone)]
pub struct TestRun {
    shared: Arc<Shared>,
    id: String,
    /// The request, such as `POST /orders`.
    request: String,
    client: Client,
}

/// What the run's client has.
#[derive(Debug, Clone)]
enum Client {
    /// The test has only the run.
    Unknown,
    /// The answer to the first request. It may lead to the run's output.
    First(Arc<First>),
    /// The response.
    Done(Box<Answer>),
}

/// The characters of a body that are shown where there is no run.
const SHOWN: usize = 200;

impl TestResponse {
    /// The run that the request has begun, once it has ended and all of it is delivered to the
    /// engine.
    ///
    /// # Panics
    /// When the request has begun no run. When the run does not end while
    /// [patience](crate::DevServerBuilder::patience) lasts: after `engine().go_down()`, say.
    #[track_caller]
    pub fn run(&self) -> impl Future<Output = TestRun> + Send + '_ {
        let caller = Location::caller();
        async move {
            let Some(id) = self.run_id.clone() else {
                let body = cut(&String::from_utf8_lossy(self.bytes()), SHOWN);
                let why = no_run(self.answer.request(), self.status());
                panic!("{why}. Its body is `{body}` (asked for at {caller})");
            };
            let (shared, request) = (self.shared.clone(), self.answer.request().to_owned());
            shared.ended(caller, &id).await;
            TestRun { shared, id, request, client: Client::Done(Box::new(self.answer.clone())) }
        }
    }
}

/// Why there is no run.
pub(super) fn no_run(request: &str, status: StatusCode) -> String {
    format!(
        "{request} was answered with {status} and has begun no run: its handler takes no `Step` or was not reached, an \
         extractor or a layer has answered in its place, or `inngest.layer()` is not around the route"
    )
}

impl TestRun {
    pub(super) fn of_request(shared: Arc<Shared>, id: String, request: String, first: First) -> Self {
        Self { shared, id, request, client: Client::First(Arc::new(first)) }
    }

    pub(super) fn known(shared: Arc<Shared>, id: String) -> Self {
        Self { shared, request: format!("the request of run {id}"), id, client: Client::Unknown }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The run as the engine has it; `None` while the app has not reported it.
    #[must_use]
    pub fn view(&self) -> Option<RunView> {
        self.shared.engine.run(&self.id)
    }

    /// The steps that the engine knows so far, in the order in which they were first reported. The
    /// hidden steps of the SDK (`stephttp:…`) are left out.
    #[must_use]
    pub fn steps(&self) -> Vec<TestStep> {
        self.view().map(|run| steps(&self.shared, &run)).unwrap_or_default()
    }

    /// A step by its id; `id:1` is the second use of `id`.
    ///
    /// # Panics
    /// When the run has no such step.
    #[must_use]
    #[track_caller]
    pub fn step(&self, id: &str) -> TestStep {
        let found = self.steps().into_iter().find(|step| step.view().id == id || step.id() == id);
        found.unwrap_or_else(|| panic!("the run has no step `{id}`.\n{}", self.history()))
    }

    /// Waits until the run has ended, and all of it is delivered to the engine.
    ///
    /// # Panics
    /// When that does not come while [patience](crate::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn ended(&self) -> impl Future<Output = RunView> + Send + '_ {
        self.shared.ended(Location::caller(), &self.id)
    }

    /// Waits until the run waits in a step for an event, a signal or a function, or sleeps in it.
    ///
    /// With [`Clock::Skip`](crate::Clock::Skip) time has to be
    /// [held](crate::DevServer::hold_time) before the run begins, or the wait is over before
    /// anybody sees it.
    ///
    /// # Panics
    /// At once when the step or the run is over. When the step does not wait while
    /// [patience](crate::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn waits_at<'a>(&'a self, step: &'a str) -> impl Future<Output = RunView> + Send + 'a {
        let caller = Location::caller();
        let what = format!("run {} to wait in `{step}`", self.id);
        let look = move |state: &State| state.stops_in(&self.id, step);
        async move {
            match self.shared.awaited(caller, what, look).await {
                Ok(run) => run,
                Err(why) => panic!("{why} (Awaited at {caller}.)\n{}", self.history()),
            }
        }
    }

    /// What the run's client was told first: the response, if the run has ended in its first
    /// request; else a redirect, or what [`AsyncResponse`](inngest::AsyncResponse) has in its
    /// place.
    ///
    /// # Panics
    /// When the test has not [started](super::TestRequest::start) the run. When the answer's body
    /// breaks off, or does not come while [patience](crate::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn first_answer(&self) -> impl Future<Output = TestResponse> + Send + '_ {
        let caller = Location::caller();
        async move {
            let Client::First(first) = &self.client else {
                panic!("the test has not started run {}: there is no first answer ({caller})", self.id);
            };
            let what = format!("the body of the first answer to {}", self.request);
            match self.shared.engine.patiently(caller, what, first.answer()).await {
                Ok(answer) => self.response_of(answer),
                Err(why) => panic!("the answer to {} broke off: {why}\n{}", self.request, self.history()),
            }
        }
    }

    /// Waits for the response that the run's client gets in the end, and for the run's
    /// [end](Self::ended).
    ///
    /// If the client was redirected, or was given a token, this asks for the output as a client
    /// does. If it was told something else
    /// ([`AsyncResponse::Custom`](inngest::AsyncResponse::Custom)), or if the test has not made the
    /// request itself, this is the response that the engine has.
    ///
    /// # Panics
    /// When there is none while [patience](crate::DevServerBuilder::patience) lasts, or the
    /// connection of a first request has broken off.
    #[track_caller]
    pub fn response(&self) -> impl Future<Output = TestResponse> + Send + '_ {
        let caller = Location::caller();
        async move {
            let answer = match &self.client {
                Client::Done(answer) => Answer::clone(answer),
                Client::First(first) => {
                    let what = format!("the response of run {}", self.id);
                    let getting = self.output_after(first);
                    match self.shared.engine.patiently(caller, what, getting).await {
                        Ok(Some(answer)) => answer,
                        Ok(None) => self.stored(caller).await,
                        Err(why) => {
                            panic!("the answer to {} broke off: {why}\n{}", self.request, self.history())
                        }
                    }
                }
                Client::Unknown => self.stored(caller).await,
            };
            self.shared.ended(caller, &self.id).await;
            self.response_of(answer)
        }
    }

    fn response_of(&self, answer: Answer) -> TestResponse {
        TestResponse { answer, run_id: Some(self.id.clone()), shared: self.shared.clone() }
    }

    /// The response of a run whose first request was answered so; `None` if the engine alone has
    /// it.
    async fn output_after(&self, first: &First) -> Result<Option<Answer>, String> {
        let answer = first.answer().await?;
        if let Some(url) = First::output_url(&self.shared, &self.id, &answer) {
            return output(&self.shared, &self.id, &self.request, url).await.map(Some);
        }
        self.shared.engine.engine.until(|state| state.ended(&self.id)).await;
        let went_on = self.shared.record.lock().was_reentered(&self.id);
        Ok((!went_on).then_some(answer))
    }

    /// The response that the engine has of the run.
    async fn stored(&self, caller: &Location<'_>) -> Answer {
        let run = self.shared.ended(caller, &self.id).await;
        let Some(response) = run.response else {
            panic!("the run has ended without a response (awaited at {caller}).\n{}", self.history());
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &response.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.append(name, value);
            }
        }
        let body = self.shared.record.lock().body(&self.id).map(str::to_owned);
        let status = StatusCode::from_u16(response.status).unwrap_or_default();
        Answer::new(&self.request, None, status, headers, body.unwrap_or(response.body).into())
    }

    /// Passes if the code of this step was executed exactly once, all attempts counted.
    ///
    /// # Panics
    /// As [`assert_ran`](Self::assert_ran).
    #[track_caller]
    pub fn assert_ran_once(&self, step: &str) {
        self.assert_ran(step, 1);
    }

    /// Passes if the code of this step was executed `times` times so far, all attempts counted:
    /// what the world outside has noticed of it, in whichever process. If the id is used several
    /// times in the run, all uses count; `id:1` names the second alone. An execution of a
    /// [mock](super::TestApp::mock) counts as one of the code.
    ///
    /// What Inngest does (sleeps, waits, invocations, fetches) is not executed in the app.
    ///
    /// # Panics
    /// When it was executed more or less often.
    #[track_caller]
    pub fn assert_ran(&self, step: &str, times: usize) {
        let ran = self.shared.record.lock().executions(&self.id, step);
        assert!(
            ran == times,
            "the code of the step `{step}` has run {ran} times, not {times} times.\n{}",
            self.history()
        );
    }

    /// Passes if the code of this step was not executed so far.
    ///
    /// # Panics
    /// When it was.
    #[track_caller]
    pub fn assert_not_ran(&self, step: &str) {
        self.assert_ran(step, 0);
    }

    /// Passes if the run has completed: it has ended with a response below 500. Await its
    /// [`response`](Self::response) or [`ended`](Self::ended) first.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn assert_completed(&self) {
        self.assert_status(RunStatus::Completed);
    }

    /// Passes if the run has failed. Await its [`response`](Self::response) or
    /// [`ended`](Self::ended) first.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn assert_failed(&self) {
        self.assert_status(RunStatus::Failed);
    }

    #[track_caller]
    fn assert_status(&self, expected: RunStatus) {
        let status = self.view().map_or(RunStatus::Running, |run| run.status);
        let hint = if status == RunStatus::Running {
            ": it is still running. Await `run.ended()` or `run.response()` first"
        } else {
            ""
        };
        assert!(
            status == expected,
            "the run is {}, not {}{hint}.\n{}",
            status.as_str(),
            expected.as_str(),
            self.history()
        );
    }

    /// What has happened in the run so far, as a text for people: its steps, how often each was
    /// attempted and what came of it, its response, and its
    /// [timeline](crate::DevServer::timeline). Failing assertions print it.
    #[must_use]
    pub fn history(&self) -> String {
        history(&self.shared, &self.id)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}
