//! A run's operations, from when they are recorded until they are sent.

use super::Run;
use super::record::Recorded;
use crate::wire::OpCode;

impl Run {
    /// Whether there is anything to tell Inngest.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.lock().unsent.is_empty()
    }

    /// Whether there is anything to tell Inngest before this request's part of the run ends.
    pub(crate) fn has_unsent_finished(&self) -> bool {
        self.lock().unsent.iter().any(|op| op.op() == OpCode::StepRun)
    }

    /// Gives up the last of what could not be sent.
    pub(crate) fn forget_last(&self, count: usize) {
        let mut ops = self.take_unsent();
        ops.truncate(ops.len().saturating_sub(count));
        self.put_back(ops);
    }

    pub(crate) fn record(&self, op: Recorded) {
        self.lock().record(op);
    }

    pub(crate) fn take_unsent(&self) -> Vec<Recorded> {
        self.lock().take_unsent()
    }

    /// What has not been sent, as far as it fits into one message. The rest is given up: its steps run again.
    pub(crate) fn take_unsent_within(&self, mut bytes: usize) -> Vec<Recorded> {
        let mut ops = self.take_unsent();
        let fits = ops.iter().take_while(|op| {
            let fits = op.size() <= bytes;
            bytes = bytes.saturating_sub(op.size());
            fits
        });
        ops.truncate(fits.count());
        ops
    }

    pub(crate) fn put_back(&self, ops: Vec<Recorded>) {
        self.lock().put_back(ops);
    }

    /// A first request's operations could not be sent: its driver has to see to it, also when its handler does nothing.
    pub(crate) fn notice_failed_checkpoint(&self) {
        if self.is_first() {
            self.wakeup.notice();
        }
    }

    /// What had ended is saved, or cannot be for now.
    pub(crate) fn saved(&self, in_vain: bool) {
        let mut state = self.lock();
        if state.saves_first && (in_vain || state.unsent.is_empty()) {
            state.saves_first = false;
            drop(state);
            self.wakeup.notice();
        }
    }
}
