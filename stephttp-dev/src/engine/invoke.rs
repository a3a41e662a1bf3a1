//! Invoking functions: those that a test stands in for, and endpoints that have been seen.

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use super::State;
use super::apply::Applied;
use super::errand::{Errand, error};
use super::number::through_floats;
use super::op::IncomingOp;
use super::run::{Ending, OriginalRequest, Run};
use super::source::Source;
use super::wait::WaitKind;
use super::waits::text;
use super::work::{JobKind, NewJob};
use crate::inspect::{RunStatus, StepStatus};
use crate::notice::Notice;
use crate::violation::ViolationKind;

/// An endpoint, as its latest request showed it.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) function: String,
    pub(crate) ids: (String, String),
    pub(crate) app: String,
    pub(crate) url: String,
    pub(crate) method: Method,
    pub(crate) retries: u32,
    pub(crate) request_version: i64,
}

impl State {
    pub(super) fn invoke(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let name = text(op, "function_id").unwrap_or_default().to_owned();
        let timeout = match self.timeout_or_a_year(op) {
            Ok(timeout) => timeout,
            Err(why) => return self.bad_timeout(run_id, op, source, &why),
        };
        let mut data = match op.opts.get("payload") {
            Some(Value::Object(payload)) => match payload.get("data") {
                None | Some(Value::Null) => Value::Object(Map::new()),
                Some(data @ Value::Object(_)) => data.clone(),
                Some(_) => return Applied::Retry("`payload.data` is not an object".to_owned()),
            },
            None | Some(Value::Null) => {
                let message = format!(
                    "InvokeFunction `{}` has no payload: the server crashes over it, and nothing comes of it",
                    op.label()
                );
                self.log.violation(ViolationKind::MissingPayload, Some(run_id), message);
                return Applied::Done;
            }
            Some(_) => return Applied::Retry("`payload` is not an object".to_owned()),
        };
        let lossy = through_floats(&mut data, "payload.data");
        if !self.begin_wait(run_id, op, source, WaitKind::Invocation, timeout, StepStatus::Invoking) {
            return Applied::Done;
        }
        self.note_lossy(lossy, Some(run_id), &format!("InvokeFunction `{}`", op.label()));
        let (step, function) = (op.label(), name.clone());
        self.log.notice(&Notice::Invoking { run_id: run_id.to_owned(), step, function });
        let invoker = (run_id.to_owned(), op.id.clone());
        if let Some(handler) = self.functions.get(&name) {
            let errand = Errand::function(handler.clone(), data, invoker);
            self.work.functions += 1;
            self.outbox.push(errand);
        } else if let Some(endpoint) = self.endpoint(&name) {
            self.invoke_endpoint(&endpoint, &data, invoker);
        } else {
            let message = if name.is_empty() {
                "could not extract function ID from event".to_owned()
            } else {
                format!("could not find function with ID: {name}")
            };
            self.invoked(&invoker, Err(json!({"message": message, "name": "Error"})));
        }
        Applied::Done
    }

    /// An endpoint by its slug or its id.
    fn endpoint(&self, name: &str) -> Option<Endpoint> {
        let by_id = || self.endpoints.values().find(|endpoint| endpoint.ids.0 == name);
        self.endpoints.get(name).or_else(by_id).cloned()
    }

    /// Begins a run of an endpoint that nobody has called.
    fn invoke_endpoint(&mut self, endpoint: &Endpoint, data: &Value, invoker: (String, String)) {
        let message = format!(
            "`{}` is an endpoint: the real server calls it at its bare origin, without path and body, and the \
             invocation comes to nothing",
            endpoint.function
        );
        self.log.violation(ViolationKind::InvokedEndpoint, Some(&invoker.0), message);
        let now = self.now();
        let run_id = ulid::Ulid::generate().to_string();
        let request = OriginalRequest {
            url: endpoint.url.clone(),
            method: endpoint.method.clone(),
            content_type: "application/json".to_owned(),
            body: Bytes::from(data.to_string()),
        };
        let event = ("inngest/function.invoked".to_owned(), data.clone());
        let function = endpoint.function.clone();
        let mut run = Run::new(
            run_id.clone(),
            endpoint.ids.clone(),
            function.clone(),
            request,
            event,
            endpoint.retries,
            endpoint.request_version,
            now,
        );
        run.app.clone_from(&endpoint.app);
        run.invoker = Some(invoker);
        self.add_run(run);
        self.log.notice(&Notice::RunCreated { run_id: run_id.clone(), function });
        self.work.schedule(&run_id, NewJob::plain(JobKind::Discovery, now));
    }

    /// A function has ended, with its result or an error object.
    pub(super) fn invoked(&mut self, (run_id, hash): &(String, String), result: Result<Value, Value>) {
        let Some(key) = self.waits.find(run_id, hash) else { return };
        let Some(wait) = self.waits.take(key) else { return };
        match result {
            Ok(mut value) => {
                let lossy = through_floats(&mut value, "result");
                self.note_lossy(lossy, Some(run_id), "the invoked function's result");
                let raw = json!({ "data": value }).to_string();
                self.settle(&wait, raw, StepStatus::Completed, "-event", value);
            }
            Err(error) => {
                let raw = json!({ "error": error }).to_string();
                self.settle(&wait, raw, StepStatus::Failed, "-event", error);
            }
        }
    }

    /// An invoked run has ended.
    pub(super) fn report_to_invoker(&mut self, invoker: &(String, String), ending: &Ending) {
        let text = match &ending.response {
            Some(response) => response.body.clone(),
            None => String::from_utf8_lossy(ending.reply.raw()).into_owned(),
        };
        let value = crate::json::read(&text).unwrap_or_else(|_| Value::from(text.clone()));
        let result = match ending.status {
            RunStatus::Completed | RunStatus::Running => Ok(value),
            RunStatus::Cancelled => Err(error("function cancelled")),
            RunStatus::Failed => Err(error(value.as_str().unwrap_or(&text))),
        };
        self.invoked(invoker, result);
    }

    /// Notes numbers that the real server does not keep.
    pub(super) fn note_lossy(&mut self, lossy: Vec<String>, run_id: Option<&str>, what: &str) {
        for number in lossy {
            let message = format!("{what}: {number} is rounded: the server keeps every number as a float");
            self.log.violation(ViolationKind::LossyNumber, run_id, message);
        }
    }
}
