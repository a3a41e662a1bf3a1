//! What goes wrong on purpose.

use super::DevServer;
use crate::fault::InjectedFault;

impl DevServer {
    /// Lets something go wrong. Of several faults for one call the one injected first strikes.
    pub fn inject(&self, fault: InjectedFault) {
        self.engine.change(|state| state.faults.push(fault));
    }

    /// Takes back every fault.
    pub fn clear_faults(&self) {
        self.engine.change(|state| state.faults.clear());
    }

    /// From now on every API call's connection is closed without an answer. Re-entries go on.
    pub fn go_down(&self) {
        self.engine.change(|state| state.down = true);
    }

    /// Ends [`go_down`](Self::go_down).
    pub fn come_up(&self) {
        self.engine.change(|state| state.down = false);
    }

    /// Keeps back every re-entry from now on; time stands still as well.
    pub fn hold_dispatches(&self) {
        self.engine.change(|state| state.work.held = true);
    }

    /// Ends [`hold_dispatches`](Self::hold_dispatches).
    pub fn release_dispatches(&self) {
        self.engine.change(|state| state.work.held = false);
    }

    /// Sends the re-entry of a run that is under way once more, with the next generation, as if the
    /// first had been lost. What the first still saves is refused with 409, and its answer is
    /// ignored. Answers `false` when no re-entry is under way.
    pub fn redispatch(&self, run_id: &str) -> bool {
        self.engine.redispatch(run_id)
    }

    /// Sends the re-entry of a run that is under way once more, with the same job and the next
    /// generation, and both count: both may save steps, and both answers are taken. So does the
    /// real server with a retried step that runs for longer than about 15 s, as far as it does not
    /// validate dispatches. Answers `false` when no re-entry is under way.
    pub fn dispatch_beside(&self, run_id: &str) -> bool {
        self.engine.dispatch_beside(run_id)
    }

    /// Sends the n-th re-entry, counted from the first ever, once more after its answer has been
    /// taken: with the same job and the next generation, whatever has become of the run by then.
    pub fn duplicate_dispatch(&self, nth: usize) {
        self.engine.change(|state| state.mischief.duplicates.insert(nth.saturating_sub(1)));
    }

    /// From now on every run that ends after a re-entry is re-entered so many times more, as the
    /// real server does with discoveries that are under way by then.
    pub fn reenter_after_end(&self, times: usize) {
        self.engine.change(|state| state.mischief.after_end = times);
    }

    /// The next `clients` that wait for a run's output get 200 with an empty body when the run
    /// ends, as from the real server when it looks before the output has been stored.
    pub fn empty_outputs(&self, clients: usize) {
        self.engine.change(|state| state.mischief.empty_outputs = clients);
    }

    /// Sends the next re-entry twice at once: the second supersedes the first, as
    /// [`redispatch`](Self::redispatch) does.
    pub fn deliver_twice(&self) {
        self.engine.change(|state| state.work.twice += 1);
    }
}
