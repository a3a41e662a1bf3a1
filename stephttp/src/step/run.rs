//! `step.run`: a future whose outcome is kept.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StepId;
use crate::error::{Failure, Retry, StepError};
use crate::run::{Begin, Ended, Executing, Run, StepKey};
use crate::wire::{OpError, Timing};

pin_project! {
    /// The future of [`Step::run`](super::Step::run).
    #[must_use = "a step does nothing until it is awaited"]
    pub struct RunStep<F> {
        #[pin]
        future: F,
        run: Arc<Run>,
        stage: Stage,
    }

    impl<F> PinnedDrop for RunStep<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Stage::Outstanding(key) = this.stage {
                this.run.forget(key.hash);
            }
        }
    }
}

enum Stage {
    /// The id is none: the fault.
    Misused(StepId, String),
    /// Not begun; with the run's gate as it was at the first poll.
    New(StepKey, Option<u64>),
    Backpressure(StepKey, Pin<Box<dyn Future<Output = ()> + Send>>),
    Executing(StepKey, Executing),
    /// Only Inngest can bring it forward.
    Outstanding(StepKey),
    Done,
}

impl<F> RunStep<F> {
    pub(super) fn new(run: Arc<Run>, id: StepId, future: F, caller: &'static Location<'static>) -> Self {
        let stage = match id.fault() {
            Some(fault) => Stage::Misused(id, fault),
            None => Stage::New(run.claim(id, caller), None),
        };
        Self { future, run, stage }
    }
}

impl<T, E, F> Future for RunStep<F>
where
    T: Serialize + DeserializeOwned,
    E: Into<Failure>,
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, StepError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match std::mem::replace(this.stage, Stage::Done) {
                Stage::Misused(id, fault) => {
                    let error = OpError::new("InvalidStepId", fault);
                    return Poll::Ready(Err(refused(this.run, id.as_str(), error)));
                }
                Stage::New(key, mut gate) => match this.run.begin(&key, &mut gate, cx.waker()) {
                    Begin::Memoized(value) => return Poll::Ready(recall(this.run, &key, value.outcome())),
                    Begin::Refused(error) => return Poll::Ready(Err(refused(this.run, &key.id, error))),
                    Begin::Execute(executing) => *this.stage = Stage::Executing(key, executing),
                    Begin::Backpressure => {
                        *this.stage = Stage::Backpressure(key, Box::pin(this.run.clone().make_room()));
                    }
                    Begin::Pending if gate.is_some() => {
                        *this.stage = Stage::New(key, gate);
                        return Poll::Pending;
                    }
                    Begin::Pending => {
                        *this.stage = Stage::Outstanding(key);
                        return Poll::Pending;
                    }
                },
                Stage::Backpressure(key, mut room) => {
                    if room.as_mut().poll(cx).is_pending() {
                        *this.stage = Stage::Backpressure(key, room);
                        return Poll::Pending;
                    }
                    *this.stage = Stage::New(key, None);
                }
                Stage::Executing(key, executing) => {
                    // On a panic in here the guard is dropped with `stage`, so the run does not count on this step.
                    *this.stage = Stage::Executing(key, executing);
                    let output = ready!(this.future.as_mut().poll(cx));
                    let Stage::Executing(key, executing) = std::mem::replace(this.stage, Stage::Done) else {
                        unreachable!("the stage was set above")
                    };
                    match end(this.run, key, executing.timing(), output, cx) {
                        Ok(outcome) => return Poll::Ready(outcome),
                        Err(key) => *this.stage = Stage::Outstanding(key),
                    }
                    return Poll::Pending;
                }
                Stage::Outstanding(key) => {
                    // Notes the waker anew, and panics when the run has gone on without this task.
                    let pending = this.run.still_outstanding(&key, cx.waker());
                    *this.stage = Stage::Outstanding(key);
                    return pending;
                }
                Stage::Done => panic!("a step was polled after it had ended"),
            }
        }
    }
}

/// What the handler gets from a step whose future has ended; the key back if it must wait for Inngest.
fn end<T, E>(
    run: &Run,
    key: StepKey,
    timing: Timing,
    output: Result<T, E>,
    cx: &mut Context<'_>,
) -> Result<Result<T, StepError>, StepKey>
where
    T: Serialize + DeserializeOwned,
    E: Into<Failure>,
{
    let unkept = |key: StepKey, error: OpError| {
        tracing::error!(run_id = %run.id(), step = %key.id, "{}", error.message);
        // Trying again would not change it.
        (key, Retry::Never, error)
    };
    let (key, retry, error) = match output.map_err(Into::into) {
        // Decoded from its stored form at once: every later request gets the same value.
        Ok(value) => match store(&value) {
            Ok((json, value)) => match run.ended_ok(key, json, timing, cx.waker()) {
                Ended::Continue => return Ok(Ok(value)),
                Ended::Outstanding(key) => return Err(key),
                Ended::Refused(key, error) => unkept(key, error),
            },
            Err(error) => unkept(key, error),
        },
        Err(failure) => (key, failure.retry(), failure.to_wire()),
    };
    let failed = StepError::new(key.id.clone(), error.clone());
    match run.ended_err(key, retry, error, timing, cx.waker()) {
        Ended::Outstanding(key) => Err(key),
        Ended::Continue | Ended::Refused(..) => Ok(Err(failed)),
    }
}

/// A value's stored form, and the value that comes out of it.
fn store<T: Serialize + DeserializeOwned>(
    value: &T,
) -> Result<(Box<serde_json::value::RawValue>, T), OpError> {
    let json = serde_json::value::to_raw_value(value).map_err(|error| {
        let message = format!(
            "the step's output, a `{}`, cannot be written as JSON: {error}",
            std::any::type_name::<T>()
        );
        OpError::new("StepOutputNotSerializable", message)
    })?;
    let value = serde_json::from_str(json.get()).map_err(|error| {
        let message = format!(
            "the step's output, a `{}`, cannot be read back from the JSON it was written as: {error}",
            std::any::type_name::<T>()
        );
        OpError::new("StepOutputNotDeserializable", message)
    })?;
    Ok((json, value))
}

/// An earlier request's outcome.
fn recall<T>(
    run: &Run,
    key: &StepKey,
    outcome: Result<Result<T, OpError>, serde_json::Error>,
) -> Result<T, StepError> {
    match outcome {
        Ok(outcome) => outcome.map_err(|error| StepError::new(key.id.clone(), error)),
        Err(error) => {
            let message = format!(
                "the stored output cannot be read as `{}`: {error}. The step's type has changed while the run was in \
                 flight",
                std::any::type_name::<T>()
            );
            Err(refused(run, &key.id, OpError::new("StepOutputNotDeserializable", message)))
        }
    }
}

fn refused(run: &Run, id: &str, error: OpError) -> StepError {
    tracing::error!(run_id = %run.id(), step = id, "{}", error.message);
    StepError::new(id, error)
}

impl<F> fmt::Debug for RunStep<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, stage) = match &self.stage {
            Stage::Misused(id, _) => (id.as_str(), "misused"),
            Stage::New(key, _) => (&*key.id, "new"),
            Stage::Backpressure(key, _) => (&*key.id, "waiting for room"),
            Stage::Executing(key, _) => (&*key.id, "executing"),
            Stage::Outstanding(key) => (&*key.id, "waiting for Inngest"),
            Stage::Done => ("", "done"),
        };
        f.debug_struct("RunStep").field("id", &id).field("stage", &stage).finish_non_exhaustive()
    }
}
