//! The call that creates a run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use inngest::wire::{HTTP_REQUEST_EVENT, StepHash, limits};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::invoke::Endpoint;
use super::op::{self, IncomingOp};
use super::run::{OriginalRequest, Run};
use super::{Engine, State};
use crate::notice::Notice;
use crate::violation::ViolationKind;

/// Retries of a run whose SDK wanted a negative number.
const DEFAULT_RETRIES: u32 = 4;

/// What the call is called in messages.
const WHAT: &str = "POST /v1/checkpoint";

/// A run that was created, or had been before.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) run_id: String,
    pub(crate) fn_id: String,
    pub(crate) app_id: String,
    /// Only when there were operations.
    pub(crate) token: Option<String>,
    /// By which calls to third parties are to be waited for.
    pub(crate) ticket: u64,
}

/// Why no run was created.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NewRunRefusal {
    /// 400.
    Unreadable,
    /// The real server crashes: 500 with an empty body.
    Crash,
}

#[derive(Deserialize)]
struct NewRunFields {
    run_id: Option<String>,
    event: Option<EventFields>,
    #[serde(default)]
    steps: Option<Vec<Box<RawValue>>>,
    request_version: Option<i64>,
    retries: Option<i64>,
}

#[derive(Deserialize, Default)]
struct EventFields {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventData {
    domain: Option<String>,
    method: Option<String>,
    path: Option<String>,
    #[serde(rename = "fn")]
    function: Option<String>,
    content_type: Option<String>,
    query_params: Option<String>,
    body: Option<String>,
}

/// A readable call.
struct NewRun {
    run_id: String,
    event: EventFields,
    data: EventData,
    body: Bytes,
    ops: Vec<IncomingOp>,
    retries: Option<i64>,
    request_version: Option<i64>,
}

impl Engine {
    /// `POST /v1/checkpoint`.
    pub(crate) fn new_run(&self, body: &Bytes) -> Result<Created, NewRunRefusal> {
        self.change(|state| state.new_run(body))
    }
}

impl State {
    fn new_run(&mut self, body: &Bytes) -> Result<Created, NewRunRefusal> {
        let new = self.read_new_run(body).ok_or(NewRunRefusal::Unreadable)?;
        self.check_new_run(&new);
        if self.crash(&new.run_id, &new.ops) {
            return Err(NewRunRefusal::Crash);
        }
        let function = name_function(&new.data);
        let domain = new.data.domain.as_deref().unwrap_or_default();
        let app_id = uuid(&format!("app:{domain}"));
        let fn_id = uuid(&format!("fn:{domain}:{function}"));
        let method = self.read_method(&new.run_id, &fn_id, &function, &new.data);
        let (run_id, ops) = (new.run_id.clone(), new.ops.clone());
        self.endpoints.insert(
            function.clone(),
            Endpoint {
                function: function.clone(),
                ids: (fn_id.clone(), app_id.clone()),
                app: domain.to_owned(),
                url: format!("{domain}{}", new.data.path.as_deref().unwrap_or_default()),
                method: method.clone(),
                retries: retries(new.retries),
                request_version: new.request_version.unwrap_or(-1),
            },
        );
        let creation = self.create(new, method, (fn_id.clone(), app_id.clone()), function);
        if creation > 0 {
            self.check_repetition(&run_id, &ops);
        }
        self.set_creation(&run_id, creation);
        let ticket = self.checkpoint(&run_id, &ops);
        self.set_creation(&run_id, 0);
        let token = self.runs.get(&run_id).filter(|_| !ops.is_empty()).map(|run| run.token.clone());
        Ok(Created { run_id, fn_id, app_id, token, ticket })
    }

    fn read_new_run(&mut self, body: &Bytes) -> Option<NewRun> {
        let mut refuse = |kind, run_id: Option<&str>, message: String| {
            self.log.violation(kind, run_id, format!("{WHAT}: {message}"));
        };
        if body.len() > limits::FIRST_CALL_BYTES {
            let message = format!("{} bytes, of {} allowed", body.len(), limits::FIRST_CALL_BYTES);
            refuse(ViolationKind::TooLarge, None, message);
            return None;
        }
        let fields: NewRunFields = crate::json::read(body)
            .map_err(|error| refuse(ViolationKind::UnreadableBody, None, error.to_string()))
            .ok()?;
        let run_id = self.read_run_id(fields.run_id.as_deref(), WHAT)?;
        let ops = op::parse(&fields.steps.unwrap_or_default())
            .map_err(|why| self.unreadable_ops(&why, &run_id, WHAT))
            .ok()?;
        let mut refuse = |kind, message: String| {
            self.log.violation(kind, Some(&run_id), format!("{WHAT}: {message}"));
        };
        let event = fields.event.unwrap_or_default();
        let data: EventData = serde_json::from_value::<Option<EventData>>(event.data.clone())
            .map_err(|error| refuse(ViolationKind::UnreadableBody, format!("event.data: {error}")))
            .ok()?
            .unwrap_or_default();
        let body = STANDARD
            .decode(data.body.as_deref().unwrap_or_default())
            .map_err(|error| {
                refuse(ViolationKind::BodyNotBase64, format!("event.data.body is not base64: {error}"));
            })
            .ok()?
            .into();
        let (retries, request_version) = (fields.retries, fields.request_version);
        Some(NewRun { run_id, event, data, body, ops, retries, request_version })
    }

    /// What the run plans from now on is planned by this creation.
    fn set_creation(&mut self, run_id: &str, creation: u32) {
        if let Some(run) = self.runs.get_mut(run_id) {
            run.creation = creation;
        }
    }

    /// Notes what a repeated first call does once more: the server knows jobs by the event that it
    /// makes up for each first call, so that it does not know them again.
    fn check_repetition(&mut self, run_id: &str, ops: &[IncomingOp]) {
        if ops.iter().any(|op| op.code.ends()) {
            return;
        }
        for op in ops.iter().filter(|op| op.code.calls_back()) {
            let message = format!(
                "the first call was repeated with {} `{}`: the server carries it out once more, and the run is re-entered \
                 once more",
                op.code.as_str(),
                op.label()
            );
            self.log.violation(ViolationKind::CarriedOutAgain, Some(run_id), message);
        }
    }

    /// Makes the run, unless there is one of its id: then the call is a repeated one. Answers how
    /// many came before. The state of a run that has ended is made anew, and knows nothing of what
    /// was in it.
    fn create(&mut self, new: NewRun, method: Method, ids: (String, String), function: String) -> u32 {
        let run_id = new.run_id;
        if let Some(run) = self.runs.get_mut(&run_id) {
            run.creations += 1;
            let creation = run.creations - 1;
            if !run.stored {
                run.restore();
            }
            if run.event_data != new.event.data {
                let message = "the run's id had been used for another request: the server answers 200 and goes by \
                               the first";
                self.log.violation(ViolationKind::RunIdReused, Some(&run_id), message);
            }
            return creation;
        }
        let restores = new.event.name.as_deref() == Some(HTTP_REQUEST_EVENT);
        let retries = retries(new.retries);
        let request = original_request(&new.data, method, new.body, restores);
        let app = new.data.domain.clone().unwrap_or_default();
        let event = (new.event.name.unwrap_or_default(), new.event.data);
        let version = new.request_version.unwrap_or(-1);
        let mut run =
            Run::new(run_id.clone(), ids, function.clone(), request, event, retries, version, self.now());
        run.app = app;
        self.add_run(run);
        self.log.notice(&Notice::RunCreated { run_id, function });
        0
    }

    fn check_new_run(&mut self, new: &NewRun) {
        let NewRun { run_id, event, data, retries, request_version: version, .. } = new;
        let mut note = |kind, message: String| self.log.violation(kind, Some(run_id), message);
        match event.name.as_deref() {
            Some(HTTP_REQUEST_EVENT) => {}
            name => note(
                ViolationKind::WrongEventName,
                format!(
                    "the event is called {name:?}, not `{HTTP_REQUEST_EVENT}`: re-entries get neither body nor query nor content type"
                ),
            ),
        }
        for (name, value) in [("domain", &data.domain), ("method", &data.method), ("path", &data.path)] {
            if value.as_deref().unwrap_or_default().is_empty() {
                note(
                    ViolationKind::IncompleteEvent,
                    format!("event.data.{name} is missing: the run cannot be re-entered"),
                );
            }
        }
        if retries.is_none() {
            note(
                ViolationKind::MissingRetries,
                "no `retries`: the server takes 0, and nothing is retried".to_owned(),
            );
        }
        if version.is_none() {
            note(
                ViolationKind::MissingRequestVersion,
                "no `request_version`: the server takes -1".to_owned(),
            );
        }
    }

    /// The method of a function, which every run of it shares.
    fn read_method(&mut self, run_id: &str, fn_id: &str, function: &str, data: &EventData) -> Method {
        let method: Method =
            data.method.as_deref().and_then(|method| method.parse().ok()).unwrap_or(Method::POST);
        if !KNOWN_METHODS.contains(&method) {
            let message =
                format!("function `{function}` was called with {method}, by which the server calls nobody");
            self.log.violation(ViolationKind::UnusableMethod, Some(run_id), message);
        }
        match self.methods.insert(fn_id.to_owned(), method.clone()) {
            Some(earlier) if earlier != method => {
                let message = format!(
                    "function `{function}` was called with {earlier} and now with {method}: the server re-enters all its runs with the latest"
                );
                self.log.violation(ViolationKind::AmbiguousFunction, Some(run_id), message);
            }
            _ => {}
        }
        method
    }
}

/// The methods by which the real server calls.
const KNOWN_METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
];

fn retries(wanted: Option<i64>) -> u32 {
    wanted.map_or(0, |retries| u32::try_from(retries).unwrap_or(DEFAULT_RETRIES))
}

fn name_function(data: &EventData) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    match text(&data.function) {
        function if function.is_empty() => format!("{} {}", text(&data.method), text(&data.path)),
        function => function,
    }
}

/// What re-entries repeat. Only an event of the right name brings back body, query and content
/// type.
fn original_request(data: &EventData, method: Method, body: Bytes, restores: bool) -> OriginalRequest {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut url = format!("{}{}", text(&data.domain), text(&data.path));
    let query = text(&data.query_params);
    if restores && !query.is_empty() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&query);
    }
    let content_type = Some(text(&data.content_type)).filter(|value| restores && !value.is_empty());
    OriginalRequest {
        url,
        method,
        content_type: content_type.unwrap_or_else(|| "application/json".to_owned()),
        body: if restores { body } else { Bytes::new() },
    }
}

/// A UUID that is always the same for a text.
fn uuid(text: &str) -> String {
    let hex = StepHash::of(text).to_string();
    format!("{}-{}-5{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
