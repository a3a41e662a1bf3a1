//! The two calls by which an app adds steps to a run: from its first request, and from a re-entry.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::apply::Applied;
use super::op::{self, Code, IncomingOp, Unreadable};
use super::run::Origin;
use super::source::By;
use super::{Engine, State};
use crate::violation::ViolationKind;

/// Why steps of a first request were not saved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StepsRefusal {
    /// 400; says why.
    Unreadable(String),
    /// The real server crashes: 500 with an empty body.
    Crash,
}

/// Why steps of a re-entry were not saved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AsyncRefusal {
    /// 400; says why.
    Unreadable(String),
    /// 400: an operation that is no finished step.
    NotFinished(String),
    /// 400: the run has ended, or never was.
    NotFound,
    /// 409: a newer dispatch has taken this one's place.
    Stale(String),
    /// 413.
    TooLarge(String),
}

#[derive(Deserialize)]
struct StepsFields {
    run_id: Option<String>,
    fn_id: Option<String>,
    app_id: Option<String>,
    qi_id: Option<String>,
    request_id: Option<String>,
    generation_id: Option<u32>,
    #[serde(default)]
    steps: Option<Vec<Box<RawValue>>>,
}

impl Engine {
    /// `POST /v1/checkpoint/{run}/steps`.
    ///
    /// Answers the ticket by which calls to third parties are to be waited for.
    pub(crate) fn save_steps(&self, path_id: &str, body: &Bytes) -> Result<u64, StepsRefusal> {
        self.change(|state| state.save_steps(path_id, body))
    }

    /// `POST /v1/checkpoint/{run}/async`. `Err` comes with the run's id.
    pub(crate) fn save_async(&self, path_id: &str, body: &Bytes) -> Result<(), (String, AsyncRefusal)> {
        self.change(|state| state.save_async(path_id, body))
    }
}

impl State {
    fn save_steps(&mut self, path_id: &str, body: &Bytes) -> Result<u64, StepsRefusal> {
        let what = "POST /v1/checkpoint/{run}/steps";
        let (run_id, ops, fields) = self.read_steps(body, what).map_err(StepsRefusal::Unreadable)?;
        if ops.is_empty() {
            return Ok(self.tickets.next());
        }
        if self.crash(&run_id, &ops) {
            return Err(StepsRefusal::Crash);
        }
        self.check_ids(&run_id, path_id, fields.fn_id.as_deref(), fields.app_id.as_deref(), what);
        if self.is_over(&run_id) {
            self.refuse_late(&run_id, &ops, &Origin::FirstRequest, None);
            // Said to nobody: the server logs it, and answers as ever.
            return Ok(self.tickets.next());
        }
        Ok(self.checkpoint(&run_id, &ops))
    }

    /// Takes operations from the first request; answers the ticket of calls to third parties.
    pub(super) fn checkpoint(&mut self, run_id: &str, ops: &[IncomingOp]) -> u64 {
        let ticket = self.tickets.next();
        if self.running(run_id).is_some() {
            let moment = self.touch(run_id);
            if let Some(run) = self.runs.get_mut(run_id) {
                run.heard = moment;
            }
            self.apply(run_id, ops, By::Checkpoint, &Origin::FirstRequest, None, ticket);
        } else {
            let message = "steps for a run that was never created: the server answers 200 and drops them";
            self.log.violation(ViolationKind::UnknownRun, Some(run_id), message);
        }
        ticket
    }

    fn save_async(&mut self, path_id: &str, body: &Bytes) -> Result<(), (String, AsyncRefusal)> {
        let what = "POST /v1/checkpoint/{run}/async";
        let (run_id, ops, fields) =
            self.read_steps(body, what).map_err(|why| (path_id.to_owned(), AsyncRefusal::Unreadable(why)))?;
        if let Some(op) = ops.iter().find(|op| !matches!(op.code, Code::StepRun | Code::None)) {
            let message =
                format!("{} `{}` was sent to /async: the server answers 400", op.code.as_str(), op.label());
            self.log.violation(ViolationKind::NotAFinishedStep, Some(&run_id), message);
            return Err((run_id, AsyncRefusal::NotFinished("cannot checkpoint async steps".to_owned())));
        }
        if !self.runs.contains_key(&run_id) {
            let message = "steps for a run that was never created: the server answers 400";
            self.log.violation(ViolationKind::UnknownRun, Some(&run_id), message);
            return Err((run_id, AsyncRefusal::NotFound));
        }
        self.check_ids(&run_id, path_id, fields.fn_id.as_deref(), fields.app_id.as_deref(), what);
        let (Some(job), Some(request), Some(generation)) =
            (&fields.qi_id, &fields.request_id, fields.generation_id)
        else {
            let message =
                "/async without qi_id, request_id or generation_id: the server cannot tell a stale dispatch";
            self.log.violation(ViolationKind::MissingDispatch, Some(&run_id), message);
            let origin = Origin::Dispatch(String::new());
            if self.running(&run_id).is_none() {
                self.refuse_late(&run_id, &ops, &origin, None);
                return Err((run_id, AsyncRefusal::NotFound));
            }
            self.apply_async(&run_id, &ops, &origin);
            return Ok(());
        };
        let origin = Origin::Dispatch(request.clone());
        let live = self.work.is_live(&run_id, job, request, generation);
        if self.running(&run_id).is_none() {
            // Whether the dispatch is the latest is looked at only after that.
            self.note_stale(&run_id, request, &ops, &origin);
            return Err((run_id, AsyncRefusal::NotFound));
        }
        if !live {
            self.note_stale(&run_id, request, &ops, &origin);
            let message = format!(
                "stale dispatch: request {request} of generation {generation} is not the current one of job {job}"
            );
            return Err((run_id, AsyncRefusal::Stale(message)));
        }
        match self.apply_async(&run_id, &ops, &origin) {
            Applied::TooLarge => {
                Err((run_id, AsyncRefusal::TooLarge("step output or run state is too large".to_owned())))
            }
            Applied::Done | Applied::Retry(_) | Applied::Fail { .. } => Ok(()),
        }
    }

    fn apply_async(&mut self, run_id: &str, ops: &[IncomingOp], origin: &Origin) -> Applied {
        let ticket = self.tickets.next();
        self.apply(run_id, ops, By::Async, origin, None, ticket)
    }

    /// Notes what is wrong about a save in the name of a dispatch that is not current. To be
    /// superseded is nobody's mistake.
    fn note_stale(&mut self, run_id: &str, request: &str, ops: &[IncomingOp], origin: &Origin) {
        let dispatch = self.log.dispatches.iter().find(|dispatch| dispatch.request_id == request);
        let (known, superseded, answered, targeted) = dispatch
            .map_or((false, false, false, None), |dispatch| {
                (true, dispatch.superseded, dispatch.status.is_some(), dispatch.step_id.clone())
            });
        if !known {
            let message =
                format!("/async names the request {request}, which is none of the run's dispatches");
            self.log.violation(ViolationKind::MissingDispatch, Some(run_id), message);
        } else if !superseded && self.running(run_id).is_none() {
            self.refuse_late(run_id, ops, origin, targeted.as_deref());
        } else if !superseded && answered {
            let message =
                format!("/async saved steps for the request {request} after that had been answered");
            self.log.violation(ViolationKind::SavedAfterAnswer, Some(run_id), message);
        }
    }

    fn read_steps(
        &mut self,
        body: &Bytes,
        what: &str,
    ) -> Result<(String, Vec<IncomingOp>, StepsFields), String> {
        let fields: StepsFields = serde_json::from_slice(body).map_err(|error| {
            self.log.violation(ViolationKind::UnreadableBody, None, format!("{what}: {error}"));
            error.to_string()
        })?;
        let run_id = self
            .read_run_id(fields.run_id.as_deref(), what)
            .ok_or("ulid: bad data size when unmarshaling")?;
        let ops = op::parse(fields.steps.as_deref().unwrap_or_default()).map_err(|why| {
            self.unreadable_ops(&why, &run_id, what);
            why.to_string()
        })?;
        Ok((run_id, ops, fields))
    }

    /// Reads a run's id; missing, it is all zeros to the server. `None` when it is no ULID.
    pub(super) fn read_run_id(&mut self, text: Option<&str>, what: &str) -> Option<String> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            let message = format!("{what} has no run_id: the server takes it as 00000000000000000000000000");
            self.log.violation(ViolationKind::BadRunId, None, message);
            return Some(ulid::Ulid::nil().to_string());
        };
        match ulid::Ulid::from_string(text) {
            Ok(id) => Some(id.to_string()),
            Err(error) => {
                let message = format!("{what}: run_id `{text}`: {error}");
                self.log.violation(ViolationKind::BadRunId, None, message);
                None
            }
        }
    }

    pub(super) fn unreadable_ops(&mut self, why: &Unreadable, run_id: &str, what: &str) {
        let kind = match why {
            Unreadable::UnknownOp(_) => ViolationKind::UnknownOp,
            Unreadable::Unsupported(_) => ViolationKind::UnsupportedOp,
            Unreadable::Shape(_) => ViolationKind::UnreadableBody,
        };
        self.log.violation(kind, Some(run_id), format!("{what}: {why}"));
    }

    /// Whether the real server crashes over operations in a checkpoint.
    pub(super) fn crash(&mut self, run_id: &str, ops: &[IncomingOp]) -> bool {
        let found = ops.iter().find_map(|op| Some((op, Self::crashes(op)?)));
        let Some((op, (kind, what))) = found else { return false };
        let message = format!("{} `{}` {what}: the server crashes", op.code.as_str(), op.label());
        self.log.violation(kind, Some(run_id), message);
        true
    }

    fn check_ids(
        &mut self,
        run_id: &str,
        path_id: &str,
        fn_id: Option<&str>,
        app_id: Option<&str>,
        what: &str,
    ) {
        let Some(run) = self.runs.get(run_id) else { return };
        let mut wrong = Vec::new();
        if !path_id.eq_ignore_ascii_case(run_id) {
            wrong.push(format!("the path names the run {path_id}"));
        }
        // A re-entry does not carry these, so nobody can be asked to send them; but what is sent
        // has to be right.
        for (name, sent, given) in [("fn_id", fn_id, &run.fn_id), ("app_id", app_id, &run.app_id)] {
            if let Some(sent) = sent.filter(|sent| !sent.is_empty() && sent != given) {
                wrong.push(format!("{name} is {sent}, not {given}"));
            }
        }
        if !wrong.is_empty() {
            let message = format!("{what}: {}", wrong.join("; "));
            self.log.violation(ViolationKind::WrongIds, Some(run_id), message);
        }
    }
}
