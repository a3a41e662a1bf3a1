//! Operations that wait for an event or a signal, and what wakes them.

use std::time::Duration;

use inngest::wire::limits;
use serde_json::{Value, json};

use super::State;
use super::apply::Applied;
use super::condition::{Condition, speaks_of_event};
use super::delay::{self, BadWait};
use super::op::{Code, IncomingOp};
use super::source::{By, Source};
use super::steps::too_long;
use super::wait::{Wait, WaitKind};
use super::work::{JobKey, JobKind, NewJob};
use crate::inspect::StepStatus;
use crate::notice::Notice;
use crate::timeline::BarKind;
use crate::violation::ViolationKind;

/// How long a wait lasts that does not say.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl State {
    pub(super) fn wait_for_event(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let Some(name) = text(op, "event").or(op.name.as_deref()).filter(|name| !name.is_empty()) else {
            return Applied::Retry("a wait for an event names no event".to_owned());
        };
        let condition = match op.opts.get("if") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => match Condition::parse(text) {
                Ok(condition) => Some(condition),
                Err(why) => return self.bad_expression(run_id, op, source, text, why),
            },
            Some(other) => return Applied::Retry(format!("`if` is not a string but {other}")),
        };
        // Unlike everywhere else, no timeout means none at all: the SDKs leave it out when it is
        // over already.
        let timeout = match text(op, "timeout").filter(|timeout| !timeout.is_empty()) {
            None => Ok(Duration::ZERO),
            Some(timeout) => delay::wait(timeout, self.now()).and_then(|duration| {
                if duration > limits::WAIT { Err(BadWait::TooLong(timeout.to_owned())) } else { Ok(duration) }
            }),
        };
        let timeout = match timeout {
            Ok(timeout) => timeout,
            Err(why) => return self.bad_timeout(run_id, op, source, &why),
        };
        let kind = WaitKind::Event { name: name.to_owned(), condition };
        if self.begin_wait(run_id, op, source, kind, timeout, StepStatus::WaitingForEvent) {
            let (run_id, step, event) = (run_id.to_owned(), op.label(), name.to_owned());
            self.log.notice(&Notice::WaitingForEvent { run_id, step, event, timeout });
        }
        Applied::Done
    }

    pub(super) fn wait_for_signal(&mut self, run_id: &str, op: &IncomingOp, source: &Source<'_>) -> Applied {
        let Some(name) = text(op, "signal").filter(|name| !name.is_empty()) else {
            return Applied::Retry("a wait for a signal names no signal".to_owned());
        };
        let timeout = match self.timeout_or_a_year(op) {
            Ok(timeout) => timeout,
            Err(why) => return self.bad_timeout(run_id, op, source, &why),
        };
        let replaces = text(op, "conflict") == Some("replace");
        let taken = self
            .waits
            .for_signal(name)
            .is_some_and(|(_, holder)| holder.run_id != run_id || holder.hash != op.id);
        if taken && !replaces {
            let message = "Signal conflict; signal wait already exists for another run".to_owned();
            self.log.violation(
                ViolationKind::SignalConflict,
                Some(run_id),
                format!(
                    "`{}` waits for the signal `{name}`, for which another step waits already",
                    op.label()
                ),
            );
            return Applied::Fail { name: "Error", message, stack: String::new() };
        }
        let kind = WaitKind::Signal(name.to_owned());
        if self.begin_wait(run_id, op, source, kind, timeout, StepStatus::WaitingForSignal) {
            let (run_id, step, signal) = (run_id.to_owned(), op.label(), name.to_owned());
            self.log.notice(&Notice::WaitingForSignal { run_id, step, signal, timeout });
        }
        Applied::Done
    }

    /// `opts.timeout`, or a year.
    pub(super) fn timeout_or_a_year(&self, op: &IncomingOp) -> Result<Duration, BadWait> {
        match text(op, "timeout").filter(|timeout| !timeout.is_empty()) {
            None => Ok(YEAR),
            Some(timeout) => delay::wait(timeout, self.now()),
        }
    }

    pub(super) fn bad_timeout(
        &mut self,
        run_id: &str,
        op: &IncomingOp,
        source: &Source<'_>,
        why: &BadWait,
    ) -> Applied {
        let message = format!("{} `{}`: the timeout {why}", op.code.as_str(), op.label());
        if source.by != By::Checkpoint {
            self.log.violation(ViolationKind::BadTimeout, Some(run_id), message.clone());
        }
        if why.is_too_long() { too_long(message) } else { Applied::Retry(message) }
    }

    fn bad_expression(
        &mut self,
        run_id: &str,
        op: &IncomingOp,
        source: &Source<'_>,
        expression: &str,
        why: String,
    ) -> Applied {
        if source.by != By::Checkpoint {
            let message = format!("the `if` of `{}` is no CEL: `{expression}`: {why}", op.label());
            self.log.violation(ViolationKind::BadExpression, Some(run_id), message);
        }
        Applied::Fail {
            name: "InvalidExpression",
            message: "Wait for event If expression failed to compile".to_owned(),
            stack: why,
        }
    }

    /// Begins a wait, unless the server has begun it before.
    pub(super) fn begin_wait(
        &mut self,
        run_id: &str,
        op: &IncomingOp,
        source: &Source<'_>,
        kind: WaitKind,
        timeout: Duration,
        status: StepStatus,
    ) -> bool {
        let due = self.now() + timeout;
        let Some(run) = self.runs.get_mut(run_id) else { return false };
        if !run.takes_name(op.id.clone()) {
            return false;
        }
        if run.creation > 0 {
            // The server knows the wait by the run and the step: it is there once, and whatever
            // ends it ends it once.
            if run.memo.contains_key(&op.id) || self.waits.find(run_id, &op.id).is_some() {
                return true;
            }
        }
        if !run.memo.contains_key(&op.id) {
            run.show(op, status, None);
        }
        let (bar, words) = match &kind {
            WaitKind::Event { name, condition: None } => (BarKind::Event, name.clone()),
            WaitKind::Event { name, condition: Some(condition) } => {
                (BarKind::Event, format!("{name} if {}", condition.text))
            }
            WaitKind::Signal(name) => (BarKind::Signal, name.clone()),
            WaitKind::Invocation => (BarKind::Invoke, text(op, "function_id").unwrap_or_default().to_owned()),
        };
        self.draw_wait(run_id, op, bar, words, Some(due));
        self.waits.add(Wait {
            run_id: run_id.to_owned(),
            hash: op.id.clone(),
            kind,
            race: op.races(),
            group: source.new_group.clone(),
        });
        let timeout = NewJob::plain(JobKind::Timeout(op.id.clone()), due);
        if self.lasting.contains(&op.label()) {
            self.work.shelve(run_id, timeout);
        } else {
            self.work.schedule(run_id, timeout);
        }
        true
    }

    /// A wait has lasted long enough.
    pub(super) fn time_out(&mut self, key: JobKey) {
        let Some(job) = self.work.job(key) else { return };
        let JobKind::Timeout(hash) = &job.kind else { return };
        let (run_id, hash) = (job.run_id.clone(), hash.clone());
        self.work.finish(key);
        let Some(wait) = self.waits.find(&run_id, &hash).and_then(|key| self.waits.take(key)) else { return };
        if let WaitKind::Invocation = wait.kind {
            let (name, message) =
                ("InngestInvokeTimeoutError", "Timed out waiting for invoked function to complete");
            let error = json!({"error": format!("{name}: {message}"), "name": name, "message": message});
            let raw = json!({ "error": error }).to_string();
            self.settle(&wait, raw, StepStatus::Failed, "-timeout", error);
        } else {
            self.settle(&wait, "null".to_owned(), StepStatus::TimedOut, "-timeout", Value::Null);
        }
    }

    /// Wakes every step that waits for such an event, in the order in which they began to wait;
    /// answers how many.
    pub(super) fn wake_by_event(&mut self, event: &Value) -> usize {
        let name = event.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut woken = Vec::new();
        for (key, wait) in self.waits.iter() {
            let WaitKind::Event { name: wanted, condition } = &wait.kind else { continue };
            let Some(run) = self.runs.get(&wait.run_id).filter(|_| wanted == name) else { continue };
            if condition.as_ref().is_none_or(|condition| condition.holds(event, &run.event())) {
                woken.push(key);
            }
        }
        let count = woken.len();
        for key in woken {
            if let Some(wait) = self.waits.take(key) {
                self.settle(&wait, event.to_string(), StepStatus::Completed, "-event", event.clone());
            }
        }
        count
    }

    /// Sends a signal, whose payload is raw JSON; answers the run that got it.
    pub(crate) fn signal(&mut self, name: &str, data: &str) -> Option<String> {
        let key = self.waits.for_signal(name).map(|(key, _)| key);
        let wait = key.and_then(|key| self.waits.take(key));
        let (signal, run_id) = (name.to_owned(), wait.as_ref().map(|wait| wait.run_id.clone()));
        self.log.notice(&Notice::SignalReceived { signal, run_id });
        let wait = wait?;
        let raw = format!(r#"{{"data":{{"data":{data},"signal":{}}}}}"#, Value::from(name));
        let shown = json!({"data": crate::json::read::<Value>(data).unwrap_or_default(), "signal": name});
        self.settle(&wait, raw, StepStatus::Completed, "-event", shown);
        Some(wait.run_id)
    }

    /// Whether an operation makes the real server crash in a checkpoint; says why.
    pub(super) fn crashes(op: &IncomingOp) -> Option<(ViolationKind, String)> {
        let what = match op.code {
            Code::StepError | Code::StepFailed if op.error.is_none() => {
                return Some((ViolationKind::MissingError, "has no error".to_owned()));
            }
            Code::WaitForEvent => {
                let expression = text(op, "if").filter(|text| speaks_of_event(text))?;
                if Condition::parse(expression).is_err() {
                    return None;
                }
                format!("speaks of `event` in `{expression}`, which a checkpoint cannot")
            }
            Code::InvokeFunction if op.opts.get("payload").is_none_or(Value::is_null) => {
                return Some((ViolationKind::MissingPayload, "has no payload".to_owned()));
            }
            _ => return None,
        };
        Some((ViolationKind::EventInExpression, what))
    }
}

/// A text among an operation's options.
pub(super) fn text<'a>(op: &'a IncomingOp, name: &str) -> Option<&'a str> {
    op.opts.get(name).and_then(Value::as_str)
}
