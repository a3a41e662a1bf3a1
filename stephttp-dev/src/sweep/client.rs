//! The client of a story.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde::Serialize;
use tokio::sync::watch;

use crate::client::{self, Answer, http};
use crate::inspect::RunView;
use crate::server::DevServer;
use crate::sync::lock;
use crate::text::explain;

/// How many redirects a client follows.
const REDIRECTS: usize = 10;

/// The client of a story, which does what a careful client does: it sends its request again when
/// the connection breaks or the app answers 503, follows the redirect to a run's output, and waits
/// there until there is one.
///
/// It sends the same request again, with the same body and headers. Only where a process dies in
/// the pass it does so: of a single call to Inngest that fails a client must notice nothing.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    origin: String,
    engine: Arc<DevServer>,
    repeats: usize,
    /// The runs that redirects have told of.
    told: watch::Sender<Vec<String>>,
    answers: Mutex<BTreeMap<String, Answer>>,
    /// How often each request has been made.
    asked: Mutex<BTreeMap<String, usize>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(origin: &str, engine: Arc<DevServer>, repeats: usize) -> Self {
        Self(Arc::new(Inner {
            origin: origin.to_owned(),
            engine,
            repeats,
            told: watch::Sender::new(Vec::new()),
            answers: Mutex::default(),
            asked: Mutex::default(),
        }))
    }

    /// A `GET` of a path of the app.
    pub fn get(&self, path: impl Into<String>) -> Request {
        self.request(Method::GET, path)
    }

    /// A `POST` to a path of the app.
    pub fn post(&self, path: impl Into<String>) -> Request {
        self.request(Method::POST, path)
    }

    /// A request to a path of the app.
    pub fn request(&self, method: Method, path: impl Into<String>) -> Request {
        let (client, path) = (self.clone(), path.into());
        Request { client, method, path, headers: HeaderMap::new(), body: Bytes::new(), counts: true }
    }

    /// Waits until a run that this client was redirected to waits in a step for an event, a signal
    /// or a function. See [`Sweep::never_times_out`](super::Sweep::never_times_out).
    ///
    /// # Panics
    /// When such a run has ended, or is past the step.
    pub async fn when_waiting(&self, step_id: &str) -> RunView {
        let mut told = self.0.told.subscribe();
        loop {
            // The sender lives as long as this client.
            let runs = told.wait_for(|runs| !runs.is_empty()).await.map(|runs| runs.clone());
            let Some(run) = runs.ok().and_then(|runs| runs.last().cloned()) else {
                return std::future::pending().await;
            };
            tokio::select! {
                run = self.0.engine.wait_for_waiting(&run, step_id) => return run,
                _ = told.changed() => {}
            }
        }
    }

    /// Sends an event, as somebody outside of the app does.
    ///
    /// # Panics
    /// As [`DevServer::send_event`].
    #[track_caller]
    pub fn send_event(&self, name: &str, data: impl Serialize) {
        self.0.engine.send_event(name, data);
    }

    /// Sends a signal, as somebody outside of the app does.
    ///
    /// # Panics
    /// As [`DevServer::send_signal`].
    #[track_caller]
    pub fn send_signal(&self, name: &str, data: impl Serialize) {
        self.0.engine.send_signal(name, data);
    }

    /// The engine of this pass.
    pub fn engine(&self) -> &DevServer {
        &self.0.engine
    }

    /// Where the app listens, for clients of other kinds. The sweep knows nothing of their answers.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// The runs that redirects have told of.
    pub(super) fn told(&self) -> Vec<String> {
        self.0.told.borrow().clone()
    }

    /// The answer to each request that counts.
    pub(super) fn answers(&self) -> BTreeMap<String, Answer> {
        lock(&self.0.answers).clone()
    }

    /// What a request is called in reports: those of one path are told apart by their order.
    fn name(&self, method: &Method, path: &str) -> String {
        let name = format!("{method} {path}");
        let mut asked = lock(&self.0.asked);
        let nth = asked.entry(name.clone()).or_default();
        *nth += 1;
        if *nth == 1 { name } else { format!("{name} (request {nth})") }
    }

    /// Asks for the outputs of runs once more when everything is over: they must be what they were.
    pub(super) async fn ask_again(&self) {
        for (name, answer) in self.answers() {
            let Some(output) = answer.url().filter(|url| self.run_of(url).is_some()).cloned() else {
                continue;
            };
            let request = self.get(output.path());
            if let Ok(answer) = request.output(output).await {
                lock(&self.0.answers).insert(format!("{name} (its output, asked for once more)"), answer);
            }
        }
    }

    /// The run to whose output a location leads: a segment of its path is a run's id.
    fn run_of(&self, location: &Url) -> Option<String> {
        let is_id = |segment: &&str| ulid::Ulid::from_string(segment).is_ok();
        let run = location.path_segments()?.find(is_id)?;
        // Where the app has a path of its own for outputs, the engine knows what is a run.
        let is_output = location.path().ends_with("/output") || self.0.engine.run(run).is_some();
        is_output.then(|| run.to_owned())
    }

    /// A redirect has told of a run, if it leads to a run's output.
    fn tell(&self, location: &Url) -> bool {
        let Some(run) = self.run_of(location) else { return false };
        self.0.told.send_if_modified(|told| {
            let new = told.last() != Some(&run);
            if new {
                told.push(run);
            }
            new
        });
        true
    }
}

/// A request of a story's client.
#[derive(Debug)]
#[must_use = "a request is made by `send`"]
pub struct Request {
    client: Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    counts: bool,
}

impl Request {
    /// Adds a header.
    ///
    /// # Panics
    /// When the name or the value cannot be a header's.
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (Ok(known), Ok(content)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            panic!("`{name}: {value}` is no header")
        };
        self.headers.append(known, content);
        self
    }

    /// The body, as JSON.
    ///
    /// # Panics
    /// When it cannot be written as JSON.
    #[track_caller]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = body.into(),
            Err(error) => panic!("the body is no JSON: {error}"),
        }
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// The body. Its type is said by a [header](Self::header).
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The answer is not compared with that of the undisturbed pass. For requests whose answers
    /// depend on the moment, as those of a client that polls.
    pub fn uncompared(self) -> Self {
        Self { counts: false, ..self }
    }

    /// Sends the request, and again when the connection breaks; answers what comes in the end.
    ///
    /// # Panics
    /// When no answer comes. The sweep tells of it.
    pub async fn send(self) -> Answer {
        let mut last = String::new();
        let name = self.counts.then(|| self.client.name(&self.method, &self.path));
        for _ in 0..=self.client.0.repeats {
            match self.once().await {
                Ok(answer)
                    if answer.status() == StatusCode::SERVICE_UNAVAILABLE && self.client.0.repeats > 0 =>
                {
                    last = format!("the answer {answer}");
                }
                Ok(answer) => {
                    if let Some(name) = name {
                        lock(&self.client.0.answers).insert(name, answer.clone());
                    }
                    return answer;
                }
                Err(error) => last = error,
            }
        }
        panic!("{}: after {} repetitions the client has {last}", self.name(), self.client.0.repeats)
    }

    async fn once(&self) -> Result<Answer, String> {
        let url = format!("{}{}", self.client.0.origin, self.path);
        let url = Url::parse(&url).map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let asks_for_output = self.method != Method::POST && self.client.tell(&url);
        let mut answer = if asks_for_output {
            self.output(url).await?
        } else {
            self.read(self.method.clone(), url, self.headers.clone(), self.body.clone()).await?
        };
        let mut redirects = 0;
        while answer.status() == StatusCode::SEE_OTHER {
            redirects += 1;
            if redirects > REDIRECTS {
                return Err("too many redirects".to_owned());
            }
            let location = answer.location().ok_or_else(|| format!("a redirect to nowhere: {answer:?}"))?;
            answer = if self.client.tell(&location) {
                self.output(location).await?
            } else {
                self.read(Method::GET, location, HeaderMap::new(), Bytes::new()).await?
            };
        }
        Ok(answer)
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    async fn read(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let request = http().map_err(|error| error.to_string())?.request(method, url);
        let response = request.headers(headers).body(body).send().await.map_err(|error| explain(&error))?;
        Answer::read(&self.name(), response).await
    }

    /// The output of a run, which is waited for until there is one.
    async fn output(&self, location: Url) -> Result<Answer, String> {
        let http = http().map_err(|error| error.to_string())?;
        let method = if self.method == Method::HEAD { Method::HEAD } else { Method::GET };
        let mut headers = self.headers.clone();
        headers.remove(CONTENT_TYPE);
        let ask = |url: Url| http.request(method.clone(), url).headers(headers.clone());
        let led =
            |answer: &Answer| answer.location().filter(|location| self.client.run_of(location).is_some());
        client::output(&self.name(), location, self.client.0.repeats, ask, led).await
    }
}
