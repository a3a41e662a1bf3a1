//! What earlier requests of a run have stored.

use super::decision::Decision;
use super::hidden::order_step;
pub(crate) use crate::wire::{MemoizedStep as Memoized, MemoizedSteps as Memo};

/// The decisions that are stored with a run, in their order, and how many hidden steps hold them.
pub(crate) fn decisions(memo: &Memo) -> (Vec<Decision>, usize) {
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
