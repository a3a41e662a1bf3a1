//! How a run ends, and what comes too late for it.

use bytes::Bytes;
use serde_json::Value;

use super::State;
use super::op::{Code, IncomingOp};
use super::result::ApiOutput;
use super::run::{Ending, Origin, Reply};
use super::source::By;
use crate::inspect::RunStatus;
use crate::json;
use crate::violation::ViolationKind;

impl State {
    /// Ends a run by an operation, in a checkpoint or in an array.
    pub(crate) fn complete(&mut self, run_id: &str, op: &IncomingOp, by: By) {
        let data = op.data.as_ref().and_then(|data| json::read(data.get()).ok()).unwrap_or(Value::Null);
        let sync = op.code == Code::SyncRunComplete;
        let output = ApiOutput::read(if sync { data.get("data").unwrap_or(&Value::Null) } else { &data });
        for (kind, message) in &output.wrong {
            self.log.violation(*kind, Some(run_id), message.clone());
        }
        let at_checkpoint = !matches!(by, By::Answer { .. });
        let failed = match (at_checkpoint, sync) {
            (true, false) => !output.present || output.status >= 500,
            (_, true) => output.status >= 500,
            (false, false) => false,
        };
        let raw = if !at_checkpoint {
            let message =
                format!("{} in an array: the waiting client gets `null` with 200", op.code.as_str());
            self.log.violation(ViolationKind::ResultInArray, Some(run_id), message);
            Bytes::from_static(b"null")
        } else if sync {
            let message = "SyncRunComplete at a checkpoint: the run's output is empty";
            self.log.violation(ViolationKind::MissingResult, Some(run_id), message);
            Bytes::new()
        } else {
            output.body.clone().into()
        };
        let ending = Ending {
            status: if failed { RunStatus::Failed } else { RunStatus::Completed },
            at: self.now(),
            reply: Reply::Raw(raw),
            response: if at_checkpoint && !sync { output.response() } else { None },
            at_checkpoint,
        };
        self.end(run_id, ending);
        if at_checkpoint && let Some(run) = self.runs.get_mut(run_id) {
            // It has said so itself.
            run.tell_of_end(&Origin::FirstRequest, std::time::UNIX_EPOCH);
        }
    }

    /// Ends a run with raw bytes as its output.
    pub(crate) fn end_raw(&mut self, run_id: &str, status: RunStatus, raw: Bytes) {
        let at = self.now();
        self.end(run_id, Ending { status, at, reply: Reply::Raw(raw), response: None, at_checkpoint: false });
    }
}
