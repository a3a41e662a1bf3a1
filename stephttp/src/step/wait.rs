//! What the steps share that wait for Inngest.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::StepId;
use crate::error::StepError;
use crate::run::{Memoized, Recorded, Run, StepKey};
use crate::wire::OpError;

/// One wait, from its call to its end. Dropped before that, it is forgotten.
#[derive(Debug)]
pub(super) struct Wait {
    run: Arc<Run>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The arguments make no sense.
    Misused {
        id: String,
        error: OpError,
    },
    Waiting(StepKey),
    Done,
}

/// How a wait ended.
#[derive(Debug)]
pub(super) enum Waited {
    /// Inngest has stored its outcome.
    Stored(StepKey, Memoized),
    /// There is no Inngest: see [`Step::detached`](super::Step::detached).
    Detached(StepKey),
    /// It could not begin.
    Refused(StepError),
}

impl Wait {
    pub(super) fn new(run: Arc<Run>, id: StepId, caller: &'static Location<'static>) -> Self {
        let state = match id.fault() {
            Some(fault) => State::Misused {
                id: id.as_str().to_owned(),
                error: OpError::new("InvalidStepId", format!("{fault} (at {caller})")),
            },
            None => State::Waiting(run.claim(id, caller)),
        };
        Self { run, state }
    }

    /// What the arguments have wrong; the first fault counts.
    pub(super) fn misuse(&mut self, name: &str, fault: impl Into<String>) {
        if let State::Waiting(key) = &self.state {
            self.state = State::Misused { id: key.id.to_string(), error: OpError::new(name, fault) };
        }
    }

    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// `op` is what is asked of Inngest; it is called once at most.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        op: impl FnOnce(StepKey) -> Recorded,
    ) -> Poll<Waited> {
        let key = match &self.state {
            State::Waiting(key) => key,
            State::Misused { id, error } => {
                tracing::error!(run_id = %self.run.id(), step = id, "{}", error.message);
                let refused = StepError::new(id.clone(), error.clone());
                self.state = State::Done;
                return Poll::Ready(Waited::Refused(refused));
            }
            State::Done => panic!("a step was polled after it had ended"),
        };
        let waited = match self.run.poll_wait(key, cx.waker(), || op(key.clone())) {
            Poll::Ready(Some(value)) => Waited::Stored(key.clone(), value),
            Poll::Ready(None) => Waited::Detached(key.clone()),
            Poll::Pending => return Poll::Pending,
        };
        self.state = State::Done;
        Poll::Ready(waited)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let State::Waiting(key) = &self.state {
            self.run.forget(key.hash);
        }
    }
}
