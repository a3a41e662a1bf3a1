//! The steps that the SDK adds to a run for itself. Their ids begin with `stephttp:`.

use std::time::Duration;

use serde::Serialize;

use super::memo::Memo;
use super::record::{Recorded, StepKey};
use crate::wire::limits::WAIT;
use crate::wire::{OpCode, OpOpts, StepHash, duration};

/// The hidden step that says: several re-entries of this run may be under way.
pub(crate) const SHARED: &str = "stephttp:shared";

/// The same, of runs that were handed over by a version that planned each of their steps.
pub(crate) const PLANS: &str = "stephttp:plans";

/// The beginning of the ids of hidden steps that ask to be called back at once.
pub(crate) const DISCOVER: &str = "stephttp:discover";

/// The hidden step of a run that has no other to begin with, or whose first call was made again.
/// Its value is `null`, or when that call may have been carried out before: then the run may have
/// ended, and creating it again has only brought it back.
pub(crate) const START: &str = "stephttp:start";

/// The hidden step that holds how a shared run ends: the first that is stored, whichever of its
/// re-entries comes to an end.
pub(crate) const END: &str = "stephttp:end";

/// The hidden step that says: a job has decided what comes next by itself in a dispatch that was
/// not its first. Another process may work on the same job, and have decided otherwise: then steps
/// are stored that do not lie on the way that is followed.
pub(crate) const FORKED: &str = "stephttp:forked";

/// The hidden step that stands for what a job could not save, or for a handler that has failed and
/// says when it is to be tried again, so that Inngest dispatches the job again.
pub(crate) const AGAIN: &str = "stephttp:again";

/// The hidden step that says: the run's client reads its stream.
pub(super) const STREAMED: &str = "stephttp:streamed";

/// The hidden step that says of a step that its output is what its client was streamed.
pub(super) fn piped_step(step: StepHash) -> StepKey {
    StepKey::hidden(format!("stephttp:piped:{step}"))
}

/// Notes that the run's client reads its stream.
pub(crate) fn streamed_step() -> Recorded {
    hidden(StepKey::hidden(STREAMED), &true)
}

/// Whether the run's client reads its stream.
pub(crate) fn is_streamed(memo: &Memo) -> bool {
    memo.get(StepKey::hidden(STREAMED).hash).is_some()
}

/// A step that the SDK adds for itself.
pub(crate) fn hidden(key: StepKey, value: &impl Serialize) -> Recorded {
    // A flag or texts: this cannot fail.
    Recorded::ran(key, serde_json::value::to_raw_value(value).unwrap_or_default(), None)
}

/// The beginning of the ids of hidden steps that hold the log.
pub(super) const ORDER: &str = "stephttp:order:";

/// The n-th hidden step that holds the log.
pub(crate) fn order_step(n: usize) -> StepKey {
    StepKey::hidden(format!("{ORDER}{n}"))
}

/// The hidden step that says that Inngest has been told of a wait: it comes with the wait.
pub(crate) fn told_step(wait: StepHash) -> StepKey {
    StepKey::hidden(format!("stephttp:told:{wait}"))
}

/// The hidden sleep after which a step is tried again that has failed for the n-th time.
pub(crate) fn retry_step(step: StepHash, attempt: u32) -> StepKey {
    StepKey::hidden(format!("stephttp:retry:{step}:{attempt}"))
}

pub(super) fn retry_sleep(step: StepHash, attempt: u32, delay: Duration) -> Recorded {
    let opts = OpOpts::sleep(duration::format(delay.min(WAIT)));
    Recorded::ask(retry_step(step, attempt), OpCode::Sleep, opts)
}

/// Asks to be called back at once. Inngest does it once for a name.
pub(super) fn discovery(name: &str) -> Recorded {
    let id = if name.is_empty() { DISCOVER.to_owned() } else { format!("{DISCOVER}:{name}") };
    Recorded::ask(StepKey::hidden(id), OpCode::DiscoveryRequest, OpOpts::default())
}

/// Asks for a job that tries a step again which has failed for the n-th time. `by` is for who must
/// get one, whoever has asked before.
pub(super) fn retry_discovery(step: StepHash, attempt: u32, by: Option<&str>) -> Recorded {
    let by = by.map(|by| format!(":{by}")).unwrap_or_default();
    discovery(&format!("{step}:{attempt}{by}"))
}
