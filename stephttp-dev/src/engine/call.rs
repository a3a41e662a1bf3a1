//! Operations by which the server calls a third party, and what comes of the calls.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::State;
use super::apply::Applied;
use super::dispatch::Conclusion;
use super::errand::{Errand, ThirdParty};
use super::flow::Ended;
use super::gateway::{Outcome, Request, Response};
use super::op::{Code, IncomingOp};
use super::source::{By, Source};
use super::steps::Stored;
use crate::inspect::StepStatus;
use crate::notice::Notice;
use crate::timeline::{BarKind, BarOutcome};
use crate::violation::ViolationKind;

/// Operations that came together, until every call that they asked for has been made.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    next: u64,
    open: HashMap<u64, Ticket>,
}

#[derive(Debug)]
struct Ticket {
    left: usize,
    applied: Applied,
    conclusion: Option<Conclusion>,
}

impl Tickets {
    /// A new ticket. It need not be used.
    pub(super) fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Whether calls are left to be made.
    pub(crate) fn is_open(&self, ticket: u64) -> bool {
        self.open.contains_key(&ticket)
    }

    /// Keeps what is to be done after the calls. Answers it when there are none.
    pub(super) fn after(
        &mut self,
        ticket: u64,
        applied: Applied,
        conclusion: Conclusion,
    ) -> Option<(Applied, Conclusion)> {
        match self.open.get_mut(&ticket) {
            Some(open) => {
                open.applied = open.applied.clone().and(applied);
                open.conclusion = Some(conclusion);
                None
            }
            None => Some((applied, conclusion)),
        }
    }

    fn add(&mut self, ticket: u64) {
        let new = || Ticket { left: 0, applied: Applied::Done, conclusion: None };
        self.open.entry(ticket).or_insert_with(new).left += 1;
    }

    fn done(&mut self, ticket: u64, applied: Applied) -> Option<(Applied, Conclusion)> {
        let open = self.open.get_mut(&ticket)?;
        open.left -= 1;
        open.applied = open.applied.clone().and(applied);
        if open.left > 0 {
            return None;
        }
        let Ticket { applied, conclusion, .. } = self.open.remove(&ticket)?;
        Some((applied, conclusion?))
    }
}

impl State {
    pub(super) fn call_out(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let ai = op.code == Code::AiGateway;
        let request = if ai { Request::ai(&op.opts) } else { Request::gateway(&op.opts) };
        let request = match request {
            Ok(request) => request,
            Err(why) => return Applied::Retry(format!("{} `{}`: {why}", op.code.as_str(), op.label())),
        };
        if request.body_was_quoted {
            let message = format!(
                "the body of Gateway `{}` is not JSON: the server sends it as a JSON string, in quotes",
                op.label()
            );
            self.log.violation(ViolationKind::GatewayBodyNotJson, Some(run_id), message);
        }
        let Some(run) = self.runs.get_mut(run_id) else { return Applied::Done };
        let step = (run_id.to_owned(), op.id.clone());
        if run.memo.contains_key(&op.id) || self.calling.contains(&step) {
            let message = format!(
                "{} `{}` was reported again, and the server makes the call again",
                op.code.as_str(),
                op.label()
            );
            self.log.violation(ViolationKind::StepRanTwice, Some(run_id), message);
        } else {
            run.show(op, StepStatus::Calling, None);
        }
        let (step_name, described) = (op.label(), request.describe());
        self.draw_wait(run_id, op, BarKind::Call, described.clone(), None);
        self.log.notice(&Notice::Calling { run_id: run_id.to_owned(), step: step_name, request: described });
        self.calling.push(step);
        self.work.calls += 1;
        self.tickets.add(source.ticket);
        self.outbox.push(Errand::Call(Box::new(ThirdParty {
            request,
            private: source.by != By::Checkpoint,
            run_id: run_id.to_owned(),
            op: op.clone(),
            by: source.by,
            forced: source.forced,
            group: source.new_group.clone(),
            ticket: source.ticket,
        })));
        Applied::Done
    }

    /// A call has been made.
    pub(super) fn called(&mut self, call: &ThirdParty, outcome: Outcome) {
        self.work.calls = self.work.calls.saturating_sub(1);
        if let Some(place) =
            self.calling.iter().position(|(run_id, hash)| *run_id == call.run_id && *hash == call.op.id)
        {
            self.calling.swap_remove(place);
        }
        let applied = if self.running(&call.run_id).is_some() {
            let applied = self.apply_outcome(call, outcome);
            self.lost(&call.run_id, &call.op, call.by, applied)
        } else {
            Applied::Done
        };
        if let Some((applied, conclusion)) = self.tickets.done(call.ticket, applied) {
            self.conclude(&conclusion, applied);
        }
    }

    fn apply_outcome(&mut self, call: &ThirdParty, outcome: Outcome) -> Applied {
        let ai = call.op.code == Code::AiGateway;
        let read = if ai { read_ai(outcome) } else { read_gateway(outcome) };
        match read {
            Read::Value(raw) => {
                self.close_call(call, BarOutcome::Done, None);
                self.keep_outcome(call, raw, StepStatus::Completed)
            }
            Read::Unusable(why) => {
                self.close_call(call, BarOutcome::Retried, Some(&why));
                Applied::Retry(why)
            }
            Read::Error { raw, message } => {
                let message = call.request.redact(&message);
                let retries = self.may_retry(call);
                let outcome = if retries { BarOutcome::Retried } else { BarOutcome::Failed };
                self.close_call(call, outcome, Some(&message));
                if retries {
                    if let Some(run) = self.runs.get_mut(&call.run_id) {
                        run.show(&call.op, StepStatus::Retrying, Some(Value::from(message.clone())));
                    }
                    return Applied::Retry(message);
                }
                let (run_id, step) = (call.run_id.clone(), call.op.label());
                self.log.notice(&Notice::StepFailed { run_id, step, error: message });
                self.keep_outcome(call, raw, StepStatus::Failed)
            }
        }
    }

    fn close_call(&mut self, call: &ThirdParty, outcome: BarOutcome, words: Option<&str>) {
        let moment = self.touch(&call.run_id);
        if let Some(run) = self.runs.get_mut(&call.run_id) {
            run.close(&call.op.id, moment, outcome, words);
        }
    }

    fn may_retry(&self, call: &ThirdParty) -> bool {
        match call.by {
            By::Answer { may_retry } => may_retry,
            By::Checkpoint | By::Async => self.runs.get(&call.run_id).is_some_and(|run| run.retries > 0),
        }
    }

    fn keep_outcome(&mut self, call: &ThirdParty, raw: String, status: StepStatus) -> Applied {
        let (run_id, op) = (call.run_id.as_str(), &call.op);
        let known = self.runs.get(run_id).and_then(|run| run.memo.get(&op.id));
        let pending = match known {
            Some(known) if *known != raw => {
                return Applied::Retry(format!("step {} had been finished with another outcome", op.label()));
            }
            Some(_) => self.runs.get(run_id).is_some_and(|run| !run.pending.is_empty()),
            None => {
                let shown: Value = crate::json::read(&call.request.redact(&raw)).unwrap_or_default();
                let shown = shown.get("data").or(shown.get("error")).cloned();
                let Stored::Yes { pending } = self.store(run_id, op, raw, call.by) else {
                    return Applied::TooLarge;
                };
                if let Some(run) = self.runs.get_mut(run_id) {
                    run.show(op, status, shown);
                }
                if status == StepStatus::Completed {
                    let step = op.label();
                    self.log.notice(&Notice::StepSaved { run_id: run_id.to_owned(), step });
                }
                pending
            }
        };
        let race = op.races();
        let group = call.group.as_deref().filter(|_| !race);
        let forced = call.forced;
        let ended = Ended { hash: &op.id, suffix: "", group, race, races_on: race, pending, forced };
        self.discover(run_id, &ended);
        Applied::Done
    }
}

/// What a call's outcome means for its step.
enum Read {
    Value(String),
    Error { raw: String, message: String },
    Unusable(String),
}

fn read_gateway(outcome: Outcome) -> Read {
    match outcome {
        Ok(Response { url, status, headers, body }) => {
            let body = String::from_utf8_lossy(&body);
            let data = json!({"url": url, "headers": headers, "body": body, "status_code": status});
            Read::Value(json!({ "data": data }).to_string())
        }
        Err(why) => {
            let message = format!("Error making gateway request: {why}");
            let error = json!({"name": "GatewayError", "message": message});
            Read::Error { raw: json!({ "error": error }).to_string(), message }
        }
    }
}

fn read_ai(outcome: Outcome) -> Read {
    let (why, body) = match outcome {
        Ok(response) if response.status <= 299 => {
            let body = String::from_utf8_lossy(&response.body);
            return match serde_json::from_str::<serde::de::IgnoredAny>(&body) {
                Ok(_) => Read::Value(format!(r#"{{"data":{body}}}"#)),
                Err(_) => Read::Unusable(
                    "error wrapping ai result in map: the provider's answer is no JSON".to_owned(),
                ),
            };
        }
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            (format!("unsuccessful status code: {}", response.status), body)
        }
        Err(why) => (why, String::new()),
    };
    let body = if body.is_empty() { r#"{"error":"Error making AI request"}"#.to_owned() } else { body };
    let message = format!("Error making AI request: {why}");
    // The server cannot write an error whose data is no JSON.
    let error = crate::json::read::<Value>(&body).map_or(
        Value::Null,
        |data| json!({"name": "AIGatewayError", "message": message, "data": data, "stack": body}),
    );
    Read::Error { raw: json!({ "error": error }).to_string(), message }
}
