//! What the steps share that send something from this process: a step that runs, over a call to
//! Inngest.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;
use sha1::{Digest, Sha1};
use ulid::Ulid;

use super::{RunStep, Step, Storable};
use crate::client::{ApiError, Extras};
use crate::error::{Failure, Retry};
use crate::function::{StepId, StepKind};
use crate::journal::StepKey;
use crate::middleware::{Chain, StepContext};
use crate::run::Run;
use crate::wire::{EventIdSeed, StepHash};

/// A step's future, by a name of its own.
pub(super) type Sending<T> = RunStep<BoxFuture<T>, T>;

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

impl Step {
    /// Runs a call as a step. It is made with which use of its id the step is, and what middlewares
    /// are told of it, if there are some.
    pub(super) fn sending<T: Storable>(
        &self,
        id: StepId,
        call: impl FnOnce(u32, Option<(Chain, Arc<StepContext>)>) -> BoxFuture<T>,
        kind: StepKind,
        caller: &'static Location<'static>,
    ) -> Sending<T> {
        let make = |key: Option<&StepKey>| {
            call(key.map_or(0, |key| key.index), key.and_then(|key| self.run.sending_context(key)))
        };
        RunStep::new(self.run.clone(), id, kind, make, caller)
    }

    /// The seed of the ids of what a step sends: the same in each of its attempts, different for
    /// each use of its id.
    pub(super) fn event_id_seed(run: &Run, id: &str, index: u32) -> EventIdSeed {
        let hash = StepHash::of_repeated(&format!("stephttp:event-id-seed:{id}"), index);
        let run_id = run.id().to_string();
        let digest = Sha1::digest(format!("{run_id}.{hash}"));
        let mut entropy = [0; 10];
        entropy.copy_from_slice(&digest[..10]);
        // The run's start. What is 0 would not be taken for a seed.
        let millis = Ulid::from_string(&run_id).map_or(1, |run_id| run_id.timestamp_ms().max(1));
        EventIdSeed { millis, entropy }
    }
}

/// What a step that sends may say of its attempts, as `run` does.
macro_rules! limited {
    ($($step:ident),*) => { $(
        impl $step {
            /// Bounds how long an attempt may take, the repetitions of its call included: see
            /// [`RunStep::timeout`](crate::step::RunStep::timeout). What was sent by then may have
            /// arrived.
            pub fn timeout(mut self, limit: std::time::Duration) -> Self {
                self.sending.set_timeout(limit);
                self
            }

            /// Has the step tried again at most so often: see
            /// [`RunStep::retries`](crate::step::RunStep::retries).
            pub fn retries(mut self, retries: u8) -> Self {
                self.sending.set_retries(retries);
                self
            }
        }
    )* };
}

pub(super) use limited;

/// What middlewares add to a call that a step makes.
pub(super) fn extras((chain, step): &(Chain, Arc<StepContext>)) -> Extras {
    let mut headers = HeaderMap::new();
    chain.api_headers(step.execution(), &mut headers);
    Extras::new(headers)
}

/// A call's error as a step's failure: in the API's words, and retried if that can help.
pub(super) fn failure(error: ApiError) -> Failure {
    let retry = match error.retry_after() {
        _ if !error.is_transient() => Retry::Never,
        Some(delay) => Retry::After(delay),
        None => Retry::Backoff,
    };
    Failure::from(error).with_retry(retry)
}
