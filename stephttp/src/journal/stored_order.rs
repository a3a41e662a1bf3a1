//! The order of a run's steps, as hidden steps hold it.

use super::Journal;
use super::hidden::{hidden, order_step};
use super::record::Recorded;
use crate::wire::limits::RUN_STEPS;

impl Journal {
    /// Lets the decisions of this request be stored with what is sent next.
    pub(super) fn store_order(&mut self) {
        if self.is_full() {
            tracing::warn!(
                "a run is at its limit of {RUN_STEPS} steps: the order of its steps is not stored"
            );
            return;
        }
        let decisions = self.order.take_unstored();
        if !decisions.is_empty() {
            let op = hidden(order_step(self.known.orders()), &decisions);
            self.known.add_order();
            self.record(op);
        }
    }

    /// A hidden step that holds what comes next in the order, if it is the first to be stored.
    pub(super) fn propose_order(&self) -> Recorded {
        hidden(order_step(self.known.orders()), &self.order.proposal())
    }
}
