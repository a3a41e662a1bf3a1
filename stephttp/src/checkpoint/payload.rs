//! The bodies of checkpoint calls, within the server's limits.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::app::App;
use crate::delivery::DeliveryError;
use crate::exchange::{BodyFault, Dispatch};
use crate::journal::{Recorded, is_repeatable, start, takes_operations};
use crate::run::Run;
use crate::untrusted::{Complaint, shown};
use crate::wire::duration::millis;
use crate::wire::limits::{FIRST_CALL_BYTES, REQUEST_BODY_BYTES, STEP_OUTPUT_BYTES};
use crate::wire::{
    ApiResult, CheckpointAsyncRequest, CheckpointNewRunRequest, CheckpointRun, CheckpointStepsRequest,
    HTTP_REQUEST_EVENT, HttpRequestEvent, JsonWriter, NewApiRunData, Op, OpCode, RunId, WriteJson, headers,
};

/// What a call's body holds besides its operations and the request's own data, at most.
const ENVELOPE_BYTES: usize = 2 * 1024;

/// Bytes of operations in a call that the server sets no limit for: more go into several calls.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Finished steps in a call: more go into several, since the server takes its time for each, and a
/// call that takes longer than an attempt may has failed (docs/protocol.md 2.6).
const BATCH_STEPS: usize = 200;

/// Operations on their way out.
pub(super) struct Unsent {
    ops: Vec<Recorded>,
    sent: usize,
}

impl Unsent {
    pub(super) fn new(ops: Vec<Recorded>) -> Self {
        Self { ops, sent: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.ops.len()
    }

    /// Notes that the first `count` have arrived; returns their size.
    pub(super) fn sent(&mut self, count: usize) -> usize {
        let bytes = self.size(count);
        self.sent += count;
        bytes
    }

    /// Whether a call with the next `count` is the run's last.
    pub(super) fn ends_with_run(&self, count: usize) -> bool {
        count == self.rest().len() && self.rest().last().is_some_and(|op| op.op() == OpCode::RunComplete)
    }

    /// Whether a call with the next `count` makes Inngest call back.
    pub(super) fn hands_over(&self, count: usize) -> bool {
        !is_repeatable(&self.rest()[..count])
    }

    pub(super) fn into_rest(mut self) -> Vec<Recorded> {
        self.ops.drain(..self.sent);
        self.ops
    }

    fn rest(&self) -> &[Recorded] {
        &self.ops[self.sent..]
    }

    /// How many of the next go into a call that has room for a number of bytes. What has an effect
    /// comes with the last of the finished steps, however many they are.
    fn fitting(&self, bytes: usize) -> usize {
        self.without_part_of_end(self.fitting_each(bytes))
    }

    /// The same, for a call that the server sets no limit for: at least one.
    fn fitting_or_next(&self, bytes: usize) -> usize {
        match self.fitting(bytes) {
            0 if self.without_part_of_end(1) == 0 => self.rest().len(),
            count => count.max(1),
        }
    }

    /// The same number, or less: Inngest calls back for a step that failed for good, unless it
    /// comes with the run's end (docs/protocol.md 5.2). That job would run the steps of a run that
    /// is over.
    fn without_part_of_end(&self, count: usize) -> usize {
        let rest = self.rest();
        if count >= rest.len() || rest.last().is_some_and(|op| op.op() != OpCode::RunComplete) {
            return count;
        }
        rest[..count].iter().take_while(|op| op.op() == OpCode::StepRun).count()
    }

    fn fitting_each(&self, mut bytes: usize) -> usize {
        let mut steps = 0;
        let fits = |op: &&Recorded| {
            steps += usize::from(op.op() == OpCode::StepRun);
            let fits = op.size() <= bytes && steps <= BATCH_STEPS;
            bytes = bytes.saturating_sub(op.size());
            fits
        };
        self.rest().iter().take_while(fits).count()
    }

    /// Bytes of the next `count`, about.
    fn size(&self, count: usize) -> usize {
        self.rest()[..count].iter().map(Recorded::size).sum()
    }

    fn wire(&self, count: usize) -> Vec<Op<'_>> {
        self.rest()[..count].iter().map(Recorded::to_wire).collect()
    }
}

/// `POST /v1/checkpoint`. `None`: not yet, the handler is still reading the request's body.
///
/// At the run's end a body that was not read, or cannot be kept, is left out: nobody will replay
/// it.
pub(super) async fn create(
    run: &Run,
    app: &App,
    at_end: bool,
    unsent: &Unsent,
) -> Result<Option<(Bytes, usize)>, DeliveryError> {
    let Some(head) = run.head() else { return Ok(None) };
    let body = match run.body.seen() {
        Err(BodyFault::Incomplete) if !at_end => run.body.complete().await,
        seen => seen,
    };
    let body = match body {
        Ok(body) => body,
        Err(BodyFault::Incomplete) if at_end => Bytes::new(),
        Err(BodyFault::Incomplete) => return Ok(None),
        Err(BodyFault::TooLong(reason) | BodyFault::Lost(reason)) => {
            if let Some(left_out) = app.admits_line(Complaint::RequestBody) {
                let reason = shown(&reason);
                tracing::warn!(run_id = %run.id(), function = run.log_name(), %reason, left_out, "the run is recorded without its request's body");
            }
            Bytes::new()
        }
    };
    let body = run.transform_request_body(body).await.map_err(DeliveryError::Middleware)?;
    if body.len() > REQUEST_BODY_BYTES {
        return Err(DeliveryError::TooLarge(format!(
            "the request's body has {} bytes as middlewares would have it stored, and Inngest keeps at most \
             {REQUEST_BODY_BYTES}",
            body.len()
        )));
    }
    let opts = run.opts();
    let data = NewApiRunData {
        domain: app.origin(head.host()),
        method: head.recorded_method().as_str().into(),
        path: head.path().into(),
        function: match (opts.id(), head.matched_path()) {
            ("", None) => Cow::Borrowed(""),
            ("", Some(path)) if path.as_str() == head.path() => Cow::Borrowed(""),
            _ => run.function_name(),
        },
        ip: head.ip(),
        content_type: head.content_type(),
        query_params: head.query().into(),
        body: BASE64_STANDARD.encode(&body).into(),
    };
    let fixed =
        ENVELOPE_BYTES + data.body.len() + data.path.len() + data.query_params.len() + data.domain.len();
    let run_id = run.id().to_string();
    // An answer without operations has no token; when not even the first fits, something small
    // stands in for it.
    let stand_in = LazyCell::new(|| start(run.ledger.handed_over_at()));
    let mut request = CheckpointNewRunRequest {
        run_id: run_id.into(),
        idempotency: None,
        event: HttpRequestEvent { name: HTTP_REQUEST_EVENT.into(), data },
        steps: Vec::new(),
        ts: millis(SystemTime::now()),
        request_version: headers::REQUEST_VERSION_VALUE,
        retries: opts.get_retries(),
    };
    // A run that exists already may not take operations with its creation again; they follow in
    // calls of their own.
    let takes_operations = takes_operations(run.ledger.may_exist());
    let room = if takes_operations { FIRST_CALL_BYTES.saturating_sub(fixed) } else { 0 };
    let mut count = unsent.fitting(room);
    loop {
        request.steps = if count == 0 { vec![stand_in.to_wire()] } else { unsent.wire(count) };
        let body = encode(&request, fixed + unsent.size(count))?;
        if body.len() <= FIRST_CALL_BYTES {
            return Ok(Some((body, count)));
        }
        if count == 0 {
            return Err(DeliveryError::TooLarge(format!(
                "the request has {} bytes, too many for Inngest",
                body.len()
            )));
        }
        // Sizes are estimates: texts that need much escaping take more.
        count = unsent.without_part_of_end(count / 2);
    }
}

/// `POST /v1/checkpoint/{run_id}/steps`.
pub(super) fn add(
    run_id: RunId,
    known: &CheckpointRun,
    unsent: &Unsent,
) -> Result<(Bytes, usize), DeliveryError> {
    let count = unsent.fitting_or_next(BATCH_BYTES);
    let request = CheckpointStepsRequest {
        run_id: run_id.to_string().into(),
        fn_id: known.fn_id,
        app_id: known.app_id,
        steps: unsent.wire(count).into(),
        ts: millis(SystemTime::now()),
    };
    Ok((encode(&request, ENVELOPE_BYTES + unsent.size(count))?, count))
}

/// `POST /v1/checkpoint/{run_id}/async`.
pub(super) fn save(
    run_id: RunId,
    dispatch: &Dispatch,
    unsent: &Unsent,
) -> Result<(Bytes, usize), DeliveryError> {
    let count = unsent.fitting_or_next(BATCH_BYTES);
    let dispatched = dispatch.request();
    let request = CheckpointAsyncRequest {
        run_id: run_id.to_string().into(),
        fn_id: None,
        app_id: None,
        qi_id: dispatch.job_id.as_str().into(),
        request_id: dispatched.request_id.as_str().into(),
        generation_id: dispatched.generation,
        request_started_at: millis(dispatched.started),
        steps: unsent.wire(count),
        ts: millis(SystemTime::now()),
    };
    Ok((encode(&request, ENVELOPE_BYTES + unsent.size(count))?, count))
}

/// The run's end. A body that makes it too large is left out.
pub(super) fn complete(run: &Run, result: ApiResult<'static>) -> Result<Recorded, serde_json::Error> {
    let complete = Recorded::complete(&result)?;
    if complete.size() <= STEP_OUTPUT_BYTES {
        return Ok(complete);
    }
    let why = "as JSON it is over 4 MiB";
    if let Some(left_out) = run.app().and_then(|app| app.admits_line(Complaint::ResponseBody)) {
        tracing::info!(
            run_id = %run.id(), function = run.log_name(),
            status = result.status,
            length = result.body.len(),
            left_out,
            "the response's body is not stored with its run: {why}"
        );
    }
    Recorded::complete(&result.body("").header(headers::BODY_NOT_STORED, why))
}

/// `size` is about what it will take.
fn encode(request: &impl WriteJson, size: usize) -> Result<Bytes, DeliveryError> {
    let mut body = JsonWriter::with_capacity(size);
    request.write_json(&mut body).map_err(DeliveryError::Unfit)?;
    Ok(body.into_bytes().into())
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::journal::StepKey;
    use crate::wire::OpError;

    fn failed(id: &'static str) -> Recorded {
        Recorded::failed(StepKey::hidden(id), OpCode::StepFailed, OpError::new("Error", "no"), None)
    }

    fn end() -> Recorded {
        Recorded::complete(&ApiResult::new(200).body("x".repeat(10_000))).unwrap()
    }

    /// Inngest calls back for a failure that comes before the run's end: the job would do again,
    /// and otherwise, what the request has done.
    #[test]
    fn a_failure_comes_with_the_end_of_its_run() {
        let ran =
            |id| Recorded::ran(StepKey::hidden(id), RawValue::from_string("1".to_owned()).unwrap(), None);
        let asks = || Recorded::failed(StepKey::hidden("e"), OpCode::StepError, OpError::new("E", ""), None);
        for (ops, room, fitting, or_next) in [
            (vec![ran("a"), failed("b"), end()], 100_000, 3, 3),
            (vec![ran("a"), failed("b"), end()], 5_000, 1, 1),
            (vec![ran("a"), ran("b"), end()], 5_000, 2, 2),
            (vec![ran("a"), failed("b"), end()], 0, 0, 1),
            (vec![failed("b"), failed("c"), end()], 5_000, 0, 3),
            (vec![end()], 5_000, 0, 1),
            // It goes on: what is called back for has its say.
            (vec![ran("a"), failed("b"), asks()], 5_000, 3, 3),
            (vec![failed("b"), asks()], 500, 1, 1),
        ] {
            let unsent = Unsent::new(ops);
            assert_eq!(
                (unsent.fitting(room), unsent.fitting_or_next(room)),
                (fitting, or_next),
                "{room} {:?}",
                unsent.ops
            );
        }
    }
}
