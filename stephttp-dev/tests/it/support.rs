//! A hand-made app, and calls as an SDK would make them.

use std::future::Future;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, Method};
use inngest::wire::StepHash;
use serde_json::{Value, json};
use stephttp_dev::{DevServer, ViolationKind};

/// A re-entry as the app sees it.
#[derive(Debug, Clone)]
pub(crate) struct Reentry {
    /// Its number, from 1.
    pub(crate) n: usize,
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reentry {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The step that is to be run.
    pub(crate) fn step(&self) -> Option<&str> {
        self.header("x-inngest-step-id")
    }

    pub(crate) fn run_id(&self) -> &str {
        self.header("x-run-id").unwrap()
    }

    pub(crate) fn generation(&self) -> u32 {
        self.header("x-inngest-generation-id").unwrap().parse().unwrap()
    }
}

/// What the app answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// An answer as SDKs give it.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
            .with("x-inngest-sdk", "test")
            .with("x-inngest-req-version", "2")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    /// The last failure there is.
    pub(crate) fn no_retry(self) -> Self {
        self.with("x-inngest-no-retry", "true")
    }
}

/// An app that answers re-entries. It stops with its test's runtime.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) domain: String,
    seen: Arc<Mutex<Vec<Reentry>>>,
}

impl App {
    /// An app that answers as `answer` says.
    pub(crate) async fn start<A: Future<Output = Answer> + Send + 'static>(
        answer: impl Fn(Reentry) -> A + Clone + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let app = axum::Router::new().fallback(move |request: Request| {
            let (answer, log) = (answer.clone(), Arc::clone(&log));
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let (method, headers) = (parts.method, parts.headers);
                let reentry = {
                    let mut log = log.lock().unwrap();
                    let n = log.len() + 1;
                    let reentry = Reentry { n, method, uri: parts.uri.to_string(), headers, body };
                    log.push(reentry.clone());
                    reentry
                };
                let answer = answer(reentry).await;
                let mut response = Response::builder().status(answer.status);
                for (name, value) in answer.headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(answer.body)).unwrap()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let domain = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { domain, seen }
    }

    /// An app that gives these answers one after the other, and the last one again and again.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<Answer> = answers.into_iter().collect();
        Self::start(move |reentry| {
            let answer = answers[(reentry.n - 1).min(answers.len() - 1)].clone();
            async move { answer }
        })
        .await
    }

    /// The re-entries so far.
    pub(crate) fn seen(&self) -> Vec<Reentry> {
        self.seen.lock().unwrap().clone()
    }
}

/// A new run's id.
pub(crate) fn new_id() -> String {
    ulid::Ulid::generate().to_string()
}

/// Nanoseconds since the Unix epoch, as steps tell when they began.
pub(crate) fn since_epoch() -> u64 {
    let elapsed = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(elapsed.as_nanos()).unwrap()
}

pub(crate) fn hash(id: &str) -> String {
    StepHash::of(id).to_string()
}

fn op(code: &str, id: &str) -> Value {
    json!({"id": hash(id), "op": code, "name": id, "displayName": id, "userland": {"id": id}})
}

/// An operation with options.
pub(crate) fn op_with(code: &str, id: &str, opts: Value) -> Value {
    let mut op = op(code, id);
    op["opts"] = opts;
    op
}

/// Asks for a re-entry at once.
pub(crate) fn planned_discovery() -> Value {
    op("DiscoveryRequest", "go")
}

pub(crate) fn step_run(id: &str, data: impl Into<Value>) -> Value {
    let mut op = op("StepRun", id);
    op["data"] = data.into();
    op["timing"] = json!({"a": 1_795_338_450_239_000_000_u64, "b": 1000});
    op
}

pub(crate) fn step_error(id: &str) -> Value {
    let mut op = op("StepError", id);
    op["error"] = json!({"name": "Error", "message": format!("bad {id}"), "stack": "st"});
    op
}

pub(crate) fn step_failed(id: &str) -> Value {
    let mut op = step_error(id);
    op["op"] = "StepFailed".into();
    op
}

pub(crate) fn planned(id: &str) -> Value {
    op("StepPlanned", id)
}

pub(crate) fn sleep(id: &str, duration: &str) -> Value {
    let mut op = op("Sleep", id);
    op["opts"] = json!({ "duration": duration });
    op
}

pub(crate) fn complete(status: u16, body: &str) -> Value {
    complete_with(
        json!({"status": status, "headers": {"content-type": "text/plain", "x-custom": "v"}, "body": body}),
    )
}

pub(crate) fn complete_with(data: Value) -> Value {
    json!({"id": hash("complete"), "op": "RunComplete", "data": data})
}

/// 206 with operations.
pub(crate) fn ops(ops: impl IntoIterator<Item = Value>) -> Answer {
    Answer::new(206, Value::from_iter(ops).to_string())
}

/// 206 with a result that the waiting client gets as it is.
pub(crate) fn result(status: u16, body: &str) -> Answer {
    Answer::new(206, complete(status, body).to_string())
}

/// The body of `POST /v1/checkpoint`.
pub(crate) fn report(run_id: &str, domain: &str, steps: impl IntoIterator<Item = Value>) -> Value {
    json!({
        "run_id": run_id,
        "event": {"name": "inngest/http.request", "data": {
            "domain": domain, "method": "POST", "path": "/orders", "fn": "", "ip": "",
            "content_type": "text/plain", "query_params": "", "body": "",
        }},
        "steps": Value::from_iter(steps),
        "request_version": 2,
        "retries": 3,
    })
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Calls a server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub(crate) fn new(server: &DevServer) -> Self {
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(policy).tls_certs_only([]).no_proxy().build().unwrap();
        Self { http, base: server.url().to_owned() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Got, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Got { status, headers, text: response.text().await? })
    }

    pub(crate) async fn try_post(&self, path: &str, body: impl ToString) -> Result<Got, reqwest::Error> {
        self.send(self.request(Method::POST, path).body(body.to_string())).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl ToString) -> Got {
        self.try_post(path, body).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send(self.request(Method::GET, path)).await.unwrap()
    }

    /// `POST /v1/checkpoint`; answers the token.
    pub(crate) async fn create(&self, report: &Value) -> String {
        let got = self.post("/v1/checkpoint", report).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.json()["data"]["token"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn steps(&self, run_id: &str, steps: impl IntoIterator<Item = Value>) -> Got {
        let body = json!({"run_id": run_id, "steps": Value::from_iter(steps), "ts": 1});
        self.post(&format!("/v1/checkpoint/{run_id}/steps"), body).await
    }

    /// `/async` in the name of a re-entry.
    pub(crate) async fn save(&self, reentry: &Reentry, steps: impl IntoIterator<Item = Value>) -> Got {
        let run_id = reentry.run_id();
        let body = json!({
            "run_id": run_id,
            "qi_id": reentry.header("x-inngest-job-id"),
            "request_id": reentry.header("x-request-id"),
            "generation_id": reentry.generation(),
            "steps": Value::from_iter(steps),
        });
        self.post(&format!("/v1/checkpoint/{run_id}/async"), body).await
    }

    pub(crate) async fn actions(&self, run_id: &str) -> Got {
        self.get(&format!("/v0/runs/{run_id}/actions")).await
    }

    pub(crate) async fn output(&self, token: &str) -> Got {
        self.get(&format!("/v1/http/runs/x/output?token={token}")).await
    }
}

/// A server, its client, an app, and one run of the app that begins with these operations.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) server: DevServer,
    pub(crate) client: Client,
    pub(crate) app: App,
    pub(crate) run_id: String,
    pub(crate) token: String,
}

impl Scene {
    pub(crate) async fn new(
        steps: impl IntoIterator<Item = Value>,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        Self::with(App::answering(answers).await, |domain, run_id| report(run_id, domain, steps)).await
    }

    /// One whose server's time is held from the beginning.
    pub(crate) async fn held(
        steps: impl IntoIterator<Item = Value>,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        let server = DevServer::start().await.unwrap();
        server.hold_time();
        Self::on(server, App::answering(answers).await, |domain, run_id| report(run_id, domain, steps)).await
    }

    pub(crate) async fn with(app: App, report: impl FnOnce(&str, &str) -> Value) -> Self {
        Self::on(DevServer::start().await.unwrap(), app, report).await
    }

    /// One on a server that runs already.
    pub(crate) async fn on(server: DevServer, app: App, report: impl FnOnce(&str, &str) -> Value) -> Self {
        let client = Client::new(&server);
        let run_id = new_id();
        let token = client.create(&report(&app.domain, &run_id)).await;
        Self { server, client, app, run_id, token }
    }

    /// One whose app looks at the run's state as soon as a step has a value, and ends the run;
    /// until then it answers with operations. Answers the value too.
    pub(crate) async fn until_there_is(
        server: DevServer,
        id: &str,
        retries: u32,
        first: impl IntoIterator<Item = Value>,
        then: Vec<Value>,
    ) -> (Self, Value) {
        let (client, id) = (Client::new(&server), hash(id));
        let found = Arc::new(Mutex::new(Value::Null));
        let finder = Arc::clone(&found);
        let app = App::start(move |reentry: Reentry| {
            let (client, id, then) = (client.clone(), id.clone(), then.clone());
            let found = Arc::clone(&finder);
            async move {
                let state = client.actions(reentry.run_id()).await.json();
                match state.get(&id) {
                    None => ops(then),
                    Some(value) => {
                        *found.lock().unwrap() = value.clone();
                        result(200, "x")
                    }
                }
            }
        })
        .await;
        let scene = Self::on(server, app, |domain, run_id| {
            let mut report = report(run_id, domain, first);
            report["retries"] = retries.into();
            report
        })
        .await;
        scene.server.wait_for_end(&scene.run_id).await;
        let value = found.lock().unwrap().clone();
        (scene, value)
    }

    /// The kinds of violations so far.
    pub(crate) fn violations(&self) -> Vec<ViolationKind> {
        kinds(&self.server)
    }
}

pub(crate) fn kinds(server: &DevServer) -> Vec<ViolationKind> {
    server.violations().iter().map(|violation| violation.kind).collect()
}
