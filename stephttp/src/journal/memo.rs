//! What earlier requests of a run have stored.

use super::decision::Decision;
use super::hidden::{END, START, order_step};
use super::record::StepKey;
use crate::wire::ApiResult;
pub(crate) use crate::wire::{MemoizedStep as Memoized, MemoizedSteps as Memo};

/// How the run ends, if one of its re-entries has come to an end.
pub(crate) fn end_of(memo: &Memo) -> Option<ApiResult<'static>> {
    memo.get(StepKey::hidden(END).hash)?.outcome().ok()?.ok()
}

/// When the run may have been handed over by a call whose answer was lost: milliseconds since the
/// epoch.
pub(crate) fn handed_over_at(memo: &Memo) -> Option<u64> {
    memo.get(StepKey::hidden(START).hash)?.outcome::<Option<u64>>().ok()?.ok()?
}

/// The decisions that are stored with a run, in their order, and how many hidden steps hold them.
pub(super) fn decisions(memo: &Memo) -> (Vec<Decision>, usize) {
    let mut decisions = Vec::new();
    for n in 0.. {
        let Some(stored) = memo.get(order_step(n).hash) else { return (decisions, n) };
        match stored.outcome::<Vec<Decision>>() {
            Ok(Ok(more)) => decisions.extend(more),
            _ => {
                tracing::error!(step = %order_step(n).id, "the stored order of a run's steps cannot be read");
            }
        }
    }
    unreachable!("no run has so many steps")
}
