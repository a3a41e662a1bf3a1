//! The middleware that tells the test what the app does, and puts mocks in the place of steps.

use std::sync::Arc;

use bytes::Bytes;
use inngest::client::ApiError;
use inngest::function::StepKind;
use inngest::middleware::{CheckpointContext, Execution, Middleware, StepContext, StoredResponse};
use inngest::{Failure, StepError};
use serde_json::value::RawValue;

use super::record::{Attempt, Record};
use crate::inspect::label;

/// The header by which a run is known to be that of one request of the test's.
pub(super) const REQUEST: &str = "x-stephttp-test-request";

/// The name of the error that the SDK gives for a mock of another type than the step's.
const MISMATCH: &str = "MockMismatch";

/// The innermost middleware: it sees values before others change them.
#[derive(Debug)]
pub(super) struct Recorder(Arc<Record>);

/// Where the attempt that is under way is in the record.
#[derive(Clone, Copy)]
struct Place(usize);

impl Recorder {
    pub(super) fn new(record: Arc<Record>) -> Self {
        Self(record)
    }

    /// Notes whose request an execution is part of.
    fn note(&self, execution: &Execution) {
        let run_id = execution.run_id().to_string();
        if !execution.is_first_request() {
            self.0.lock().reentered(run_id);
            return;
        }
        let request = execution.request_headers().get(REQUEST);
        if let Some(request) = request.and_then(|request| request.to_str().ok()?.parse().ok()) {
            self.0.lock().run_begins(request, &run_id);
        }
    }

    fn keep(&self, step: &StepContext, output: &RawValue) {
        if let Ok(value) = serde_json::from_str(output.get()) {
            self.0.lock().gave(step.execution().run_id().to_string(), step.hash().to_string(), value);
        }
    }
}

impl Middleware for Recorder {
    async fn before_execution(&self, execution: &Execution) {
        self.note(execution);
    }

    // A request that is recorded without steps has no execution, but it does have checkpoints.
    async fn after_checkpoint(&self, checkpoint: &CheckpointContext, _: Result<(), &ApiError>) {
        self.note(checkpoint.execution());
    }

    async fn before_step(&self, step: &StepContext) {
        // Without a kind it is the SDK's own.
        let Some(kind) = step.kind() else { return };
        let place = self.0.lock().begins(Attempt {
            run_id: step.execution().run_id().to_string(),
            id: step.id().to_owned(),
            index: step.index(),
            hash: step.hash().to_string(),
            kind,
            mocked: false,
            outcome: None,
        });
        step.insert(Place(place));
    }

    fn stands_in(&self, step: &StepContext) -> Option<Result<Box<RawValue>, Failure>> {
        let (run_id, hash) = (step.execution().run_id().to_string(), step.hash().to_string());
        let mut seen = self.0.lock();
        let mock = seen.mocks.take(&label(step.id(), step.index(), &hash), step.id())?;
        let kind = step.kind()?;
        if kind != StepKind::Run {
            let (id, kind) = (step.id(), kind.method());
            seen.mistake(format!(
                "the mock of `{id}` is not used: the step is no `step.run(..)` but a `step.{kind}(..)`, whose call is made to the \
                 engine. Look at what has arrived, with `app.engine().events()` and its like"
            ));
            return None;
        }
        if let Some(Place(place)) = step.get()
            && let Some(attempt) = seen.attempt_mut(place)
        {
            attempt.mocked = true;
        }
        let attempt = seen.executions_of(&run_id, &hash);
        // The mock is the test's code, and may look at the record itself.
        drop(seen);
        Some(match mock.give(attempt) {
            Ok(Ok(value)) => serde_json::value::to_raw_value(&value).map_err(Failure::from),
            Ok(Err(failure)) => Err(failure),
            Err(panic) => {
                let mistake = format!("the mock of `{}` panicked: {panic}", step.id());
                self.0.lock().mistake(mistake.clone());
                Err(Failure::non_retriable(mistake))
            }
        })
    }

    async fn transform_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.keep(step, &output);
        Ok(output)
    }

    async fn restore_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.keep(step, &output);
        Ok(output)
    }

    async fn after_step(&self, step: &StepContext, outcome: Result<(), &StepError>) {
        let mut seen = self.0.lock();
        if let Some(Place(place)) = step.get()
            && let Some(attempt) = seen.attempt_mut(place)
        {
            attempt.outcome = Some(outcome.map_err(|error| error.message().to_owned()));
        }
        if let Err(error) = outcome
            && error.name() == MISMATCH
        {
            seen.mistake(error.message().to_owned());
        }
    }

    async fn transform_response_body(
        &self,
        execution: &Execution,
        _: &StoredResponse,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let text = String::from_utf8_lossy(&body).into_owned();
        self.0.lock().answered(execution.run_id().to_string(), text);
        Ok(body)
    }

    // It changes none: outputs pass on as they come.
    fn restores_responses(&self) -> bool {
        false
    }
}
