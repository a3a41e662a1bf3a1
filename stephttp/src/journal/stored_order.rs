//! The order of a run's steps, as hidden steps hold it.

use super::hidden::{hidden, order_step};
use super::record::Recorded;
use super::state::State;
use crate::wire::limits::RUN_STEPS;

/// Lets the decisions of this request be stored with what is sent next.
pub(crate) fn store_order(state: &mut State) {
    if state.steps() >= RUN_STEPS {
        tracing::warn!("a run is at its limit of {RUN_STEPS} steps: the order of its steps is not stored");
        return;
    }
    let decisions = state.order.take_unstored();
    if !decisions.is_empty() {
        let op = hidden(order_step(state.orders), &decisions);
        state.orders += 1;
        state.record(op);
    }
}

/// A hidden step that holds what comes next in the order, if it is the first to be stored.
pub(crate) fn propose(state: &State) -> Recorded {
    hidden(order_step(state.orders), &state.order.proposal())
}
