//! What earlier requests of a run have stored.

use super::hidden::{END, START};
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
